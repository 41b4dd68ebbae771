"""The hot path: one review in, one answer out, whatever happens.

A call that fails - an HTTP error, a wrong uid, silence - is admitted by the API server when
the webhook's failurePolicy is Ignore (k8s.io/apiserver, admission/plugin/webhook, 1.36).  So
every fault, overload, time-out and oversize ends in HTTP 200 with the uid of the request,
``allowed: false`` and a reason.  Only what cannot come from an API server gets a 4xx.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic_core import to_json

from policyc.admission.replicas import Ground
from policyc.admission.request import Request
from policyc.admission.review import ReviewError, answer, patch_json, read_review
from policyc.admission.verdict import Verdict
from policyc.audit.record import asked
from policyc.core import strict_json
from policyc.core.canonical import Json
from webhook.apart import BRIEF_BYTES, Apart, Job
from webhook.go_json import loads
from webhook.judge import Decision, Judged, refusal
from webhook.logs import Talk
from webhook.metrics import Metrics
from webhook.replicas import Known
from webhook.stream import Body, DisconnectedError, Held, Receive, TooLongError, uid_of

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
T = TypeVar("T")

JSON_TYPES = (b"application/json", b"application/json;charset=utf-8")
_INLINE_BYTES = 16 * 1024
"""A longer review is read and judged in a thread, so that others are answered meanwhile."""

_encode = json.JSONEncoder(separators=(",", ":")).encode
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m)")
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0}
_LATE = "the decision would come too late; try again"
_CLIENT_LEFT = 499  # as nginx has it: HTTP has no status for an answer that nobody gets
_API_SERVER_SECONDS = 10.0  # timeoutSeconds when the configuration says nothing


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one process takes; sizes in bytes, times in seconds."""

    body_bytes: int
    concurrent: int
    read_seconds: float


