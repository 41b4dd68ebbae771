"""The checked policy of a workspace, with everything that is wrong with it."""

from __future__ import annotations

from dataclasses import replace

from policyc.core.diagnostics import Diagnostic, Outcome, Related, in_order
from policyc.semantics.cluster import inventory
from policyc.semantics.grants import Grants
from policyc.semantics.load import Workspace
from policyc.semantics.model import CheckedPolicy
from policyc.semantics.rules.agents import AgentRules
from policyc.semantics.rules.assertions import AssertionRules
from policyc.semantics.rules.classes import checked_classes
from policyc.semantics.rules.declared import declared
from policyc.semantics.rules.threats import ThreatRules
from policyc.semantics.rules.windows import windows
from policyc.semantics.symbols import collect
from policyc.syntax import nodes as n


def check(workspace: Workspace) -> Outcome[CheckedPolicy]:
    """Resolve and judge all files; every fault is reported, and the order of files is no matter."""
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
    AssertionRules(symbols, grants, tiers, found).check()
    policy = CheckedPolicy(
        tuple(agents),
        windows(symbols, found),
        things,
        facts.services,
        facts.facts,
        tiers,
        catalogue,
    )
    return Outcome(policy, in_order(found))


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
