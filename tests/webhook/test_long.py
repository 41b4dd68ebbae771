"""Long reviews: one of them is in memory at a time, and what its values would take is known before."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import Any

import pytest
from support.admission import pod, request
from support.webhook import review

from policyc.admission.request import Request
from policyc.admission.verdict import Verdict
from policyc.core import strict_json
from webhook.apart import Apart, Take
from webhook.judge import Decision, Judged
from webhook.logs import Talk
from webhook.memory import value_bytes
from webhook.metrics import Metrics
from webhook.reviews import Limits, Reviews
from webhook.stream import HUGE_BYTES, LONG_BYTES, Held

Json = Any
CHUNK = 64 * 1024
SCOPE = {
    "method": "POST", "query_string": b"", "headers": [(b"content-type", b"application/json")],
}  # fmt: skip


def sent(uid: str, size_bytes: int) -> bytes:
    body = pod()
    body["metadata"]["annotations"] = {"a": "x" * size_bytes}
    return json.dumps(review(request(body), uid)).encode()


def allow(asked: Request) -> Decision:
    return Decision(asked, Verdict(asked.uid))


def reviews_of(
    pool: Apart,
    held: Held,
    read_seconds: float,
    decide: Callable[[Request], Decision] = allow,
) -> Reviews:
    limits = Limits(16 * LONG_BYTES, 10, read_seconds)
    return Reviews(
        "validate", decide, lambda decision: Judged(decision.verdict), limits, is_broad=lambda _: False, stands=None, held=held,
        backlog=lambda: 1, is_draining=lambda: False, apart=pool, metrics=Metrics(), talk=Talk(),
    )  # fmt: skip


class Client:
    """Sends a review piece by piece, from a place on only when it may."""

    def __init__(self, uid: str, size_bytes: int = 2 * LONG_BYTES, stop_at: int = 0) -> None:
        self._data = sent(uid, size_bytes)
        self._stop_at = stop_at
        self.may_go_on = asyncio.Event()
        self.taken = 0
        self._said: list[Mapping[str, Any]] = []

    async def ask(self, reviews: Reviews, **scope: Any) -> Json:
        await reviews({**SCOPE, **scope}, self._receive, self._send)
        return json.loads(self._said[1]["body"])["response"]

    async def _receive(self) -> Json:
        await asyncio.sleep(0)
        if self._stop_at and self.taken >= self._stop_at:
            await self.may_go_on.wait()
        part = self._data[self.taken : self.taken + CHUNK]
        self.taken += len(part)
        return {"type": "http.request", "body": part, "more_body": self.taken < len(self._data)}

    async def _send(self, message: Any) -> None:
        self._said.append(message)


async def settle(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110  # nothing tells how far a review was read
            await asyncio.sleep(0.001)


def test_the_second_huge_one_is_read_when_the_first_is_answered() -> None:
    async def both(reviews: Reviews, held: Held) -> None:
        first = Client("first", 2 * HUGE_BYTES, stop_at=HUGE_BYTES + CHUNK)
        second = Client("second", 2 * HUGE_BYTES)
        one = asyncio.ensure_future(first.ask(reviews))
        await settle(lambda: first.taken > HUGE_BYTES)
        two = asyncio.ensure_future(second.ask(reviews))
        await settle(lambda: second.taken > HUGE_BYTES)
        for _ in range(100):
            await asyncio.sleep(0)
        assert second.taken <= HUGE_BYTES + CHUNK
        first.may_go_on.set()
        assert ((await one)["allowed"], (await two)["allowed"]) == (True, True)
        assert held.size_bytes == 0

    with Apart() as pool:
        held = Held(64 * LONG_BYTES)
        asyncio.run(both(reviews_of(pool, held, 60), held))


def test_who_waits_too_long_is_told_why() -> None:
    """The first one stops in the middle: that is its own fault, and not that of the second."""

    async def both(reviews: Reviews) -> None:
        first = Client("first", 2 * HUGE_BYTES, stop_at=HUGE_BYTES + CHUNK)
        one = asyncio.ensure_future(first.ask(reviews))
        await settle(lambda: first.taken > HUGE_BYTES)
        reviews._limits = Limits(16 * LONG_BYTES, 10, 0.1)
        told = await Client("second", 2 * HUGE_BYTES).ask(reviews)
        assert (told["uid"], told["allowed"]) == ("second", False)
        assert told["auditAnnotations"]["reasons"] == "OVERLOADED:deny"
        first.may_go_on.set()
        assert (await one)["allowed"]
        assert (await Client("third", 2 * HUGE_BYTES).ask(reviews))["allowed"]

    with Apart() as pool:
        asyncio.run(both(reviews_of(pool, Held(64 * LONG_BYTES), 60)))


def test_who_stalls_keeps_nobody_from_being_decided() -> None:
    """Neither behind the first MiB nor in the middle of what no API server sends."""

    async def all_of(reviews: Reviews) -> None:
        stalled = [Client(f"slow-{i}", stop_at=LONG_BYTES + CHUNK) for i in range(4)]
        stalled.append(Client("huge", 2 * HUGE_BYTES, stop_at=HUGE_BYTES + CHUNK))
        waiting = [asyncio.ensure_future(each.ask(reviews)) for each in stalled]
        await settle(lambda: all(each.taken > LONG_BYTES for each in stalled))
        assert (await Client("honest").ask(reviews))["allowed"]
        for each in stalled:
            each.may_go_on.set()
        assert all(told["allowed"] for told in await asyncio.gather(*waiting))

    with Apart() as pool:
        asyncio.run(all_of(reviews_of(pool, Held(64 * LONG_BYTES), 60)))


def test_what_does_not_arrive_before_the_api_server_gives_up_is_refused_by_then() -> None:
    async def one(reviews: Reviews) -> None:
        before = time.monotonic()
        told = await Client("slow", stop_at=CHUNK).ask(reviews, query_string=b"timeout=1s")
        assert told["auditAnnotations"]["reasons"] == "READ_TIMEOUT:deny"
        assert time.monotonic() - before < 30

    with Apart() as pool:
        asyncio.run(one(reviews_of(pool, Held(64 * LONG_BYTES), 60)))


def test_a_turn_lasts_as_long_as_the_thread_that_decides() -> None:
    """Who is answered at the deadline leaves a tree behind that is still being worked on."""
    is_begun, is_free = Event(), Event()
    asked: list[str] = []

    def endless(request: Request) -> Decision:
        asked.append(request.uid)
        if request.uid == "first":
            is_begun.set()
            assert is_free.wait(60)
        return allow(request)

    async def both(reviews: Reviews) -> None:
        told = await Client("first").ask(reviews, query_string=b"timeout=1s")
        assert is_begun.is_set()
        assert told["auditAnnotations"]["reasons"] == "DEADLINE:deny"
        second = Client("second")
        two = asyncio.ensure_future(second.ask(reviews))
        await settle(lambda: second.taken > 2 * LONG_BYTES)
        await asyncio.sleep(0.05)
        assert asked == ["first"]
        is_free.set()
        assert (await two)["allowed"]

    with Apart() as pool:
        try:
            asyncio.run(both(reviews_of(pool, Held(64 * LONG_BYTES), 60, endless)))
        finally:
            is_free.set()


def test_of_a_fault_no_frame_is_kept() -> None:
    """What a review said would stay as long as somebody may still ask how it failed."""
    kept: list[weakref.ref[Any]] = []

    class Text:
        pass

    def broken(take: Take) -> int:
        text = Text()
        kept.append(weakref.ref(text))
        try:
            return int("x")
        except ValueError:
            raise KeyError from None

    with Apart() as apart:
        job = apart.decide(broken, b"x", is_broad=False)
        assert isinstance(job.future.exception(60), KeyError)
        deadline = time.monotonic() + 60
        while kept[0]() is not None:  # the thread says it before it goes on
            assert time.monotonic() < deadline
        assert job.future.exception() is not None


SIZE = 200_000


def list_of(item: str) -> str:
    """So many that they are as long as the others."""
    return f"[{','.join([item] * (SIZE // (len(item) + 1)))}]"


TEXTS: Mapping[str, str] = {
    "objects": list_of('{"a":1}'),
    "empty objects": list_of("{}"),
    "lists": list_of("[]"),
    "lists of one": list_of("[9]"),
    "texts": list_of('"ab"'),
    "numbers": list_of("999"),
    "decimals": list_of("1.5"),
    "variables": list_of('{"name":"E1","value":"v1"}'),
    "members": json.dumps({f"k{i}": i for i in range(SIZE // 12)}),
    "lines": json.dumps("ab\n" * (SIZE // 4)),
    "escapes": f'"{"u003c" * (SIZE // 6)}"'.replace("u", "\\u"),
    "plain": json.dumps("x" * SIZE),
    "wide": json.dumps("x" * SIZE + "\U0001f600", ensure_ascii=False),
}
BESIDE_BYTES = 4096
"""What reading takes whatever is read."""


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("shape", TEXTS)
def test_values_take_no_more_than_is_known_before(shape: str, traced: None) -> None:
    """And a usual one at least a third of it: else many would be refused for nothing."""
    text = TEXTS[shape]
    data = text.encode()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    value = strict_json.loads(data)
    _, peak = tracemalloc.get_traced_memory()
    taken = peak - before - sys.getsizeof(text)
    assert value is not None
    assert taken <= value_bytes(text) + BESIDE_BYTES
    assert shape != "variables" or value_bytes(text) <= 3 * taken
