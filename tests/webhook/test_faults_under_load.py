"""Faults while 500 reviews a second arrive: no wrong answer, and none without its record."""

from __future__ import annotations

from pathlib import Path

from support.catalogue import case, of
from support.load import LONGER
from support.stand import release, standing

__all__ = ["case"]  # a fixture of every test here


@of("K19")
def test_a_bundle_a_second(tmp_path: Path) -> None:
    """Builds replace each other while an object is judged: each decision names its one."""
    with standing(tmp_path) as stand:
        digests = {}
        with stand.load() as load:
            for serial in range(2, 2 + 4 * LONGER):
                digests[str(serial)] = release(tmp_path / "bundle", serial)
                load.go_on(1)
        load.check()
        named = {(a.annotations["serial"], a.annotations["bundle"]) for a in load.answers}
        assert set(digests.items()) <= named
        assert len(named) == len(digests) + 1, "a digest under another's serial"
        stand.check_log(load.answers)
