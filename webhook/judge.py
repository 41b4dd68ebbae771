"""From a request to what is answered and recorded; the one place where the shell meets the evaluator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from policyc.admission.bundle import Bundle
from policyc.admission.case import case_of
from policyc.admission.evaluate import evaluate
from policyc.admission.mutate import mutate
from policyc.admission.request import Request
from policyc.admission.settings import Settings
from policyc.admission.verdict import Finding, Verdict
from policyc.admission.view import View
from policyc.audit.log import DecisionLog

_SYNC_SECONDS = 5.0
"""How long a strict log may take to reach the disk."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with what it was made from; nobody has heard of it yet."""

    request: Request
    verdict: Verdict
    bundle: Bundle | None
    is_recorded: bool = True
    """A mutation that admits is no decision: validation sees its outcome."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict that may leave, and what the API server's audit log is told about it."""

    verdict: Verdict
    annotations: Mapping[str, str] = field(default_factory=dict)


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

    """

    def __init__(
        self,
        bundle: Callable[[], Bundle | None],
        view: Callable[[], View],
        settings: Settings,
        log: DecisionLog | None,
        today: Callable[[], str],
    ) -> None:
        self._bundle = bundle
        self._view = view
        self._settings = settings
        self._log = log
        self._today = today

    def validate(self, request: Request) -> Decision:
        """The verdict on a request; a pure function of what is in force now, safe in a thread."""
        bundle = self._bundle()
        if bundle is None:
            verdict = refusal(request.uid, "BUNDLE_UNAVAILABLE", "no verified bundle is loaded")
        else:
            verdict = evaluate(request, bundle, self._view(), self._settings, self._today())
        return Decision(request, verdict, bundle)

    def mutate(self, request: Request) -> Decision:
        """Admitted with the patch that narrows it; what is wrong with it, validation says.

        A kind of the cluster's state that is not known is no hindrance: nothing is widened.
        """
        bundle = self._bundle()
        if bundle is None:
            verdict = refusal(request.uid, "BUNDLE_UNAVAILABLE", "no verified bundle is loaded")
            return Decision(request, verdict, None)
        case = case_of(request, bundle, self._view(), self._settings, self._today())
        patch = tuple(step for step in mutate(case) if isinstance(step, dict))
        verdict = Verdict(request.uid, bundle=bundle.digest, patch=patch)
        return Decision(request, verdict, bundle, is_recorded=False)

    async def settle(self, decision: Decision) -> Judged:
        """Record a decision before its answer leaves; one that must be recorded and cannot is a denial."""
        verdict = decision.verdict
        serial = decision.bundle.serial if decision.bundle else 0
        annotations = {"serial": str(serial)}
        if self._log is None or not decision.is_recorded:
            return Judged(verdict, annotations)
        try:
            waiting = self._log.submit(decision.request, verdict, serial=serial)
            if not waiting.done():
                await asyncio.wait_for(asyncio.wrap_future(waiting), _SYNC_SECONDS)
            receipt = waiting.result()
        except Exception as fault:  # noqa: BLE001  # whatever the log's fault is, nothing was recorded
            message = f"the decision could not be recorded: {type(fault).__name__}"
            finding = Finding("AUDIT_UNAVAILABLE", message, is_ratcheted=False)
            return Judged(replace(verdict, findings=(*verdict.findings, finding)), annotations)
        found = receipt.annotations() if receipt else {"log": "unavailable"}
        return Judged(verdict, annotations | found)