class Faulted(Exception):  # noqa: N818  # not an error of ours: a request that ends in a refusal
    """A request that is refused before it was judged; no uid known means a 4xx."""

    def __init__(self, status: int, reason: str, message: str, uid: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.uid = uid


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
        self._decide = decide
        self._is_broad = is_broad
        self._stands = stands
        self._settle = settle
        self._limits = limits
        self._held = held
        self._backlog = backlog
        self._is_draining = is_draining
        self._threads = apart
        self._metrics = metrics
        self._talk = talk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        body = Body(receive, self._limits.body_bytes, self._held)
        try:
            settled = await self._settled(scope, body)
        except DisconnectedError:
            left = self.left(bytes(body.data))
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
                raise _too_late(uid_of(data))
            if len(data) > _INLINE_BYTES:
                return self._apart(self._in_thread(data, deadline), deadline)
            decision = self._decide_bytes(data, self._decide_here)
            if decision is None:
                return self._apart(self._in_thread(data, deadline), deadline)
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
        return self._refuse(_overloaded(uid_of(data)))

    def late(self, data: bytes) -> Judged | Awaitable[Judged]:
        """So much of a review arrived, and no more."""
        return self._refuse(_late(uid_of(data)))

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
            return judged.status, _encode({"error": judged.verdict.findings[0].message}).encode()
        self._metrics.decided(self._path, judged.verdict, time.perf_counter() - started)
        return HTTPStatus.OK, _written(judged)

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
        _refuse_what_is_no_review(scope)
        deadline = time.monotonic() + budget_seconds(scope["query_string"])
        try:
            await self._read(body)
        except TimeoutError:
            raise _late(body.uid) from None
        except TooLongError:
            raise self._too_long(body) from None
        settled = self.whole(body.take(), deadline)
        # The bytes count as held until it is decided.
        return settled if isinstance(settled, Judged) else await settled

    def _in_time(self, decision: Decision, deadline: float) -> Judged | Awaitable[Judged]:
        if time.monotonic() > deadline:
            late = refusal(decision.verdict.uid, "DEADLINE", _LATE).findings
            decision = replace(decision, verdict=replace(decision.verdict, findings=late, patch=()))
        return self._settle(decision)

    async def _read(self, body: Body) -> None:
        if self._backlog() > self._limits.concurrent:
            async with asyncio.timeout(self._limits.read_seconds):
                await body.read_uid()
            raise _overloaded(body.uid)
        # Until the first bytes the connection's own clock runs: nobody could be answered.
        await body.read_some()
        if not body.is_complete:
            async with asyncio.timeout(self._limits.read_seconds):
                await body.read()

    def _too_long(self, body: Body) -> Faulted:
        if len(body.data) <= self._limits.body_bytes:
            return _overloaded(body.uid)
        message = f"the review is longer than {self._limits.body_bytes} bytes"
        return Faulted(413, "TOO_LARGE", message, body.uid)

    def _in_thread(self, data: bytes, deadline: float) -> Awaitable[Decision]:
        """Nothing but the job has the bytes: it lets them go when nobody waits any longer."""
        size = len(data)
        job = self._job(data, is_broad=size <= _INLINE_BYTES)
        return self._decided(job, uid_of(data), size, deadline)

    def _job(self, data: bytes, *, is_broad: bool) -> Job[Decision | bytes]:
        """What becomes of it; the bytes where it is broad and waited with the brief ones."""
        is_brief = len(data) <= BRIEF_BYTES and not is_broad
        decide = partial(self._decide_apart, is_brief=is_brief)
        return self._threads.decide(
            lambda own: self._decide_bytes(own, decide), data, is_broad=is_broad
        )

    async def _decided(
        self, job: Job[Decision | bytes], uid: str, size: int, deadline: float
    ) -> Decision:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                decided = await asyncio.wrap_future(job.future)
                while isinstance(decided, bytes):
                    job, decided = self._job(decided, is_broad=True), b""
                    decided = await asyncio.wrap_future(job.future)
        except TimeoutError:
            if not job.give_up():
                self._hold_until_done(job, size)
            raise _too_late(uid) from None
        return decided

    def _hold_until_done(self, job: Job[Decision | bytes], size: int) -> None:
        """What is answered lets its bytes go, but for those that a thread still reads."""
        loop, held = asyncio.get_running_loop(), self._held
        held.size_bytes += size

        def release() -> None:
            held.size_bytes -= size

        def told(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody counts any more
                loop.call_soon_threadsafe(release)

        job.future.add_done_callback(told)

    def _decide_bytes(self, data: bytes, decide: Callable[[bytes], T]) -> T:
        """What ``decide`` makes of the bytes; raises nothing but Faulted."""
        try:
            return decide(data)
        except Faulted:
            raise
        except Exception as fault:  # noqa: BLE001  # a bug of ours must not become a failed call
            self._talk.bug(fault)
            raise Faulted(400, "INTERNAL", "the webhook failed to decide", uid_of(data)) from None

    def _decide_apart(self, data: bytes, *, is_brief: bool) -> Decision | bytes:
        """The bytes again for what came as a brief one and may take long, as its length does not say."""
        request = _request(data, is_apart=True)
        if is_brief and self._is_broad(request):
            return data
        asked(request, is_long=True)  # what its record says: not on the event loop
        return self._decide(request)

    def _decide_here(self, data: bytes) -> Decision | None:
        """None for what is to be decided apart."""
        replica = _KNOWN.find(data)
        known = replica.decide(self._stands) if replica and self._stands else None
        if known is not None:
            return known
        request = replica.request() if replica else _request(data, is_apart=False)
        if self._is_broad(request):
            return None
        decision = self._decide(request)
        if replica and self._stands:
            replica.learn(decision)
        return decision

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


@lru_cache(64)
def budget_seconds(query: bytes) -> float:
    """How long the decision may take: what the API server waits, less a margin for the way back.

    ``?timeout=`` is a Go duration of whole seconds, 1 to 30.
    """
    found = re.search(rb"(?:^|&)timeout=([^&]*)", query)
    parts = _DURATION.findall(found[1].decode("latin-1")) if found else []
    waits = sum(float(number) * _UNITS[unit] for number, unit in parts) or _API_SERVER_SECONDS
    return waits - min(1.0, waits * 0.2)


def _refuse_what_is_no_review(scope: Scope) -> None:
    if scope["method"] != "POST":
        raise Faulted(405, "MALFORMED", "only POST")
    content_type = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value.lower().replace(b" ", b"").replace(b'"', b"")
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise Faulted(415, "MALFORMED", "no Content-Encoding is read")
    if content_type not in JSON_TYPES:
        raise Faulted(415, "MALFORMED", "the Content-Type is not application/json")


_KNOWN = Known()
"""Of the event loop alone."""


def _request(data: bytes, *, is_apart: bool) -> Request:
    """The request in the bytes; Faulted when they are no review.

    The fast parser lets no other thread run until it is done, and the strict one none until the end
    of an object: a list of nothing but texts, 1.4 MB long, keeps the others waiting for 12 ms.
    """
    try:
        if is_apart:
            return read_review(strict_json.loads(data))
        value = loads(data)
        request = read_review(value)
    except ReviewError as fault:
        raise Faulted(400, "MALFORMED", str(fault), fault.uid or uid_of(data)) from None
    except ValueError as fault:
        raise Faulted(400, "MALFORMED", f"no strict JSON: {fault}", uid_of(data)) from None
    _KNOWN.keep(data, value)
    return request


def _late(uid: str) -> Faulted:
    return Faulted(408, "READ_TIMEOUT", "the review did not arrive in time", uid)


def _too_late(uid: str) -> Faulted:
    return Faulted(408, "DEADLINE", _LATE, uid)


def _overloaded(uid: str) -> Faulted:
    return Faulted(429, "OVERLOADED", "the webhook has too much to do; try again", uid)


def _written(judged: Judged) -> bytes:
    verdict = judged.verdict
    try:
        if verdict.findings or verdict.patch:
            return to_json(_document(judged))
        head, tail = _admission(verdict.agent, verdict.stage, verdict.bundle)
        more = to_json(judged.annotations)[1:-1]
        return b"".join((head, to_json(verdict.uid), tail, b"," if more else b"", more, b"}}}"))
    except ValueError:  # a lone surrogate, as no strict JSON brings one: never no answer
        return _encode(_document(judged)).encode()


@lru_cache(256)
def _admission(agent: str, stage: str, bundle: str) -> tuple[bytes, bytes]:
    """What is answered when nothing was found: up to the uid, and from there to further annotations."""
    text = to_json(answer(Verdict("", (), agent, stage, bundle)))
    head, uid, tail = text.partition(b'"uid":""')
    return head + uid[:-2], tail.removesuffix(b"}}}")


def _document(judged: Judged) -> Json:
    document = answer(judged.verdict)
    response: Any = document["response"]  # type: ignore[index,call-overload]  # answer() makes it
    response["auditAnnotations"].update(judged.annotations)
    if judged.verdict.patch:  # the API server wants both members or neither
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(patch_json(judged.verdict)).decode()
    return document
