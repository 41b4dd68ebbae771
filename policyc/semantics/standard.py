"""The standard assertions: files of the language that are shipped with the compiler."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from policyc.core.errors import InternalError
from policyc.core.source import Source
from policyc.syntax import nodes as n
from policyc.syntax.parser import parse

PREFIX = "standard."
"""What their names begin with in a ``waive`` line and in a report."""


@cache
def standard_files() -> dict[str, n.File]:
    """The parsed files by their path, which no policy root can hold: it begins with the prefix."""
    found = {}
    for entry in sorted(files("policyc").joinpath("standard").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".agentpol"):
            path = f"<standard>/{entry.name}"
            outcome = parse(Source(path, entry.read_text(encoding="utf-8")))
            if not outcome.ok:
                raise InternalError(f"{path}: {outcome.diagnostics[0].message}")
            found[path] = outcome.value
    return found


def standard_names() -> tuple[str, ...]:
    """The names as waivers write them, in the order of the files."""
    return tuple(
        f"{PREFIX}{node.name}"
        for file in standard_files().values()
        for node in file.declarations
        if isinstance(node, n.Assertion)
    )
