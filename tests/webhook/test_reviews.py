"""The hot path without a network: deadlines, bugs, and the uid read from the start."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.admission import SETTINGS, TODAY, pod, request, view
from support.catalogue import case, of
from support.many_agents import many
from support.webhook import review

from policyc.admission.request import Request
from policyc.admission.review import answer
from policyc.admission.verdict import Verdict
from webhook.apart import Apart
from webhook.head import budget_seconds
from webhook.judge import Decision, Judge, Judged
from webhook.logs import Talk
from webhook.metrics import Metrics
from webhook.reviews import Limits, Reviews
from webhook.stream import Body, Held

__all__ = ["case"]  # a fixture of every test here
SMALL = review(request(pod()))
UID = SMALL["request"]["uid"]


def large() -> Any:
    body = pod()
    body["metadata"]["annotations"] = {"a": "x" * 300_000}
    return review(request(body))


async def settle(decision: Decision) -> Judged:
    return Judged(decision.verdict)


def reviews_of(
    decide: Callable[[Request], Decision],
    pool: Apart,
    held: Held | None = None,
    is_broad: Callable[[Request], bool] = lambda _: False,
) -> Reviews:
    return Reviews(
        "validate", decide, settle, Limits(2**20, 10, 5.0), is_broad=is_broad, stands=None, held=held or Held(2**21),
        backlog=lambda: 1, is_draining=lambda: False, apart=pool, metrics=Metrics(), talk=Talk(),
    )  # fmt: skip


def answered(
    document: Any,
    decide: Callable[[Request], Decision],
    query: bytes = b"",
    chunk: int = 65536,
    on_send: Callable[[], None] = bool,  # type: ignore[assignment]  # does nothing
) -> Any:
    """What one review is answered with, in a process of nothing else."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    parts = [data[i : i + chunk] for i in range(0, len(data), chunk)] or [b""]
    sent: list[Any] = []

    async def receive() -> Any:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)
        on_send()

    with Apart() as pool:
        reviews = reviews_of(decide, pool)
        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "query_string": query, "headers": headers}
        asyncio.run(reviews(scope, receive, send))
    assert sent[0]["status"] == 200
    return json.loads(sent[1]["body"])["response"]


def allow(asked: Request) -> Decision:
    return Decision(asked, Verdict(asked.uid), None)


@of("K6")
def test_a_late_decision_of_a_small_review_is_a_denial() -> None:
    def slow(asked: Request) -> Decision:
        end = time.monotonic() + 0.01
        while time.monotonic() < end:
            pass
        return allow(asked)

    response = answered(SMALL, slow, b"timeout=1ms")
    assert response["uid"] == UID
    assert response["auditAnnotations"]["reasons"] == "DEADLINE:deny"


@of("K6")
def test_a_review_whose_time_has_passed_is_not_decided_at_all() -> None:
    asked: list[Request] = []

    def decide(request: Request) -> Decision:
        asked.append(request)
        return allow(request)

    response = answered(SMALL, decide, b"timeout=0.0001ms")
    assert response["auditAnnotations"]["reasons"] == "DEADLINE:deny"
    assert response["uid"] == UID
    assert asked == []


@of("K6")
def test_a_large_review_is_answered_at_the_deadline_not_after_the_decision() -> None:
    """The decision ends only after the answer was sent: nothing but the deadline can answer."""
    is_sent = Event()

    def endless(asked: Request) -> Decision:
        assert is_sent.wait(60)
        return allow(asked)

    response = answered(large(), endless, b"timeout=50ms", on_send=is_sent.set)
    assert response["auditAnnotations"]["reasons"] == "DEADLINE:deny"
    assert response["uid"] == UID


