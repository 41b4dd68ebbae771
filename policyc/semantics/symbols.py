"""Names: what each file declares, and what a written name means in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from policyc.core.diagnostics import Diagnostic, Related
from policyc.core.suggest import did_you_mean
from policyc.semantics.load import Workspace
from policyc.syntax import nodes as n

Named: TypeAlias = (
    n.Window | n.Mcp | n.Gateway | n.Store | n.Class | n.Agent | n.Threat | n.Assertion
)

_KINDS: Mapping[type, str] = {
    n.Window: "window",
    n.Mcp: "MCP server",
    n.Gateway: "gateway",
    n.Store: "store",
    n.Class: "class",
    n.Agent: "agent",
    n.Threat: "threat",
    n.Assertion: "assertion",
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declared name, the file that declares it, and its node."""

    kind: str
    name: str
    path: str
    node: Named


@dataclass(slots=True)
class Symbols:
    """All declarations; a name of a kind is declared once in the whole policy root."""

    workspace: Workspace
    found: list[Diagnostic]
    by_file: dict[tuple[str, str], dict[str, Declaration]] = field(default_factory=dict)
    by_kind: dict[str, dict[str, Declaration]] = field(default_factory=dict)

    def all(self, kind: str) -> Iterator[Declaration]:
        """The declarations of a kind, by name."""
        yield from (d for _, d in sorted(self.by_kind.get(kind, {}).items()))

    def find(self, kind: str, name: n.Name, path: str) -> Declaration | None:
        """What ``name`` means in the file ``path``; None when it means nothing.

        A name may hold dots itself, so that only the declarations tell where an alias ends.
        """
        written = str(name)
        own = self.by_file.get((kind, path), {})
        if written in own:
            return own[written]
        for alias, target in self.workspace.aliases.get(path, {}).items():
            there = self.by_file.get((kind, target), {})
            if written.startswith(f"{alias}.") and written[len(alias) + 1 :] in there:
                return there[written[len(alias) + 1 :]]
        return None

    def resolve(self, kind: str, name: n.Name, path: str, *others: str) -> Declaration | None:
        """As ``find``, of the kind or one of the others; PC2001 when it means nothing."""
        for one in (kind, *others):
            if (declaration := self.find(one, name, path)) is not None:
                return declaration
        self.found.append(self._unknown((kind, *others), name, path))
        return None

    def _unknown(self, kinds: tuple[str, ...], name: n.Name, path: str) -> Diagnostic:
        written, what = str(name), " or ".join(kinds)
        reachable = {r for kind in kinds for r in self._reachable(kind, path)}
        found = [d for kind in kinds if (d := self.by_kind.get(kind, {}).get(written))]
        hint = did_you_mean(written, reachable)
        if hint is None:
            hint = (
                f"declare it{_example(kinds, written)}: there is no {what} in reach"
                if not reachable
                else ("in reach are " + ", ".join(f"`{r}`" for r in sorted(reachable)[:8]))
            )
        elsewhere = next((d for d in found if d.path != path), None)
        if elsewhere is not None:
            hint = f'it is declared in another file: import "{elsewhere.path}" as x, and write `x.{written}`'
        return Diagnostic("PC2001", f"there is no {what} `{written}`", name.span, help=hint)

    def _reachable(self, kind: str, path: str) -> set[str]:
        names = set(self.by_file.get((kind, path), {}))
        for alias, target in self.workspace.aliases.get(path, {}).items():
            names |= {f"{alias}.{name}" for name in self.by_file.get((kind, target), {})}
        return names


def _example(kinds: tuple[str, ...], name: str) -> str:
    """How a window is declared, since that is a block that few know by heart."""
    return f" as `window {name} {{ at least 7d }}`" if kinds == ("window",) else ""


def collect(workspace: Workspace, found: list[Diagnostic]) -> Symbols:
    """The declarations of all files; a second one of a name is PC2002."""
    symbols = Symbols(workspace, found)
    for path, file in workspace.files.items():
        for node in file.declarations:
            kind = _KINDS.get(type(node))
            if kind is None:
                continue
            assert isinstance(node, Named)
            name = node.id if isinstance(node, n.Threat) else node.name
            declaration = Declaration(kind, str(name), path, node)
            first = symbols.by_kind.setdefault(kind, {}).setdefault(str(name), declaration)
            if first is not declaration:
                other = first.node.id if isinstance(first.node, n.Threat) else first.node.name
                found.append(
                    Diagnostic(
                        "PC2002",
                        f"the {kind} `{name}` is declared twice",
                        name.span,
                        (Related(other.span, "first declared here"),),
                        help="rename or remove one of them: a name is declared once in a policy root",
                    )
                )
            symbols.by_file.setdefault((kind, path), {}).setdefault(str(name), declaration)
    return symbols
