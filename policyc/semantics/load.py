"""The files of a policy root: read, parsed, and their imports followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePosixPath

from policyc.core.diagnostics import Diagnostic, Outcome, Related
from policyc.core.errors import PolicycError
from policyc.core.files import files_below
from policyc.core.source import Source
from policyc.core.suggest import did_you_mean
from policyc.syntax import nodes
from policyc.syntax.parser import parse

SUFFIX = ".agentpol"
LIBRARIES: Mapping[str, str] = {"policyc:threats": "threats.agentpol"}
"""What an import may name that comes with the compiler -> its file in policyc/catalog/library.

No file of a policy root can have such a name: those end in ``.agentpol``.
"""
LARGEST_BYTES = 8 << 20
"""A policy file beyond this is refused unread: people do not write such files."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The parsed files by path, and what each import alias of each file names."""

    root: Path
    files: Mapping[str, nodes.File] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()


def load(root: Path) -> Outcome[Workspace]:
    """Every ``.agentpol`` file below ``root``, in the order of their paths."""
    found: list[Diagnostic] = []
    files: dict[str, nodes.File] = {}
    sources: list[Source] = []
    for path in sorted(files_below(root, SUFFIX), key=lambda p: p.relative_to(root).as_posix()):
        label = path.relative_to(root).as_posix()
        outcome = _read(root, path, label)
        found += outcome.diagnostics
        if outcome.value is not None:
            sources.append(outcome.value)
            parsed = parse(outcome.value)
            found += parsed.diagnostics
            files[label] = parsed.value
    for name in sorted({s.path.value for file in files.values() for s in file.imports}):
        if name in LIBRARIES:
            library = _library(name)
            sources.append(library)
            parsed = parse(library)
            found += parsed.diagnostics
            files[name] = parsed.value
    aliases = {path: _aliases(file, files, found) for path, file in files.items()}
    _refuse_cycles(files, aliases, found)
    return Outcome(Workspace(root, files, aliases, tuple(sources)), found)


def _library(name: str) -> Source:
    text = resources.files("policyc.catalog") / "library" / LIBRARIES[name]
    return Source(name, text.read_text(encoding="utf-8"))


def _read(root: Path, path: Path, label: str) -> Outcome[Source | None]:
    def refuse(message: str, hint: str) -> Outcome[Source | None]:
        return Outcome(None, [Diagnostic("PC7001", message, path=label, help=hint)])

    if not path.resolve().is_relative_to(root.resolve()):
        return refuse(f"`{label}` leads out of the policy root", "copy the file below the root")
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            return refuse(
                f"`{label}` has {size} bytes, more than the {LARGEST_BYTES} that are read",
                "split the file",
            )
        data = path.read_bytes()
    except OSError as fault:
        raise PolicycError("PC7050", f"cannot read `{path}`: {fault.strerror}") from fault
    try:
        return Outcome(Source(label, data.decode("utf-8")))
    except UnicodeDecodeError as fault:
        return refuse(
            f"`{label}` is not UTF-8: byte {fault.start} cannot be read", "save the file as UTF-8"
        )


def _aliases(
    file: nodes.File, files: Mapping[str, nodes.File], found: list[Diagnostic]
) -> dict[str, str]:
    known: dict[str, str] = {}
    places: dict[str, nodes.Import] = {}
    for statement in file.imports:
        target = PurePosixPath(statement.path.value).as_posix()
        alias = str(statement.alias)
        if target.startswith("/") or ".." in PurePosixPath(target).parts:
            found.append(
                Diagnostic(
                    "PC2003",
                    f"`{statement.path.value}` leads out of the policy root",
                    statement.path.span,
                    help="imports are paths below the policy root, without `..`",
                )
            )
        elif target not in files:
            found.append(
                Diagnostic(
                    "PC2003",
                    f"there is no file `{target}` in the policy root",
                    statement.path.span,
                    help=did_you_mean(target, (*files, *LIBRARIES))
                    or "imports are paths below the policy root, or `policyc:threats`",
                )
            )
        elif alias in known:
            found.append(
                Diagnostic(
                    "PC2005",
                    f"the alias `{alias}` is given twice",
                    statement.alias.span,
                    (Related(places[alias].alias.span, "first given here"),),
                    help="give one of the imports another alias",
                )
            )
        else:
            known[alias] = target
            places[alias] = statement
    return known


def _refuse_cycles(
    files: Mapping[str, nodes.File],
    aliases: Mapping[str, Mapping[str, str]],
    found: list[Diagnostic],
) -> None:
    """One diagnostic for each import that closes a circle."""
    done: set[str] = set()
    for start in files:
        trail: list[str] = []
        on_trail: set[str] = set()
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            path, leaving = stack.pop()
            if leaving:
                trail.pop()
                on_trail.discard(path)
                done.add(path)
                continue
            if path in done:
                continue
            trail.append(path)
            on_trail.add(path)
            stack.append((path, True))
            for statement in files[path].imports:
                target = aliases[path].get(str(statement.alias))
                if target in on_trail:
                    circle = " -> ".join([*trail[trail.index(target) :], target])
                    found.append(
                        Diagnostic(
                            "PC2004",
                            f"the imports go in a circle: {circle}",
                            statement.span,
                            help="move what both files need into a third one",
                        )
                    )
                elif target is not None and target not in done:
                    stack.append((target, False))
