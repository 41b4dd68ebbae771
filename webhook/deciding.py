"""From the bytes of a review to the decision about it: at once, or in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from policyc.admission.replicas import Ground
from policyc.admission.request import Request
from policyc.admission.review import ReviewError, read_review
from policyc.audit.record import asked
from policyc.core import strict_json
from webhook.apart import BRIEF_BYTES, Apart, Job, Take
from webhook.faulted import Faulted, malformed, too_late, too_many
from webhook.go_json import loads
from webhook.judge import Decision
from webhook.logs import Talk
from webhook.memory import VALUES_BYTES, value_bytes
from webhook.replicas import Known
from webhook.stream import LONG_BYTES, Held, uid_of

INLINE_BYTES = 16 * 1024
"""A longer review is read and judged in a thread, so that others are answered meanwhile."""

_KNOWN = Known()
"""Of the event loop alone."""


class Deciding:
    """Args:
    decide: The decision; may block for as long as its input's size makes it.
    is_broad: Whether a decision may take long, however small the review.
    stands: Whether a decision that finds nothing rests on what is so still; None where each is made.
    held: Counts the bytes that are held.
    threads: Where longer reviews are judged.
    talk: Where bugs are said.

    """

    def __init__(
        self,
        decide: Callable[[Request], Decision],
        is_broad: Callable[[Request], bool],
        stands: Callable[[Ground, Iterable[str]], bool] | None,
        held: Held,
        threads: Apart,
        talk: Talk,
    ) -> None:
        self._decide = decide
        self._is_broad = is_broad
        self._stands = stands
        self._held = held
        self._threads = threads
        self._talk = talk

    def here(self, data: bytes) -> Decision | None:
        """The decision, made at once; None for what is to be decided apart.  Faulted."""
        if len(data) > INLINE_BYTES:
            return None
        try:
            return self._decide_here(data)
        except Faulted:
            raise
        except Exception as fault:  # noqa: BLE001  # a bug of ours must not become a failed call
            raise self._failed(fault, uid_of(data)) from None

    def apart(self, data: bytes, deadline: float) -> Awaitable[Decision]:
        """The decision, made in a thread; what is awaited raises Faulted.

        Nothing but the job has the bytes: it lets them go when they are read, and when nobody waits
        any longer.
        """
        size, uid = len(data), uid_of(data)
        job = self._job(data, uid, is_broad=size <= INLINE_BYTES)
        return self._decided(job, uid, size, deadline)

    def _job(self, data: bytes, uid: str, *, is_broad: bool) -> Job[Decision | bytes]:
        """What becomes of it; the bytes where it is broad and waited with the brief ones."""
        is_brief = len(data) <= BRIEF_BYTES and not is_broad
        decide = self._decide_brief if is_brief else self._decide_long
        return self._threads.decide(partial(self._safely, decide, uid), data, is_broad=is_broad)

    async def _decided(
        self, job: Job[Decision | bytes], uid: str, size: int, deadline: float
    ) -> Decision:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                decided = await asyncio.wrap_future(job.future)
                while isinstance(decided, bytes):
                    job, decided = self._job(decided, uid, is_broad=True), b""
                    decided = await asyncio.wrap_future(job.future)
        except TimeoutError:
            if not job.give_up():
                self._hold_until_done(job, size)
            raise too_late(uid) from None
        return decided

    def _hold_until_done(self, job: Job[Decision | bytes], size: int) -> None:
        """What is answered lets its bytes go, but for those that a thread still works on."""
        loop, held = asyncio.get_running_loop(), self._held
        held.size_bytes += size
        if size > LONG_BYTES:
            held.share_turn()

        def release() -> None:
            held.size_bytes -= size
            if size > LONG_BYTES:
                held.leave_turn()

        def told(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody counts any more
                loop.call_soon_threadsafe(release)

        job.future.add_done_callback(told)

    def _safely(
        self, decide: Callable[[Take, str], Decision | bytes], uid: str, take: Take
    ) -> Decision | bytes:
        """Raises nothing but Faulted."""
        try:
            return decide(take, uid)
        except Faulted:
            raise
        except Exception as fault:  # noqa: BLE001  # as above
            raise self._failed(fault, uid) from None

    def _failed(self, fault: Exception, uid: str) -> Faulted:
        self._talk.bug(fault)
        return Faulted(400, "INTERNAL", "the webhook failed to decide", uid)

    def _decide_brief(self, take: Take, uid: str) -> Decision | bytes:
        """The bytes again for what may take long, as its length does not say."""
        data = take()
        request = _request_apart(lambda: data, uid)
        return data if self._is_broad(request) else self._decide_read(request)

    def _decide_long(self, take: Take, uid: str) -> Decision:
        return self._decide_read(_request_apart(take, uid))

    def _decide_read(self, request: Request) -> Decision:
        asked(request, is_long=True)  # what its record says: not on the event loop
        return self._decide(request)

    def _decide_here(self, data: bytes) -> Decision | None:
        replica = _KNOWN.find(data)
        known = replica.decide(self._stands) if replica and self._stands else None
        if known is not None:
            return known
        request = replica.request() if replica else _request_here(data)
        if self._is_broad(request):
            return None
        decision = self._decide(request)
        if replica and self._stands:
            replica.learn(decision)
        return decision


def _request_here(data: bytes) -> Request:
    """The request in the bytes; Faulted when they are no review.

    The fast parser lets no other thread run until it is done, and the strict one none until the end
    of an object: a list of nothing but texts, 1.4 MB long, keeps the others waiting for 12 ms.
    """
    try:
        value = loads(data)
        request = read_review(value)
    except ValueError as fault:
        raise _no_review(fault, uid_of(data)) from None
    _KNOWN.keep(data, value)
    return request


def _request_apart(take: Take, uid: str) -> Request:
    """The same, by the strict parser."""
    try:
        return read_review(strict_json.loads(take(), check=partial(_check_room, uid)))
    except ValueError as fault:
        raise _no_review(fault, uid) from None


def _check_room(uid: str, text: str) -> None:
    if len(text) > LONG_BYTES and value_bytes(text) > VALUES_BYTES:
        raise too_many(uid)


def _no_review(fault: ValueError, uid: str) -> Faulted:
    if isinstance(fault, ReviewError):
        return malformed(str(fault), fault.uid or uid)
    return malformed(f"no strict JSON: {fault}", uid)
