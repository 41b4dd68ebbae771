"""``python -m tests.kernels [NAME...]``: record on each kernel, and say what it cannot see there.

Exit code 1 when a kernel sees less than EXPECTED says.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .machine import Kernel, Outcome, record


@dataclass(frozen=True, slots=True)
class Expected:
    """``missing``: the hooks that it lacks, or at which it takes no program like the recorder's."""

    kernel: Kernel
    missing: frozenset[str]


_UNTIL_6_12 = frozenset({"tp_btf/cap_capable"})  # there is no such tracepoint
_OLDER_RINGS = frozenset({"tp_btf/io_uring_submit_req"})  # there it is `io_uring_submit_sqe`
EXPECTED = {
    "arm64-6.1": Expected(Kernel("arm64", "linux-image-cloud-arm64"), _UNTIL_6_12 | _OLDER_RINGS),
    "arm64-6.12": Expected(Kernel("arm64", "linux-image-6.12-cloud-arm64"), _UNTIL_6_12),
    "amd64-6.12": Expected(Kernel("amd64", "linux-image-6.12-cloud-amd64"), _UNTIL_6_12),
}
"""Debian's, 2026-11-21."""


_PEERS = {("tcp", "127.0.0.1", 8443), ("tcp", "::1", 8444), ("udp", "127.0.0.1", 5353)}
_CLIENTS = _PEERS - {("udp", "127.0.0.1", 5353)}


def _peers(items: Any) -> set[tuple[str, str, int]]:  # as in fault
    return {(item["protocol"], item["address"], item["port"]) for item in items}


def main() -> int:
    """Print a line for each kernel; 1 when one is not as expected."""
    parser = argparse.ArgumentParser(prog="tests.kernels", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(EXPECTED))
    parser.add_argument("--folder", type=Path, default=Path("build/kernels"))
    options = parser.parse_args()
    faults = 0
    for name in options.names or EXPECTED:
        outcome = record(EXPECTED[name].kernel, options.folder.resolve() / name)
        said = fault(outcome, EXPECTED[name].missing)
        print(f"{name}: {said or 'as expected'}", flush=True)
        faults += bool(said)
    return 1 if faults else 0


def fault(outcome: Outcome, missing: frozenset[str]) -> str:
    """What is not as expected, or nothing."""
    if outcome.profile is None:
        return "no profile:\n" + "\n".join(outcome.console.splitlines()[-20:])
    spec: Any = outcome.profile["spec"]  # the JSON that is under test
    (run,) = spec["runs"]
    if (found := set(run["hooks"]["missing"])) != missing:
        return f"hooks missing: {sorted(found - missing)}, hooks more: {sorted(missing - found)}"
    if lost := {domain: count for domain, count in run["loss"].items() if count}:
        return f"lost: {lost}"
    seen = {
        "calls": {"sync", "execve"} <= {item["name"] for item in spec["syscalls"]},
        "files": "/tmp/written" in {item["path"] for item in spec["files"]},
        "executables": "/usr/bin/python3.11" in {item["path"] for item in spec["executables"]},
        "peers": _peers(spec.get("egress", ())) == _PEERS,
        "clients": _peers(spec.get("ingress", ())) >= _CLIENTS,
    }
    return ", ".join(f"{domain} were not seen" for domain, is_seen in seen.items() if not is_seen)


if __name__ == "__main__":
    sys.exit(main())
