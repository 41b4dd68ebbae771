"""From a request to what is answered and recorded; the one place where the shell meets the evaluator."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from policyc.admission.bundle import Bundle
from policyc.admission.case import case_of
from policyc.admission.evaluate import evaluate
from policyc.admission.mutate import mutate
from policyc.admission.pods import kind_that_starts_pods
from policyc.admission.replicas import Ground
from policyc.admission.request import Request
from policyc.admission.settings import Settings
from policyc.admission.verdict import Finding, Verdict
from policyc.admission.view import View
from policyc.audit.log import DecisionLog
from policyc.audit.receipt import LogUnavailableError, Receipt
from policyc.core.canonical import Json
from policyc.envelope.codec import UnreadableError
from webhook.logs import Talk

_MANY = 256
"""Envelopes: so many are decoded in the time of some hundred decisions."""
_SYNC_SECONDS = 5.0
"""How long a strict log may take to reach the disk."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with what it was made from; nobody has heard of it yet.

    ``request`` is None when the review was refused unjudged, and ``status`` then that of
    HTTP.  ``webhook`` is who was asked: ``validate`` or ``mutate``.  ``asked`` is what the
    record says of the request, where that is known without reading it.
    """

    request: Request | None
    verdict: Verdict
    bundle: Bundle | None = None
    webhook: str = "validate"
    status: int = 200
    asked: Mapping[str, Json] | None = None

    @property
    def is_judged(self) -> bool:
        return self.request is not None or self.asked is not None


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict that may leave, and what the API server's audit log is told about it."""

    verdict: Verdict
    annotations: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


def refusal(uid: str, reason: str, message: str) -> Verdict:
    """A denial whose cause lies in us and not in the object."""
    return Verdict(uid, (Finding(reason, message, is_ratcheted=False),))


