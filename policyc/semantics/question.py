"""A grant that is asked about on the command line, read as if it stood in the agent's file."""

from __future__ import annotations

from dataclasses import replace

from policyc.core.diagnostics import Diagnostic, Outcome, has_errors
from policyc.core.source import Source, Span
from policyc.core.suggest import did_you_mean
from policyc.semantics.cluster import inventory
from policyc.semantics.grants import Grants
from policyc.semantics.load import Workspace
from policyc.semantics.model import CheckedAgent, CheckedPolicy, Clause
from policyc.semantics.symbols import collect
from policyc.syntax import nodes as n
from policyc.syntax.contexts import STARTS
from policyc.syntax.parser import parse

_LEAD = "edition 2026\nclass asked {\ncap {\n"
_TAIL = "\n}\n}\n"
_GRANTS = STARTS["cap"] - {"never"}
_AROUND = frozenset({"allow", "deny", "never", "approve", "expect"})
"""What stands before a grant in a policy, and says something else than which one."""


def clauses_of(
    text: str, agent: CheckedAgent, policy: CheckedPolicy, workspace: Workspace
) -> Outcome[tuple[Clause, ...]]:
    """The clauses of one written grant; names mean what they mean in the agent's file.

    The places of its faults are in the text as it was given.
    """
    asked = Source("GRANT", text)
    outcome = _grant(asked)
    if outcome.value is None:
        return Outcome((), outcome.diagnostics)
    known: list[Diagnostic] = []  # of the policy itself, which was checked before
    found: list[Diagnostic] = []
    symbols = replace(collect(workspace, known), found=found)
    grants = Grants(symbols, inventory(workspace, known), dict(policy.declared), found)
    clauses = grants.clauses(outcome.value, agent.span.path, "asked", takes_away=True)
    return Outcome(
        tuple(replace(c, span=_given(c.span, asked)) for c in clauses),
        [_placed(d, asked) for d in found],
    )


def _grant(asked: Source) -> Outcome[n.Grant | None]:
    """The one grant that the text is; None with what is wrong when it is something else."""
    first = (asked.text.split() or [""])[0]
    if first not in _GRANTS:
        return Outcome(None, [_no_grant(first, asked)])
    parsed = parse(Source(asked.path, f"{_LEAD}{asked.text}{_TAIL}"))
    if has_errors(parsed.diagnostics):
        return Outcome(None, [_placed(d, asked) for d in parsed.diagnostics])
    match parsed.value.declarations:
        case (n.Class(members=(n.Cap(items=(grant,)),)),) if not isinstance(grant, n.Never):
            return Outcome(grant)
    whole = asked.span(0, len(asked.text))
    message, hint = "this is more than one grant", "ask about one at a time"
    return Outcome(None, [Diagnostic("PC1004", message, whole, help=hint)])


def _no_grant(first: str, asked: Source) -> Diagnostic:
    listed = ", ".join(f"`{word}`" for word in sorted(_GRANTS))
    hint = did_you_mean(first, _GRANTS) or f"it begins with one of {listed}"
    if first in _AROUND:
        hint = f"write the grant alone, without `{first}`"
    start = asked.text.find(first)
    message = f"`{first}` begins no grant" if first else "no grant is given"
    return Diagnostic("PC1001", message, asked.span(start, start + len(first)), help=hint)


def _placed(fault: Diagnostic, asked: Source) -> Diagnostic:
    """The fault at its place in the text that was given, without what was put around it."""
    return fault if fault.span is None else replace(fault, span=_given(fault.span, asked))


def _given(span: Span, asked: Source) -> Span:
    end = len(asked.text)
    start, stop = (min(max(at - len(_LEAD), 0), end) for at in (span.start, span.end))
    return asked.span(start, stop)
