"""The hot path: one review in, one answer out, whatever happens.

A call that fails - an HTTP error, a wrong uid, silence - is admitted by the API server when
the webhook's failurePolicy is Ignore (k8s.io/apiserver, admission/plugin/webhook, 1.36).  So
every fault, overload, time-out and oversize ends in HTTP 200 with the uid of the request,
``allowed: false`` and a reason.  Only what cannot come from an API server gets a 4xx.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from policyc.admission.replicas import Ground
from policyc.admission.request import Request
from webhook import answers
from webhook.apart import Apart
from webhook.deciding import Deciding
from webhook.faulted import TOO_LATE, Faulted, late, overloaded, too_large, too_late
from webhook.head import Scope, budget_seconds, refuse_what_is_no_review
from webhook.judge import Decision, Judged, refusal
from webhook.logs import Talk
from webhook.metrics import Metrics
from webhook.stream import Body, DisconnectedError, Held, Receive, TooLongError, uid_of

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]  # as webhook.head has Scope

_CLIENT_LEFT = 499  # as nginx has it: HTTP has no status for an answer that nobody gets


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one process takes; sizes in bytes, times in seconds."""

    body_bytes: int
    concurrent: int
    read_seconds: float


class Reviews:
    """ASGI application of one path.

    Args:
        path: For metrics: ``validate`` or ``mutate``.
        decide: The decision; may block for as long as its input's size makes it.
        settle: Records it, before it is answered; what is awaitable waits for the disk.
        limits: Of the process.
        is_broad: Whether a decision may take long, however small the review.
        stands: Whether a decision that finds nothing rests on what is so still; None where each is made.
        held: Shared by all paths.
        backlog: How many requests the server has taken in and not answered.
        is_draining: Whether clients should go elsewhere.
        apart: The threads in which longer reviews are judged.
        metrics, talk: Where is counted and said what happened.

    """

    def __init__(
        self,
        path: str,
        decide: Callable[[Request], Decision],
        settle: Callable[[Decision], Judged | Awaitable[Judged]],
        limits: Limits,
        *,
        is_broad: Callable[[Request], bool],
        stands: Callable[[Ground, Iterable[str]], bool] | None,
        held: Held,
        backlog: Callable[[], int],
        is_draining: Callable[[], bool],
        apart: Apart,
        metrics: Metrics,
        talk: Talk,
    ) -> None:
        self._path = path
        self._deciding = Deciding(decide, is_broad, stands, held, apart, talk)
        self._settle = settle
        self._limits = limits
        self._held = held
        self._backlog = backlog
        self._is_draining = is_draining
        self._metrics = metrics
        self._talk = talk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        body = Body(receive, self._limits.body_bytes, self._held)
        try:
            settled = await self._settled(scope, body)
        except DisconnectedError:
            left = self.left(body.start)
            if not isinstance(left, Judged):
                await left
            return
        except Faulted as fault:
            settled = self._refuse(fault)
        finally:
            body.release()
        judged = settled if isinstance(settled, Judged) else await settled
        await self._send(send, *self.reply(judged, started))

    def whole(self, data: bytes, deadline: float) -> Judged | Awaitable[Judged]:
        """A review that has arrived, decided at once; ``deadline`` is of the monotonic clock."""
        try:
            if time.monotonic() > deadline:  # nobody waits for it: the next one comes sooner
                raise too_late(uid_of(data))
            decision = self._deciding.here(data)
            if decision is None:
                return self._apart(self._deciding.apart(data, deadline), deadline)
            return self._in_time(decision, deadline)
        except Faulted as fault:
            return self._refuse(fault)

    async def _apart(self, decided: Awaitable[Decision], deadline: float) -> Judged:
        """A review that is decided in a thread, so that others are answered meanwhile."""
        try:
            settled = self._in_time(await decided, deadline)
        except Faulted as fault:
            settled = self._refuse(fault)
        return settled if isinstance(settled, Judged) else await settled

    def overloaded(self, data: bytes) -> Judged | Awaitable[Judged]:
        """There is too much to do; nothing but the uid is read."""
        return self._refuse(overloaded(uid_of(data)))

    def late(self, data: bytes) -> Judged | Awaitable[Judged]:
        """So much of a review arrived, and no more."""
        return self._refuse(late(uid_of(data)))

    def left(self, data: bytes) -> Judged | Awaitable[Judged]:
        """A client went away before its review was decided, whole or not.

        Nobody is answered, so it is admitted where the webhook fails open: that is recorded.
        """
        self._metrics.disconnected.inc()
        verdict = refusal(uid_of(data), "LEFT", "the client went away before the decision")
        if not verdict.uid:
            return Judged(verdict, status=_CLIENT_LEFT)
        return self._settle(Decision(None, verdict, None, self._path, _CLIENT_LEFT))

    def reply(self, judged: Judged, started: float) -> tuple[int, bytes]:
        """HTTP status and body; counts the answer."""
        if judged.status != HTTPStatus.OK:
            self._metrics.rejected(judged.status)
            return judged.status, answers.fault(judged.verdict.findings[0].message)
        self._metrics.decided(self._path, judged.verdict, time.perf_counter() - started)
        return HTTPStatus.OK, answers.written(judged)

    def _refuse(self, fault: Faulted) -> Judged | Awaitable[Judged]:
        """A refusal is a decision too.

        What has no uid comes from no API server: only what is said is recorded, so that nobody
        fills the disk with it.
        """
        is_said = self._talk.faulted(self._path, fault.reason, fault.message, fault.uid)
        verdict = refusal(fault.uid, fault.reason, fault.message)
        status = HTTPStatus.OK if fault.uid else fault.status
        if not (fault.uid or is_said):
            return Judged(verdict, status=status)
        return self._settle(Decision(None, verdict, None, self._path, status))

    async def _settled(self, scope: Scope, body: Body) -> Judged | Awaitable[Judged]:
        refuse_what_is_no_review(scope)
        deadline = time.monotonic() + budget_seconds(scope["query_string"])
        try:
            await self._read(body, deadline)
        except TimeoutError:
            raise overloaded(body.uid) if body.is_waiting else late(body.uid) from None
        except TooLongError:
            raise self._too_long(body) from None
        settled = self.whole(body.take(), deadline)
        # The bytes count as held until it is decided.
        return settled if isinstance(settled, Judged) else await settled

    def _in_time(self, decision: Decision, deadline: float) -> Judged | Awaitable[Judged]:
        if time.monotonic() > deadline:
            findings = refusal(decision.verdict.uid, "DEADLINE", TOO_LATE).findings
            verdict = replace(decision.verdict, findings=findings, patch=())
            decision = replace(decision, verdict=verdict)
        return self._settle(decision)

    async def _read(self, body: Body, deadline: float) -> None:
        if self._backlog() > self._limits.concurrent:
            async with asyncio.timeout(self._limits.read_seconds):
                await body.read_uid()
            raise overloaded(body.uid)
        # Until the first bytes the connection's own clock runs: nobody could be answered.
        await body.read_some()
        async with asyncio.timeout(min(self._limits.read_seconds, deadline - time.monotonic())):
            await body.read()

    def _too_long(self, body: Body) -> Faulted:
        limit = self._limits.body_bytes
        return overloaded(body.uid) if len(body.data) <= limit else too_large(limit, body.uid)

    async def _send(self, send: Send, status: int, data: bytes) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(data)).encode()),
        ]
        if self._is_draining():
            headers.append((b"connection", b"close"))
        if status == 405:
            headers.append((b"allow", b"POST"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})