class Judge:
    """Decides each request with one bundle and one view, and records what was decided.

    Args:
        bundle: The bundle in force; None while there is none.
        view: The newest state of the cluster.
        settings: Of the evaluator.
        log: Where verdicts are recorded; None: nowhere.
        today: The day, YYYY-MM-DD, UTC.
        talk: Where it is said that a decision was not recorded.

    """

    def __init__(
        self,
        bundle: Callable[[], Bundle | None],
        view: Callable[[], View],
        settings: Settings,
        log: DecisionLog | None,
        today: Callable[[], str],
        talk: Talk,
    ) -> None:
        self._bundle = bundle
        self._view = view
        self._settings = settings
        self._log = log
        self._today = today
        self._talk = talk

    def validate(self, request: Request) -> Decision:
        """The verdict on a request; a pure function of what is in force now, safe in a thread."""
        bundle = self._bundle()
        if bundle is None:
            return _without_bundle(request, "validate")
        verdict = evaluate(request, bundle, self._view(), self._settings, self._today())
        return Decision(request, verdict, bundle, "validate")

    def stands(self, ground: Ground, names: Iterable[str]) -> bool:
        """Whether what is in order on this ground would be so now, as a pod of any of these names."""
        bundle = self._bundle()
        return bundle is not None and ground.holds(
            bundle, self._view(), self._settings, self._today(), names
        )

    def is_broad(self, request: Request) -> bool:
        """Whether the decision may read the envelopes of very many agents.

        One about a pod reads one; one about a role, a network policy or a server those of all
        whom it concerns, and to decode ten thousand takes seconds.
        """
        bundle = self._bundle()
        if bundle is None or len(bundle.agents) <= _MANY:
            return False
        return kind_that_starts_pods(request.group, request.kind) is None

    def mutate(self, request: Request) -> Decision:
        """Admitted with the patch that narrows it; what is wrong with it, validation says.

        A kind of the cluster's state that is not known is no hindrance: nothing is widened.
        """
        bundle = self._bundle()
        if bundle is None:
            return _without_bundle(request, "mutate")
        case = case_of(request, bundle, self._view(), self._settings, self._today())
        try:
            patch = tuple(step for step in mutate(case) if isinstance(step, dict))
        except UnreadableError as fault:
            verdict = refusal(request.uid, "ENVELOPE_UNREADABLE", str(fault))
            return Decision(request, verdict, bundle, "mutate")
        verdict = Verdict(request.uid, bundle=bundle.digest, patch=patch)
        return Decision(request, verdict, bundle, "mutate")

    def settle(self, decision: Decision) -> Judged | Awaitable[Judged]:
        """Record a decision before its answer leaves; one that must be recorded and cannot is a denial.

        In strict mode the answer waits until the record is on the disk, and nobody else does.
        """
        decision = self._with_bundle(decision)
        if self._log is None:
            return _judged(decision)
        try:
            waiting = self._submitted(self._log, decision)
        except Exception as fault:  # noqa: BLE001  # whatever the log's fault is, nothing was recorded
            return self._unrecorded(decision, fault)
        if isinstance(waiting, Future):
            return self._synced(decision, waiting)
        return self._recorded(self._log, decision, waiting)

    async def _synced(self, decision: Decision, waiting: Future[Receipt | None]) -> Judged:
        assert self._log is not None
        try:
            receipt = await asyncio.wait_for(asyncio.wrap_future(waiting), _SYNC_SECONDS)
        except Exception as fault:  # noqa: BLE001  # as above: the disk has many faults
            self._correct(self._log, _unrecorded(decision, fault))
            return self._unrecorded(decision, fault)
        return self._recorded(self._log, decision, receipt)

    def _correct(self, log: DecisionLog, answered: Decision) -> None:
        """A record stands in the log that is not what is answered: what is follows it.

        Where nothing can be written any more, the log's page says how the end of it is read.
        """
        with contextlib.suppress(LogUnavailableError):
            self._submitted(log, answered)

    def _recorded(self, log: DecisionLog, decision: Decision, receipt: Receipt | None) -> Judged:
        if receipt is None:
            self._talk.unrecorded(log.health.fault)
            return _judged(decision, {"log": "unavailable"})
        return _judged(decision, receipt.annotations())

    def _unrecorded(self, decision: Decision, fault: Exception) -> Judged:
        self._talk.unrecorded(str(fault))
        return _judged(_unrecorded(decision, fault))

    def _with_bundle(self, decision: Decision) -> Decision:
        """What was refused unjudged names the bundle in force: each record names one."""
        bundle = self._bundle()
        if decision.is_judged or bundle is None:
            return decision
        verdict = replace(decision.verdict, bundle=bundle.digest)
        return replace(decision, verdict=verdict, bundle=bundle)

    @staticmethod
    def _submitted(log: DecisionLog, decision: Decision) -> Future[Receipt | None] | Receipt | None:
        verdict, webhook, serial = decision.verdict, decision.webhook, _serial(decision)
        if decision.asked is not None:
            return log.submit_asked(decision.asked, verdict, serial=serial, webhook=webhook)
        if decision.request is None:
            return log.refuse(verdict, serial=serial, webhook=webhook, status=decision.status)
        return log.submit(decision.request, verdict, serial=serial, webhook=webhook)


def _without_bundle(request: Request, webhook: str) -> Decision:
    verdict = refusal(request.uid, "BUNDLE_UNAVAILABLE", "no verified bundle is loaded")
    return Decision(request, verdict, None, webhook)


def _serial(decision: Decision) -> int:
    return decision.bundle.serial if decision.bundle else 0


def _judged(decision: Decision, recorded: Mapping[str, str] | None = None) -> Judged:
    annotations = {"serial": str(_serial(decision)), **(recorded or {})}
    return Judged(decision.verdict, annotations, decision.status)


def _unrecorded(decision: Decision, fault: Exception) -> Decision:
    """Refused for that alone: what nobody can read later is not changed either."""
    message = f"the decision could not be recorded: {type(fault).__name__}"
    finding = Finding("AUDIT_UNAVAILABLE", message, is_ratcheted=False)
    findings = (*decision.verdict.findings, finding)
    return replace(decision, verdict=replace(decision.verdict, findings=findings, patch=()))
