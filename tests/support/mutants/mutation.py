"""One seeded bug, and the compiler with it: patched source, loaded in a process of its own."""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

OURS = ("policyc", "support")
"""Packages of this tree: what they import of each other decides what a bug touches."""
JUDGES = "support.mutants.judges"
_AS_IT_IS = "the compiler as it is"


class Judge(StrEnum):
    """Who catches a bug: the build that reads back what it wrote, the proofs, the laws."""

    BUILD = "build"
    PROVE = "prove"
    LAWS = "laws"


@dataclass(frozen=True, slots=True)
class Mutation:
    """An edit of one module of the compiler.

    ``old`` stands exactly once in the module's source; ``says`` is the bug that ``new`` is.
    """

    name: str
    module: str
    old: str
    new: str
    says: str

    def applied(self, source: str) -> str:
        """The source with the bug; ValueError when the text is not there once."""
        found = source.count(self.old)
        if found != 1:
            raise ValueError(f"{self.name}: {self.module} has its text {found} times, not once")
        return source.replace(self.old, self.new)


Finding = dict[Judge, str]
"""Who caught it, and with what words."""


def source_of(module: str) -> Path:
    """The file of a module of this tree."""
    found = PathFinder.find_spec("policyc", sys.path)
    assert found is not None
    (folder,) = found.submodule_search_locations or ()
    place = Path(folder).joinpath(*module.split(".")[1:])
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def judged(mutations: Sequence[Mutation]) -> tuple[Finding, dict[str, Finding]]:
    """What the judges say of the compiler as it is, and with each of the bugs, by name.

    One process asks about the compiler as it is, and then has a child of its own for each
    bug, so that all but what the bug is about is loaded and warm.  RuntimeError when a bug
    could not be asked about: one that keeps the compiler from being loaded is none to seed.
    """
    with tempfile.TemporaryDirectory() as name:
        answers = Path(name)
        nursery = os.fork()
        if nursery == 0:
            os.nice(10)  # it takes every processor, and what runs beside it may be waited for
            _ask_all(mutations, answers)
            os._exit(0)
        os.waitpid(nursery, 0)
        return _read(answers / _AS_IT_IS), {m.name: _read(answers / m.name) for m in mutations}


def _read(answer: Path) -> Finding:
    if not answer.exists():
        raise RuntimeError(f"{answer.name}: a process ended without a word")
    said = json.loads(answer.read_text(encoding="utf-8"))
    if "fault" in said:
        raise RuntimeError(said["fault"])
    return {Judge(judge): words for judge, words in said["caught"].items()}


def _ask_all(mutations: Sequence[Mutation], answers: Path) -> None:
    """In the nursery: first of the compiler as it is, then of each bug, a few at a time."""
    sys.stderr = io.StringIO()
    for name in [n for n in sys.modules if _is_ours(n)]:
        del sys.modules[name]
    held: set[str] = set()
    _answer(answers / _AS_IT_IS, held)
    users = _users()
    free = len(os.sched_getaffinity(0))
    for mutation in mutations:
        if not free:
            os.wait()
            free += 1
        if os.fork() == 0:
            for name in _touched(mutation.module, users):
                _forget(name)
            sys.meta_path.insert(0, _Patched(mutation))
            _answer(answers / mutation.name, held)
            os._exit(0)
        free -= 1
    with contextlib.suppress(ChildProcessError):  # until there is none
        while True:
            os.wait()


def _answer(answer: Path, held: set[str]) -> None:
    try:
        caught = importlib.import_module(JUDGES).ask(held)
        said = {"caught": caught}
    except BaseException:  # noqa: BLE001  # the process that asked is to hear of it
        said = {"fault": traceback.format_exc()}
    answer.write_text(json.dumps(said), encoding="utf-8")


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in OURS


def _users() -> dict[str, set[str]]:
    """Module -> the loaded modules of ours that import it."""
    users: dict[str, set[str]] = {}
    for name in [n for n in sys.modules if _is_ours(n)]:
        file = sys.modules[name].__file__
        for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))) if file else ():
            match node:
                case ast.ImportFrom(module=str(module), names=names):
                    imported = [module, *(f"{module}.{one.name}" for one in names)]
                case ast.Import(names=names):
                    imported = [one.name for one in names]
                case _:
                    continue
            for one in imported:
                users.setdefault(one, set()).add(name)
    return users


def _forget(module: str) -> None:
    """Also as an attribute of its package, where `from package import module` would find it."""
    package, _, name = module.rpartition(".")
    del sys.modules[module]
    if package in sys.modules:
        vars(sys.modules[package]).pop(name, None)


def _touched(module: str, users: Mapping[str, set[str]]) -> set[str]:
    """The module and all that import it, over any number of hands: they are loaded anew."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += users.get(name, ())
    return found & sys.modules.keys()


class _Patched(MetaPathFinder):
    """Finds the one module with its bug."""

    def __init__(self, mutation: Mutation) -> None:
        self.mutation = mutation

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.mutation.module:
            return None
        found = PathFinder.find_spec(fullname, path, target)
        assert found is not None and found.origin is not None
        found.loader = _Loader(fullname, found.origin, self.mutation)
        return found


class _Loader(SourceFileLoader):
    """Compiles the patched text; nothing of it reaches the disk."""

    def __init__(self, fullname: str, path: str, mutation: Mutation) -> None:
        super().__init__(fullname, path)
        self.mutation = mutation

    def get_code(self, fullname: str) -> CodeType:
        text = Path(self.get_filename(fullname)).read_text(encoding="utf-8")
        return compile(self.mutation.applied(text), self.path, "exec", dont_inherit=True)


def every(*tables: Sequence[Mutation]) -> Iterator[Mutation]:
    """The mutations of all tables; ValueError for two of one name."""
    seen: set[str] = set()
    for mutation in (one for table in tables for one in table):
        if mutation.name in seen:
            raise ValueError(f"two mutations are called {mutation.name}")
        seen.add(mutation.name)
        yield mutation
