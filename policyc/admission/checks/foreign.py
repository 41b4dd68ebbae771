"""Network policies of other kinds, which let through what no NetworkPolicy can take back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from policyc.admission.case import Case
from policyc.admission.checks.concerned import MOST_AGENTS, strictest
from policyc.admission.request import Object, Operation
from policyc.admission.verdict import Finding, Level
from policyc.catalog.policy_kinds import GROUPS, POLICY_KINDS, REFUSING
from policyc.core.canonical import Json

_RULES = ("egress", "ingress")


def lets_through(case: Case) -> Iterator[Finding]:
    """A policy that allows is refused where agents are, a kind that we do not know reported."""
    request = case.request
    if request.group not in GROUPS or request.object is None or request.subresource:
        return
    if request.operation is Operation.DELETE or not request.kind.endswith("Policy"):
        return
    is_known = (request.group, request.kind) in POLICY_KINDS
    if is_known and not _allows(request.object):
        return
    agents = (
        case.bundle.by_namespace.get(request.namespace, ())
        if request.namespace
        else case.bundle.by_account.values()
    )
    for about in islice(strictest(case, agents), MOST_AGENTS):
        assert about.agent is not None
        yield about.finding(
            "FOREIGN_POLICY",
            f"what the {request.kind} lets through cannot be compared with the envelope of agent "
            f"`{about.agent.name}`",
            "spec",
            level=Level.DENY if is_known else Level.WARN,
            is_ratcheted=_said(request.object) == _said(request.old or {}),
        )


def _said(body: Object) -> tuple[Json, Json]:
    return (body.get("spec"), body.get("specs"))


def _allows(body: Object) -> bool:
    """Whether some rule lets something through; what is no list of rules might."""
    specs = body.get("specs")
    listed = [body.get("spec"), *(specs if isinstance(specs, list) else ())]
    return any(_opens(rules) for spec in listed if isinstance(spec, dict) for rules in _of(spec))


def _of(spec: Object) -> Iterator[Json]:
    return (spec[name] for name in _RULES if spec.get(name) is not None)


def _opens(rules: Json) -> bool:
    if not isinstance(rules, list):
        return True
    return any(
        not isinstance(rule, dict) or str(rule.get("action", "allow")).lower() not in REFUSING
        for rule in rules
    )


CHECKS = (lets_through,)
