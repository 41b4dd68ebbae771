"""Observation windows: numbers that make sense, behaviours and domains that exist."""

from __future__ import annotations

from policyc.catalog.vocabulary import BEHAVIOURS, RATED
from policyc.core.diagnostics import Diagnostic
from policyc.semantics.model import MustSeeRule, WindowSpec
from policyc.semantics.symbols import Symbols
from policyc.semantics.words import known, seconds_of, single
from policyc.syntax import nodes as n


def windows(symbols: Symbols, found: list[Diagnostic]) -> dict[str, WindowSpec]:
    """Every window by name."""
    result: dict[str, WindowSpec] = {}
    for declaration in symbols.all("window"):
        assert isinstance(declaration.node, n.Window)
        result[declaration.name] = _window(declaration.name, declaration.node, found)
    return result


def _window(name: str, node: n.Window, found: list[Diagnostic]) -> WindowSpec:
    least = single(node.members, n.AtLeast, "at least", found)
    rates = single(node.members, n.ExpectFewer, "expect fewer", found)
    seen = single(node.members, n.MustSee, "must see", found)
    quiet = single(node.members, n.Quiet, "quiet", found)
    if not node.members:
        found.append(
            Diagnostic(
                "PC3022",
                f"window `{name}` asks for nothing",
                node.name.span,
                help="add: at least 14d and 500 sessions",
            )
        )
    return WindowSpec(
        name,
        seconds_of(least.duration, found)
        if least is not None and least.duration is not None
        else 0,
        int(least.sessions.text) if least is not None and least.sessions is not None else 0,
        tuple(
            (term.domain.text, term.rate.text)
            for term in (rates.terms if rates is not None else ())
            if known(term.domain, RATED, "domain", found)
        ),
        tuple(
            MustSeeRule(int(b.count.text), b.what.text)
            for b in (seen.behaviours if seen is not None else ())
            if known(b.what, BEHAVIOURS, "behaviour", found)
        ),
        seconds_of(quiet.duration, found) if quiet is not None else 0,
        node.span,
    )
