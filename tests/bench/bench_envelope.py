"""Normalising random egress boxes: 1,000 and 10,000, against a sort of as many ranges."""

from __future__ import annotations

import ipaddress
import random
import time

from policyc.envelope.domains import EGRESS_IP, PROTOCOLS
from policyc.envelope.region import Region


def box(rng: random.Random) -> Region:
    length = rng.randint(12, 32)
    network = ipaddress.ip_network((rng.getrandbits(32), length), strict=False)
    first = rng.randrange(1, 65535)
    ports = str(first) if rng.random() < 0.7 else f"{first}-{min(65535, first + rng.randrange(99))}"
    return EGRESS_IP.written(
        {"protocol": rng.choice(PROTOCOLS), "port": ports, "address": str(network)}
    )


def main() -> None:
    taken: dict[int, float] = {}
    for count in (1_000, 10_000):
        rng = random.Random(count)
        boxes = [box(rng) for _ in range(count)]
        start = time.perf_counter()
        region = EGRESS_IP.union(boxes)
        taken[count] = time.perf_counter() - start
        start = time.perf_counter()
        sorted((rng.getrandbits(32), rng.getrandbits(32)) for _ in range(count))
        floor = time.perf_counter() - start
        shown = f"{taken[count]:.2f} s, {taken[count] / floor:.0f} x a sort of as many ranges"
        print(f"{count} boxes to {len(region.boxes())}: {shown}")
    print(f"10,000 take {taken[10_000] / taken[1_000]:.1f} x as long as 1,000")


if __name__ == "__main__":
    main()
