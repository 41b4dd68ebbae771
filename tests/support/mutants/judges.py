"""The three judges: the build's self-check, the proofs, and the laws that the suite has anyway.

Each asks until the first thing that is wrong.  None compares with bytes that were kept.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import support.scale
from policyc.core.canonical import canonical_json, digest
from policyc.core.diagnostics import has_errors
from policyc.emit.registry import EMITTERS
from policyc.pipeline import filters
from policyc.pipeline.compile import compile_root
from policyc.pipeline.judge import judge
from policyc.prove.seccomp.prove import Proved, prove_filter

TESTS = Path(__file__).parents[2]
ROOT = TESTS / "cases" / "mutants" / "root"
EXAMPLES = TESTS.parent / "policies"
DAY = date(2026, 11, 21)
LAWS = {
    "laws/test_lowering.py": 120,
    "laws/test_emitters.py": 10,
    "laws/test_pod_security.py": 100,
    "oracle/test_network_policy.py": 6,
    "oracle/test_rbac.py": 12,
    "lower/test_ladder.py": 120,
}
"""File of laws -> how many cases it draws: of it each function that takes nothing, or an emitter."""


def ask(held: set[str]) -> dict[str, str]:
    """Judge -> what it says, of those that catch something.

    ``held`` are digests of filters, each with what it is to grant, that are proved and need
    no second proof; those that are proved now are added.
    """
    caught: dict[str, str] = {}
    for name, asked in (("build", _build), ("prove", lambda: _prove(held)), ("laws", _laws)):
        words = _said(asked)
        if words:
            caught[name] = words
    return caught


def _said(asked: Callable[[], str]) -> str:
    try:
        return asked()
    except Exception as fault:  # noqa: BLE001  # whatever stops the compiler catches the bug
        return f"{type(fault).__name__}: {str(fault).partition(chr(10))[0]}"


def _build() -> str:
    """The build of the examples and of a root of our own, which reads back what it has written."""
    for root in (ROOT, EXAMPLES):
        compiled = compile_root(root, as_of=DAY, jobs=1)
        if not compiled.ok:
            return next(d.message for d in compiled.diagnostics if d.severity == "error")
    return ""


def _prove(held: set[str]) -> str:
    """All claims of the root, the standard ones among them, and its filters."""
    ruled = judge(ROOT, as_of=DAY, jobs=1)
    if ruled.faults:
        return ruled.faults[0].message
    failing = [r for r in ruled.rulings if r.fails]
    if failing:
        return f"{failing[0].claim.name}: {failing[0].rule.text}"
    filters.prove_filter = _remembered(held)
    _, said = filters.prove_filters(ROOT, as_of=DAY, jobs=1)
    return said[0].message if has_errors(said) else ""


def _remembered(held: set[str]) -> Callable[..., Proved]:
    """``prove_filter`` that does not prove a second time: it is a function of its arguments."""

    def proved(profile: object, architecture: str, granted: list[str]) -> Proved:
        key = digest(canonical_json([profile, architecture, granted]))  # type: ignore[list-item]  # a profile is JSON
        if key in held:
            return Proved(None, ())
        found = prove_filter(profile, architecture, granted)  # type: ignore[arg-type]  # a profile is an object
        if found.disagreement is None:
            held.add(key)
        return found

    return proved


def _laws() -> str:
    for path, cases in LAWS.items():
        support.scale.MANY = cases
        for name, law, arguments in _of(_loaded(path)):
            words = _said(lambda law=law, arguments=arguments: law(*arguments) or "")  # type: ignore[misc]
            if words:
                return f"{path}: {name}: {words}"
    return ""


def _loaded(path: str) -> ModuleType:
    name = f"law_{Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, TESTS / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _of(module: ModuleType) -> Iterator[tuple[str, Callable[..., object], tuple[object, ...]]]:
    for name, law in vars(module).items():
        if not name.startswith("test_"):
            continue
        wanted = [*inspect.signature(law).parameters]
        if not wanted:
            yield name, law, ()
        elif wanted == ["emitter"]:
            yield from ((name, law, (emitter,)) for emitter in EMITTERS)
