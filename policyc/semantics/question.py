"""A grant that is asked about on the command line, read as if it stood beside an agent."""

from __future__ import annotations

from policyc.core.diagnostics import Diagnostic, Outcome, has_errors
from policyc.core.source import Source
from policyc.semantics.cluster import inventory
from policyc.semantics.grants import Grants
from policyc.semantics.load import Workspace
from policyc.semantics.model import CheckedAgent, CheckedPolicy, Clause
from policyc.semantics.symbols import collect
from policyc.syntax import nodes as n
from policyc.syntax.parser import parse

_LEAD = 'edition 2026\ntest "asked" {\n  expect deny asked '


def clauses_of(
    text: str, agent: CheckedAgent, policy: CheckedPolicy, workspace: Workspace
) -> Outcome[tuple[Clause, ...]]:
    """The clauses of a written grant; names mean what they mean in the agent's file."""
    source = Source("GRANT", f"{_LEAD}{text}\n}}\n")
    parsed = parse(source)
    if has_errors(parsed.diagnostics):
        return Outcome((), parsed.diagnostics)
    found: list[Diagnostic] = []
    known: list[Diagnostic] = []  # of the policy itself, which was checked before
    grants = Grants(
        collect(workspace, known), inventory(workspace, known), dict(policy.declared), found
    )
    clauses = [
        clause
        for test in parsed.value.declarations
        if isinstance(test, n.Test)
        for expectation in test.expectations
        for clause in grants.clauses(expectation.grant, agent.span.path, "asked", takes_away=True)
    ]
    return Outcome(tuple(clauses), found)
