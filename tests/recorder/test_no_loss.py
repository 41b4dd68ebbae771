"""Nothing is lost: rare items at odd times, in a storm of containers, and under a flood of calls."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import pytest
from support.rare_calls import NUMBERS, RARE, Deed, Item, build, items, missing, words
from support.recorded_containers import Template, template
from support.recorder import losses, names, watching
from support.scale import STORM_SECONDS, SWARM

pytestmark = pytest.mark.system

MOMENTS = (0, 1, 3, 7, 15)
"""Seconds at which a probe does something that it never did before."""
PER_SECOND = 20
AT_ONCE = 64
FLOOD = 3_000_000


def _bundles(folder: Path, program: Path, plans: list[list[Deed]]) -> list[Template]:
    """A bundle for each plan, all of one workload."""
    made = []
    for place, plan in enumerate(plans):
        bundle = template(folder / str(place), "runc")
        bundle.configure((bundle.install(program), *words(plan)))
        (bundle.folder / "arguments").write_text(" ".join(["/bin/rare", *words(plan)]))
        made.append(bundle)
    return made


def _probes() -> list[list[Deed]]:
    """One that lives through all moments, and some that end right after one, which is between two polls."""
    deeds = [(second * 1000, name) for second, name in zip(MOMENTS, RARE, strict=False)]
    files = [(second * 1000 + 130, f"/srv/{second}") for second in MOMENTS]
    whole = sorted([*deeds, *files])
    return [whole, *(whole[:length] for length in range(1, len(whole)))]


def _short_lives() -> list[list[Deed]]:
    """As long as it takes for 64 to run at once when 20 start in a second; each with deeds of its own."""
    life_ms = AT_ONCE * 1000 // PER_SECOND
    return [
        [
            (0, RARE[place]),
            (37 * place + 1, f"/srv/{place}"),
            (life_ms - 7 * place, RARE[-1 - place]),
        ]
        for place in range(10)
    ]


def test_rare_items_at_odd_times_in_a_storm_of_containers(tmp_path: Path) -> None:
    program = build(tmp_path, "rare")
    probes, short = _probes(), _short_lives()
    expected: dict[str, frozenset[Item]] = {}
    with (
        watching(tmp_path / "out") as recorder,
        ThreadPoolExecutor(len(probes) + 2 * AT_ONCE) as pool,
    ):

        def start(bundle: Template, plan: list[Deed]) -> object:
            name = f"policyc-test-{uuid.uuid4().hex}"
            expected[name] = items(plan)
            return pool.submit(bundle.run, name)

        bundles = _bundles(tmp_path / "probes", program, probes)
        started = [start(*pair) for pair in zip(bundles, probes, strict=True)]
        pairs = list(zip(_bundles(tmp_path / "short", program, short), short, strict=True))
        for pair in _paced(pairs):
            started.append(start(*pair))
        assert {future.result().returncode for future in started} == {0}
        (spec,) = recorder.stop()
    assert missing(spec, expected) == {}
    assert losses(spec) == {}
    assert {run["id"] for run in spec["runs"]} == expected.keys()


def _paced(pairs: list[tuple[Template, list[Deed]]]) -> Iterator[tuple[Template, list[Deed]]]:
    """So many in a second, on the clock; how long each took to start changes nothing."""
    begun = time.monotonic()
    for place, pair in enumerate(islice(cycle(pairs), PER_SECOND * STORM_SECONDS)):
        time.sleep(max(0.0, begun + place / PER_SECOND - time.monotonic()))
        yield pair


def test_a_flood_of_calls_hides_none(tmp_path: Path) -> None:
    """Two at once, one for each processor of a small machine, make millions of calls and each rare one once."""
    bundle = template(tmp_path / "bundle", "runc")
    flood = bundle.install(build(tmp_path, "flood"))
    bundle.configure((flood, str(FLOOD), *(str(NUMBERS[name]) for name in RARE)))
    with watching(tmp_path / "out") as recorder, ThreadPoolExecutor(2) as pool:
        assert {ended.returncode for ended in pool.map(lambda _: bundle.run(), range(2))} == {0}
        (spec,) = recorder.stop()
    whole = frozenset(("syscalls", name) for name in (*RARE, "getppid"))
    assert missing(spec, {run["id"]: whole for run in spec["runs"]}) == {}
    assert (len(spec["runs"]), losses(spec)) == (2, {})


@contextmanager
def _cgroup() -> Iterator[Path]:
    """A cgroup (v2) of this test's own."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    root = next(fields[1] for fields in mounts if fields[2] == "cgroup2")
    made = Path(root) / f"policyc-test-{os.getpid()}"
    made.mkdir()
    try:
        yield made
    finally:
        made.rmdir()


def test_thousands_of_short_lived_containers_are_one_profile(tmp_path: Path) -> None:
    """More in a second than real runtimes can start: what makes them only looks like one (storm.c)."""
    program = build(tmp_path, "rare")
    plans = [[(0, RARE[place]), (0, f"/srv/{place}")] for place in range(len(RARE))]
    bundles = [str(b.folder) for b in _bundles(tmp_path / "bundles", program, plans)]
    storm = build(tmp_path, "crun", "storm")
    with watching(tmp_path / "out") as recorder, _cgroup() as cgroup:
        subprocess.run([storm, str(SWARM), str(AT_ONCE), cgroup, *bundles], check=True)
        (spec,) = recorder.stop()
    expected = {str(place): items(plans[place % len(plans)]) for place in range(SWARM)}
    assert missing(spec, expected) == {}
    assert losses(spec) == {}
    assert {run["id"] for run in spec["runs"]} == expected.keys()
    assert names(spec, "executables", "path") == {"/bin/rare"}
