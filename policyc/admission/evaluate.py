"""The one evaluator: findings of all checks, then ratchet, then stages."""

from __future__ import annotations

from dataclasses import replace

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.case import Case, case_of
from policyc.admission.checks import checks_of
from policyc.admission.checks.scope import Situation
from policyc.admission.places import named
from policyc.admission.request import Object, Operation, Request
from policyc.admission.settings import Settings
from policyc.admission.verdict import Finding, Level, Verdict
from policyc.admission.view import View
from policyc.envelope.codec import UnreadableError

_AT_STAGE = {"enforce": Level.DENY, "audit": Level.WARN, "observe": Level.NOTE}


def evaluate(
    request: Request, bundle: Bundle, view: View, settings: Settings, today: str
) -> Verdict:
    """The verdict on a request on a day (YYYY-MM-DD, UTC); a function of its arguments alone.

    It is no when an envelope that it needs cannot be read, whatever the agent's stage.
    """
    try:
        return _evaluated(request, bundle, view, settings, today)
    except UnreadableError as fault:
        found = Finding("ENVELOPE_UNREADABLE", str(fault), is_ratcheted=False)
        return Verdict(request.uid, (found,), bundle=bundle.digest)


def _evaluated(
    request: Request, bundle: Bundle, view: View, settings: Settings, today: str
) -> Verdict:
    case = case_of(request, bundle, view, settings, today)
    found = _judged(case)
    if found and request.operation is Operation.UPDATE and request.old is not None:
        before = case_of(request.before(), bundle, view, settings, today)
        known = {_identity(finding, request.old) for finding in _judged(before)}
        found = [_ratcheted(finding, request.object, known) for finding in found]
    final = [_staged(finding, bundle) for finding in found]
    name, stage = (case.agent.name, case.agent.stage) if case.agent is not None else ("", "")
    return Verdict(request.uid, tuple(final), name, stage, bundle.digest)


def _judged(case: Case) -> list[Finding]:
    today, request = case.of_today(), case.request
    kind = (request.group, request.kind)
    checks = checks_of(Situation(kind, case.pod is not None, case.bound is not None))
    return [finding for check in checks for finding in check(today)]


def _identity(finding: Finding, body: Object | None) -> tuple[str, str, str]:
    """The same fault at the same place: one that moves to another container is a new one."""
    return (finding.reason, finding.message, named(finding.path, body))


def _ratcheted(finding: Finding, body: Object | None, known: set[tuple[str, str, str]]) -> Finding:
    """What was so before is a warning: refusing it would forbid its repair."""
    if not finding.is_ratcheted or finding.level is not Level.DENY:
        return finding
    is_known = _identity(finding, body) in known
    return replace(finding, level=Level.WARN) if is_known else finding


def _staged(finding: Finding, bundle: Bundle) -> Finding:
    """A finding about an agent weighs what the agent's stage says."""
    agent: Agent | None = bundle.agents.get(finding.agent)
    if agent is None or finding.level is not Level.DENY:
        return finding
    return replace(finding, level=_AT_STAGE[agent.stage])
