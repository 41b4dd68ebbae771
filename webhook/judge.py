"""From a request to what is answered and recorded; the one place where the shell meets the evaluator."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from policyc.admission.bundle import Bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.request import Request
from policyc.admission.settings import Settings
from policyc.admission.verdict import Finding, Verdict
from policyc.admission.view import View

Record = Callable[[Request, Verdict, Bundle, bool], Mapping[str, str]]
"""Writes a decision down: request, verdict, bundle, whether its uid was judged before.

Called before the answer leaves; what it returns goes into the audit annotations.  Any
exception means that the decision could not be recorded: then it is a denial.
"""

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with what it was made from; nobody has heard of it yet."""

    request: Request
    verdict: Verdict
    bundle: Bundle | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict that may leave, and what the API server's audit log is told about it."""

    verdict: Verdict
    annotations: Mapping[str, str] = field(default_factory=dict)


def refusal(uid: str, reason: str, message: str) -> Verdict:
    """A denial whose cause lies in us and not in the object."""
    return Verdict(uid, (Finding(reason, message, is_ratcheted=False),))


def unrecorded(
    request: Request, verdict: Verdict, bundle: Bundle, is_repeat: bool
) -> dict[str, str]:
    """The record of a process without a decision log."""
    del request, verdict, bundle, is_repeat
    return {}


class Judge:
    """Decides each request with one bundle and one view, and records what was decided.

    Args:
        bundle: The bundle in force; None while there is none.
        view: The newest state of the cluster.
        settings: Of the evaluator.
        record: Where decisions go.
        today: The day, YYYY-MM-DD, UTC.

    """

    def __init__(
        self,
        bundle: Callable[[], Bundle | None],
        view: Callable[[], View],
        settings: Settings,
        record: Record,
        today: Callable[[], str],
    ) -> None:
        self._bundle = bundle
        self._view = view
        self._settings = settings
        self._record = record
        self._today = today
        self._seen: OrderedDict[str, None] = OrderedDict()

    def validate(self, request: Request) -> Decision:
        """The verdict on a request; a pure function of what is in force now, safe in a thread."""
        bundle = self._bundle()
        if bundle is None:
            verdict = refusal(request.uid, "BUNDLE_UNAVAILABLE", "no verified bundle is loaded")
        else:
            verdict = evaluate(request, bundle, self._view(), self._settings, self._today())
        return Decision(request, verdict, bundle)

    def mutate(self, request: Request) -> Decision:
        """Admitted as it is: what narrows an object stands in no patch yet."""
        bundle = self._bundle()
        digest = bundle.digest if bundle is not None else ""
        return Decision(request, Verdict(request.uid, bundle=digest), bundle)

    def settle(self, decision: Decision) -> Judged:
        """Record a decision, in the event loop: one after the other, and before its answer."""
        request, verdict, bundle = decision.request, decision.verdict, decision.bundle
        if bundle is None:
            return Judged(verdict)
        annotations = {"serial": str(bundle.serial)}
        try:
            annotations |= self._record(request, verdict, bundle, self._is_repeat(request.uid))
        except Exception as fault:  # noqa: BLE001  # whatever the log's fault is, nothing was recorded
            message = f"the decision could not be recorded: {type(fault).__name__}"
            finding = Finding("LOG_UNAVAILABLE", message, is_ratcheted=False)
            verdict = replace(verdict, findings=(*verdict.findings, finding))
        return Judged(verdict, annotations)

    def _is_repeat(self, uid: str) -> bool:
        """Whether this uid was judged lately: the API server makes a new one for each call."""
        if uid in self._seen:
            return True
        self._seen[uid] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False
