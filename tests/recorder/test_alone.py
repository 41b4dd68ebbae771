"""Who is alone on the machine, and that one at a time is."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from support import alone, containers, recorder, samples, tls_containers
from support.alone import is_alone


def _module(**held: object) -> ModuleType:
    made = ModuleType("made")
    vars(made).update(held)
    return made


@pytest.mark.parametrize(
    "held",
    [recorder, recorder.watching, containers.Bundle, tls_containers.certificate],
    ids=["the module", "a function of it", "a class", "by way of another"],
)
def test_what_a_module_imports_says_it(held: Callable[..., object] | ModuleType) -> None:
    assert is_alone(_module(held=held))


def test_others_are_not(tmp_path: Path) -> None:
    assert not is_alone(_module(held=samples, path=tmp_path, mark=pytest.mark.system, text="x"))


def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "LOCK", tmp_path / "lock")
    with alone.LOCK.open("w") as other:
        with alone.alone(), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
