"""The one evaluator: findings of all checks, then ratchet, then stages."""

from __future__ import annotations

from dataclasses import replace
from weakref import ref

from policyc.admission.bound import KIND as BINDING
from policyc.admission.bound import update_by
from policyc.admission.bundle import Agent, Bundle
from policyc.admission.case import Case, case_of
from policyc.admission.checks import checks_of
from policyc.admission.checks.scope import Situation, is_of_words
from policyc.admission.places import named
from policyc.admission.replicas import IN_ORDER, Ground, frame, surroundings
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
    found = _weighed(case)
    if (request.group, request.kind) == BINDING:
        update = update_by(request, view)
        if update is not None:
            case = case_of(update, bundle, view, settings, today)
            found += _weighed(case)
    final = [_staged(finding, bundle) for finding in found]
    name, stage = (case.agent.name, case.agent.stage) if case.agent is not None else ("", "")
    return Verdict(request.uid, tuple(final), name, stage, bundle.digest)


def _weighed(case: Case) -> list[Finding]:
    """What is found; of an update what was so before only as a warning."""
    found, request = _judged(case), case.request
    if found and request.operation is Operation.UPDATE and request.old is not None:
        before = case_of(request.before(), case.bundle, case.view, case.settings, case.today)
        known = {_identity(finding, request.old) for finding in _judged(before)}
        found = [_ratcheted(finding, request.object, known) for finding in found]
    return found


def _judged(case: Case) -> list[Finding]:
    """What all checks find; of a replica of a pod that was in order, nothing."""
    today, request = case.of_today(), case.request
    if today.bound is None:
        situation = Situation((request.group, request.kind), request.resource, case.pod is not None)
        return _found(today, situation)
    pod, agent = today.bound
    who, words = (agent.name, request.namespace, *agent.ends), pod.words()
    framed = frame(case, pod) if words else b""
    if not framed:
        return _of_bound(today, who, words)
    whose, state = (*who, case.today, framed), surroundings(case.view, case.settings)
    remembered = case.bundle.remembered("replicas in order")
    if not remembered.holds(whose, words, state):
        if found := _of_bound(today, who, words):
            return found
        remembered.keep(whose, words, state)
    place = (pod.kind.group, pod.kind.kind, request.namespace)
    request.readings[IN_ORDER] = Ground(ref(case.bundle), case.today, place, whose, words, state)
    return []


def _of_bound(case: Case, who: tuple[str, ...], words: bytes) -> list[Finding]:
    """Those of a pod's words are not asked about words that are known."""
    kind, resource = (case.request.group, case.request.kind), case.request.resource
    remembered = case.bundle.remembered("words in order")
    if words and remembered.holds(who, words, case.settings):
        return _found(case, Situation(kind, resource, has_pod=True, is_bound=True, is_known=True))
    found: list[Finding] = []
    is_in_order = True
    for check in checks_of(Situation(kind, resource, has_pod=True, is_bound=True)):
        more = list(check(case))
        found += more
        is_in_order = is_in_order and not (more and is_of_words(check))
    if is_in_order:
        remembered.keep(who, words, case.settings)
    return found


def _found(case: Case, situation: Situation) -> list[Finding]:
    return [finding for check in checks_of(situation) for finding in check(case)]


def _identity(finding: Finding, body: Object | None) -> tuple[str, str, str, str]:
    """The same fault of the same agent at the same place.

    One that moves to another container is a new one, and so is what another agent may not do.
    """
    return (finding.agent, finding.reason, finding.message, named(finding.path, body))


def _ratcheted(
    finding: Finding, body: Object | None, known: set[tuple[str, str, str, str]]
) -> Finding:
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
