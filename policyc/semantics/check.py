"""The checked policy of a workspace, with everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from policyc.core.diagnostics import Diagnostic, Outcome, Related, in_order
from policyc.semantics.cluster import inventory
from policyc.semantics.grants import Grants
from policyc.semantics.load import Workspace
from policyc.semantics.model import CheckedPolicy, Claim
from policyc.semantics.rules.agents import AgentRules
from policyc.semantics.rules.assertions import AssertionRules, standard_claim
from policyc.semantics.rules.classes import checked_classes
from policyc.semantics.rules.declared import declared
from policyc.semantics.rules.threats import ThreatRules
from policyc.semantics.rules.windows import windows
from policyc.semantics.standard import standard_files
from policyc.semantics.symbols import collect
from policyc.syntax import nodes as n


def check(workspace: Workspace, *, standard: bool = False) -> Outcome[CheckedPolicy]:
    """Resolve and judge all files; every fault is reported, and the order of files is no matter.

    ``standard``: the standard assertions are among the policy's claims.
    """
    found: list[Diagnostic] = []
    workspace = replace(workspace, files=dict(sorted(workspace.files.items())))
    symbols = collect(workspace, found)
    facts = inventory(workspace, found)
    tiers = _tiers(workspace, found)
    things = declared(symbols, facts, found)
    grants = Grants(symbols, facts, things, found)
    classes = checked_classes(symbols, grants, tiers, found)
    agents = AgentRules(symbols, grants, facts, classes, tiers, found).check()
    catalogue = ThreatRules(symbols, found).check()
    assertions = AssertionRules(symbols, grants, tiers, tuple(agents), found)
    claims = assertions.check()
    if standard:
        claims = replace(claims, claims=(*claims.claims, *_standard(assertions)))
    policy = CheckedPolicy(
        tuple(agents),
        windows(symbols, found),
        things,
        facts.services,
        facts.facts,
        tiers,
        catalogue,
        claims,
        workspace.aliases,
    )
    return Outcome(policy, in_order(found))


def _standard(rules: AssertionRules) -> Iterator[Claim]:
    """The standard assertions about the agents of this policy."""
    for path, file in standard_files().items():
        for node in file.declarations:
            assert isinstance(node, n.Assertion)
            yield standard_claim(rules.assertion(node, path))


def _tiers(workspace: Workspace, found: list[Diagnostic]) -> tuple[str, ...]:
    """The one order of autonomy of the policy root, least first."""
    lines = [
        node
        for file in workspace.files.values()
        for node in file.declarations
        if isinstance(node, n.Tiers)
    ]
    for extra in lines[1:]:
        found.append(
            Diagnostic(
                "PC2002",
                "the tiers are declared twice",
                extra.span,
                (Related(lines[0].span, "first declared here"),),
                help="a policy root has one order of tiers",
            )
        )
    return tuple(name.text for name in lines[0].names) if lines else ()