@pytest.mark.parametrize("document", [SMALL, large()], ids=["small", "large"])
@pytest.mark.parametrize(
    "fault", [KeyError("secret"), RecursionError(), MemoryError(), ValueError("x")]
)
def test_a_bug_is_a_denial_that_tells_nothing(
    document: Any, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(asked: Request) -> Decision:
        raise fault

    response = answered(document, broken)
    assert response["uid"] == UID
    assert response["auditAnnotations"]["reasons"] == "INTERNAL:deny"
    assert "secret" not in json.dumps(response) + caplog.text


@pytest.mark.parametrize(
    ("query", "seconds"),
    [(b"timeout=10s", 9.0), (b"timeout=1s", 0.8), (b"timeout=30s", 29.0), (b"timeout=1m0s", 59.0),
     (b"timeout=500ms", 0.4), (b"", 9.0), (b"timeout=", 9.0), (b"x=1&timeout=2s", 1.6), (b"xtimeout=2s", 9.0)],
)  # fmt: skip
def test_the_budget_is_what_the_api_server_waits_less_a_margin(
    query: bytes, seconds: float
) -> None:
    assert budget_seconds(query) == pytest.approx(seconds)


@given(st.integers(1, 400), st.sampled_from([b"", b" ", b"\n  "]))
def test_the_uid_is_known_however_the_body_is_cut(chunk: int, space: bytes) -> None:
    data = space + json.dumps(SMALL).encode()
    assert answered(data, allow, chunk=chunk)["uid"] == UID


@given(st.binary(max_size=200))
def test_no_uid_is_read_that_a_strict_parser_would_not_read(noise: bytes) -> None:
    """Whatever precedes or follows: a uid that is read is that of ``request``."""
    whole = json.dumps(SMALL).encode()
    end = whole.index(UID.encode()) + len(UID)
    assert uid_of(whole[: end + 1] + noise) == UID
    assert uid_of(noise + whole) in ("", UID)
    assert uid_of(b'{"a": %s}' % whole) == ""


def test_no_uid_is_read_before_it_has_arrived_whole() -> None:
    whole = json.dumps(SMALL).encode()
    end = whole.index(UID.encode()) + len(UID)
    assert {uid_of(whole[:size]) for size in range(end + 1)} == {""}


def uid_of(data: bytes) -> str:
    body = Body(receive=None, limit_bytes=0, held=Held(0))  # type: ignore[arg-type]  # nothing is read
    body.data = bytearray(data)
    return body.uid


@given(
    st.text(max_size=40),
    st.text(max_size=40),
    st.dictionaries(st.text(max_size=9), st.text(max_size=9)),
)
def test_an_answer_that_finds_nothing_is_the_answer_whatever_it_names(
    uid: str, agent: str, annotations: dict[str, str]
) -> None:
    """It is put together of parts that are known, and says what all of it would say."""
    annotations = {f"x-{name}": value for name, value in annotations.items()}
    verdict = Verdict(uid, (), agent, "audit", "sha256:0")
    with Apart() as pool:
        status, data = reviews_of(allow, pool).reply(Judged(verdict, annotations), 0.0)
    expected: Any = answer(verdict)
    expected["response"]["auditAnnotations"] |= annotations
    assert (status, json.loads(data)) == (200, expected)


def test_bytes_count_until_they_are_let_go() -> None:
    """Three are answered at their deadline: one is being decided, and counts until that is over."""
    is_begun, is_free = Event(), Event()

    def endless(asked: Request) -> Decision:
        is_begun.set()
        assert is_free.wait(60)
        return allow(asked)

    async def all_late(reviews: Reviews, held: Held) -> None:
        data = [json.dumps(large()).encode() for _ in range(3)]
        before = [sys.getrefcount(each) for each in data]
        first = reviews.whole(data[0], time.monotonic() + 2.0)
        assert not isinstance(first, Judged)
        first = asyncio.ensure_future(first)
        assert await asyncio.to_thread(is_begun.wait, 60)
        others = [reviews.whole(each, time.monotonic() + 0.05) for each in data[1:]]
        judged = await asyncio.gather(
            *(each for each in (first, *others) if not isinstance(each, Judged))
        )
        assert [j.verdict.findings[0].reason for j in judged] == ["DEADLINE"] * 3
        assert held.size_bytes == len(data[0])
        del first, others
        assert [sys.getrefcount(each) for each in data] == before, "what is decided was read"
        is_free.set()
        while held.size_bytes:  # noqa: ASYNC110  # nothing tells when bytes are let go
            await asyncio.sleep(0)

    with Apart() as pool:
        held = Held(2**21)
        asyncio.run(all_late(reviews_of(endless, pool, held), held))


def padded(kind: str) -> Any:
    """Longer than what is decided at once, and as short as any brief one."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "none"},
        "subjects": [], "metadata": {"name": "b", "namespace": "agents"},
    }  # fmt: skip
    body = pod() if kind == "Pod" else binding
    body["metadata"]["annotations"] = {"a": "x" * 17_000}
    return review(request(body))


def test_broad_reviews_leave_a_thread_to_brief_ones_whatever_their_length() -> None:
    """What may take long is known when it was read, and then waits with the long ones."""
    bundle = many(257)
    judge = Judge(lambda: bundle, view, SETTINGS, None, lambda: TODAY, Talk())
    is_free = Event()
    begun: list[str] = []

    def decide(asked: Request) -> Decision:
        begun.append(asked.kind)
        assert asked.kind == "Pod" or is_free.wait(60)
        return allow(asked)

    def decided(reviews: Reviews, kind: str) -> asyncio.Future[Judged]:
        made = reviews.whole(json.dumps(padded(kind)).encode(), time.monotonic() + 120.0)
        assert not isinstance(made, Judged)
        return asyncio.ensure_future(made)

    async def all_decided(reviews: Reviews) -> None:
        broad = [decided(reviews, "RoleBinding") for _ in range(3)]
        for _ in range(3):
            async with asyncio.timeout(60):
                assert (await decided(reviews, "Pod")).verdict.allowed
        assert begun.count("RoleBinding") <= 1
        is_free.set()
        assert all(each.verdict.allowed for each in await asyncio.gather(*broad))
        assert (begun.count("RoleBinding"), begun.count("Pod")) == (3, 3)

    with Apart() as pool:
        try:
            asyncio.run(all_decided(reviews_of(decide, pool, is_broad=judge.is_broad)))
        finally:
            is_free.set()
