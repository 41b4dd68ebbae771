"""Small reviews on their own way: however their bytes arrive, in their order, and one before the other."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.admission import SETTINGS, bundle, pod, request, view
from support.logs import KEY, opened
from support.webhook import Webhook, review
from support.widening import binding, group

from policyc.admission.request import Request
from policyc.audit.layout import RECORDS
from policyc.audit.verify import verify
from webhook.apart import Apart
from webhook.deciding import INLINE_BYTES
from webhook.desk import SMALL_BYTES, Desk, Turn
from webhook.judge import Decision, Judge
from webhook.logs import Talk
from webhook.metrics import Metrics
from webhook.reviews import Limits, Reviews
from webhook.stream import Held

Json = Any
TYPE = (b"content-type", b"application/json")


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    with Webhook(tmp_path_factory.mktemp("webhook"), read_seconds=60) as running:
        yield running


def text(uid: str, asked: Request | None = None) -> bytes:
    return json.dumps(review(asked or request(pod()), uid)).encode()


def post(body: bytes, *fields: str, framed: bytes | None = None, path: str = "/validate") -> bytes:
    """One HTTP request; ``framed`` is the body as it is sent when that is not plainly."""
    size = [] if framed is not None else [f"Content-Length: {len(body)}"]
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *size, *fields]
    return "\r\n".join([*lines, "", ""]).encode() + (body if framed is None else framed)


def chunked(body: bytes) -> bytes:
    frame = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return post(body, "Transfer-Encoding: chunked", framed=frame)


def connected(webhook: Webhook) -> ssl.SSLSocket:
    connection = webhook.connect()
    connection.connect()
    assert isinstance(connection.sock, ssl.SSLSocket)
    return connection.sock


def answers(connection: socket.socket, count: int) -> list[Json]:
    """So many answers off one connection, as (status, body)."""
    found = []
    stream = connection.makefile("rb")
    for _ in range(count):
        status = int(stream.readline().split()[1])
        headers = http.client.parse_headers(stream)
        found.append((status, json.loads(stream.read(int(headers["content-length"])))))
    return found


def uids(found: list[Json]) -> list[str]:
    return [body["response"]["uid"] if status == 200 else str(status) for status, body in found]


@pytest.mark.parametrize("cut", [1, 60, 140, 200, 1000])
def test_a_review_in_two_pieces(webhook: Webhook, cut: int) -> None:
    """The API server's client sends head and body apart when they are larger than its buffer."""
    sent = post(text("pieces"))
    with connected(webhook) as connection:
        for _ in range(2):
            connection.sendall(sent[:cut])
            assert (
                webhook.probe("/healthz")[0] == 200
            )  # the first piece was read by now, or is alone
            connection.sendall(sent[cut:])
            assert uids(answers(connection, 1)) == ["pieces"]


def test_what_is_sent_in_one_go_is_answered_in_its_order(webhook: Webhook) -> None:
    """Whatever way each of them takes."""
    other = post(b"{}", "Content-Encoding: gzip")
    sent = [post(text("a")), chunked(text("b")), post(text("c")), other, post(text("d"))]
    with connected(webhook) as connection:
        connection.sendall(b"".join(sent))
        assert uids(answers(connection, 5)) == ["a", "b", "c", "415", "d"]
        connection.sendall(post(text("e")))
        assert uids(answers(connection, 1)) == ["e"]


def test_whoever_wants_to_close_is_closed(webhook: Webhook) -> None:
    with connected(webhook) as connection:
        connection.sendall(post(text("last"), "Connection: close"))
        assert uids(answers(connection, 1)) == ["last"]
        assert connection.recv(1) == b""


def test_a_client_that_leaves_takes_nothing_along(webhook: Webhook) -> None:
    before = webhook.metric("policyc_http_disconnected_total")
    for _ in range(5):
        with connected(webhook) as connection:
            connection.sendall(post(text("left"))[:-10])
            # Written on another connection, so read behind the bytes above.
            assert webhook.post(review(request(pod()), "stays")).response["uid"] == "stays"
    webhook.wait_until(lambda: webhook.metric("policyc_http_disconnected_total") == before + 5)
    assert webhook.metric("policyc_http_backlog") == 0


def filled(webhook: Webhook, connection: socket.socket) -> None:
    """Send reviews whose answers are long, and read none, until an answer has no room."""
    body = pod()
    body["spec"]["containers"] = [{"name": f"c{i}", "image": "x"} for i in range(400)]
    sent = post(json.dumps(review(request(body), "piles up")).encode(), path="/mutate")
    assert len(sent) < INLINE_BYTES
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(250):
        connection.sendall(sent)
        time.sleep(0.03)
        if webhook.metric("policyc_http_backlog"):
            return


def test_the_answers_of_a_client_that_reads_none_do_not_pile_up(webhook: Webhook) -> None:
    """The first that has no room waits, and what is sent behind it is not read."""
    with connected(webhook) as connection:
        filled(webhook, connection)
        time.sleep(0.5)
        assert webhook.metric("policyc_http_backlog") == 1
        assert webhook.post(review(request(pod()), "others")).response["uid"] == "others"
    webhook.wait_until(lambda: webhook.metric("policyc_http_backlog") == 0)


def test_announced_reviews_take_no_place_of_those_that_arrive(tmp_path: Path) -> None:
    """More heads than reviews may be taken in, of bodies larger than all that may be held."""
    head, _, _ = post(b"x" * SMALL_BYTES).partition(b"x" * SMALL_BYTES)
    large, _, _ = post(b"x" * 2**20).partition(b"x" * 2**20)
    with (
        Webhook(tmp_path, max_concurrent=3, max_held_bytes=2**18, read_seconds=60) as webhook,
        contextlib.ExitStack() as open_ones,
    ):
        for i in range(12):
            connection = open_ones.enter_context(connected(webhook))
            connection.sendall(head if i % 2 else large)
        assert webhook.probe("/healthz")[0] == 200  # what was sent before was read
        response = webhook.post(review(request(pod()), "arrives")).response
        assert "OVERLOADED" not in str(response), response


def test_a_client_that_reads_no_answer_keeps_its_place_for_a_while_only(tmp_path: Path) -> None:
    with Webhook(tmp_path, read_seconds=1) as webhook, connected(webhook) as connection:
        filled(webhook, connection)
        webhook.wait_until(lambda: webhook.metric("policyc_http_backlog") == 1)
        webhook.wait_until(lambda: webhook.metric("policyc_http_backlog") == 0)
        assert webhook.post(review(request(pod()), "others")).response["uid"] == "others"


class Client:
    """Keeps what it is answered."""

    def __init__(self) -> None:
        self.got: list[Json] = []

    def answer(self, turn: Turn, status: int, data: bytes) -> None:
        assert status == 200
        self.got.append(json.loads(data)["response"])


def desk_of(judge: Judge, held: Held, pool: Apart, concurrent: int = 9) -> Desk:
    reviews = Reviews(
        "validate", judge.validate, judge.settle, Limits(2**20, concurrent, 5.0), is_broad=judge.is_broad, stands=judge.stands, held=held,
        backlog=lambda: 1, is_draining=lambda: False, apart=pool, metrics=Metrics(), talk=Talk(),
    )  # fmt: skip
    return Desk({"/validate": reviews}, held, concurrent, lambda: 0, lambda: False)


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110  # one turn of the loop after the other
        await asyncio.sleep(0)


def put(desk: Desk, client: Client, uid: str, asked: Request | None = None) -> None:
    data = text(uid, asked)
    size = (b"content-length", str(len(data)).encode())
    turn = desk.turn(client, b"/validate?timeout=10s", [TYPE, size])
    assert turn is not None
    desk.more(turn, data)
    desk.put(turn, asyncio.get_running_loop())


def test_waiting_for_the_disk_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk stands still: reviews are decided and written, none is answered, the loop turns."""
    is_on = threading.Event()
    sync = os.fsync

    def slow(handle: int) -> None:
        assert is_on.wait(60)
        sync(handle)

    def written() -> int:
        return (tmp_path / "log" / "000001" / RECORDS).read_bytes().count(b'"kind":"decision"')

    async def play(desk: Desk, client: Client) -> None:
        for i in range(5):
            put(desk, client, f"u-{i}")
        await until(lambda: written() == 5)
        assert (client.got, desk.count) == ([], 5)
        is_on.set()
        await until(lambda: not desk.count)

    held, client = Held(2**20), Client()
    with opened(tmp_path / "log", strict=True) as log, Apart() as pool:
        monkeypatch.setattr(os, "fsync", slow)
        judge = Judge(bundle, view, SETTINGS, log, lambda: "2026-09-01", Talk())
        asyncio.run(play(desk_of(judge, held, pool), client))
        signed = log.health.signed
    assert [response["uid"] for response in client.got] == [f"u-{i}" for i in range(5)]
    for response in client.got:
        assert response["allowed"]
        size = int(response["auditAnnotations"]["checkpoint"])
        assert int(response["auditAnnotations"]["log"].split()[1]) < size <= signed
    assert held.size_bytes == 0


@pytest.mark.parametrize("strict", [False, True])
def test_a_whole_review_whose_client_has_left_is_recorded(tmp_path: Path, strict: bool) -> None:
    """The API server got no answer, and admits where the webhook fails open: nobody decided."""

    async def play(desk: Desk, client: Client) -> None:
        loop = asyncio.get_running_loop()
        put(desk, client, "stays")
        for uid in ("whole", "part"):
            data = text(uid)
            turn = desk.turn(client, b"/validate", [TYPE, (b"content-length", b"%d" % len(data))])
            assert turn is not None
            desk.more(turn, data if uid == "whole" else data[:-10])
            if uid == "whole":
                desk.put(turn, loop)
            turn.disconnected = True
            if uid == "part":
                desk.drop(turn, loop)
        await until(lambda: not desk.count)
        await until(lambda: not desk._recording)

    held, client = Held(2**20), Client()
    with opened(tmp_path / "log", strict=strict) as log, Apart() as pool:
        judge = Judge(bundle, view, SETTINGS, log, lambda: "2026-09-01", Talk())
        asyncio.run(play(desk_of(judge, held, pool), client))
    assert [response["uid"] for response in client.got] == ["stays"]
    found = {r["uid"]: r for r in decisions(tmp_path / "log")}
    assert found["stays"]["verdict"] == "allow"
    for uid in ("whole", "part"):
        said = found[uid]
        assert (said["verdict"], said["codes"], said["status"]) == ("none", ["LEFT:deny"], 499)
    assert held.size_bytes == 0


def decisions(folder: Path) -> list[Json]:
    lines = (folder / "000001" / RECORDS).read_bytes().splitlines()
    return [r for r in map(json.loads, lines) if r["kind"] == "decision"]


def test_the_log_ends_with_what_was_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: the disk takes longer than anybody waits: an admission stands there, a denial leaves."""
    is_on = threading.Event()
    sync = os.fsync

    def slow(handle: int) -> None:
        assert is_on.wait(60)
        sync(handle)

    async def play(desk: Desk, client: Client) -> None:
        for uid in ("u-1", "u-2"):
            put(desk, client, uid)
        await until(lambda: not desk.count)
        is_on.set()

    held, client = Held(2**20), Client()
    with opened(tmp_path / "log", strict=True) as log, Apart() as pool:
        monkeypatch.setattr(os, "fsync", slow)
        monkeypatch.setattr("webhook.judge._SYNC_SECONDS", 0.01)
        judge = Judge(bundle, view, SETTINGS, log, lambda: "2026-09-01", Talk())
        asyncio.run(play(desk_of(judge, held, pool), client))
    answered = {r["uid"]: r["allowed"] for r in client.got}
    assert answered == {"u-1": False, "u-2": False}
    last = {r["uid"]: r for r in decisions(tmp_path / "log")}
    assert [r["verdict"] for r in decisions(tmp_path / "log")] == ["allow"] * 2 + ["deny"] * 2
    for record in last.values():
        assert record["codes"] == ["AUDIT_UNAVAILABLE:deny"]
        assert record["repeat"]
    assert verify(tmp_path / "log", [KEY.verifier]).faults == ()


def test_what_is_asked_of_all_envelopes_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A binding for everybody is decided in a thread; pods pass it meanwhile."""
    is_on = threading.Event()
    deciders: dict[str, str] = {}

    class Slow(Judge):
        def validate(self, request: Request) -> Decision:
            deciders[request.uid] = threading.current_thread().name
            if request.kind == "ClusterRoleBinding":
                assert is_on.wait(60)
            return super().validate(request)

    async def play(desk: Desk, client: Client) -> None:
        put(desk, client, "broad", request(binding(group("system:serviceaccounts"), namespace="")))
        for uid in ("a", "b"):
            put(desk, client, uid)
        await until(lambda: len(client.got) == 2)
        assert desk.count == 1
        is_on.set()
        await until(lambda: not desk.count)

    held, client = Held(2**20), Client()
    monkeypatch.setattr("webhook.judge._MANY", 1)
    with opened(tmp_path / "log") as log, Apart() as pool:
        judge = Slow(bundle, view, SETTINGS, log, lambda: "2026-09-01", Talk())
        asyncio.run(play(desk_of(judge, held, pool), client))
    assert [response["uid"] for response in client.got] == ["a", "b", "broad"]
    assert deciders == {"a": "MainThread", "b": "MainThread", "broad": "long reviews"}
    assert {r["uid"] for r in decisions(tmp_path / "log")} == {"a", "b", "broad"}
    assert held.size_bytes == 0


def test_more_than_may_wait_are_refused_at_once(tmp_path: Path) -> None:
    async def play(desk: Desk, client: Client) -> None:
        for i in range(5):
            put(desk, client, f"u-{i}")
        assert [response["uid"] for response in client.got] == ["u-3", "u-4"]
        await until(lambda: not desk.count)

    held, client = Held(2**20), Client()
    with opened(tmp_path / "log") as log, Apart() as pool:
        judge = Judge(bundle, view, SETTINGS, log, lambda: "2026-09-01", Talk())
        asyncio.run(play(desk_of(judge, held, pool, concurrent=3), client))
    reasons = [r["auditAnnotations"].get("reasons") for r in client.got]
    assert reasons == ["OVERLOADED:deny", "OVERLOADED:deny", None, None, None]
    assert held.size_bytes == 0


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [TYPE],
        [(b"content-length", b"5")],
        [TYPE, (b"content-length", b"0")],
        [TYPE, (b"content-length", b"-1")],
        [TYPE, (b"content-length", b"5"), (b"content-length", b"6")],
        [TYPE, TYPE, (b"content-length", b"5")],
        [TYPE, (b"content-length", str(SMALL_BYTES + 1).encode())],
        [(b"content-type", b"text/plain"), (b"content-length", b"5")],
        *(
            [TYPE, (b"content-length", b"5"), (name, b"x")]
            for name in (b"content-encoding", b"transfer-encoding", b"expect", b"upgrade")
        ),
    ],
)
def test_what_is_odd_goes_the_other_way(headers: list[tuple[bytes, bytes]]) -> None:
    held = Held(2**20)
    with Apart() as pool:
        judge = Judge(bundle, view, SETTINGS, None, lambda: "2026-09-01", Talk())
        desk = desk_of(judge, held, pool)
        assert desk.turn(Client(), b"/validate", headers) is None
        assert desk.turn(Client(), b"/other", [TYPE, (b"content-length", b"5")]) is None
        turn = desk.turn(Client(), b"/validate", [TYPE, (b"content-length", b"5")])
        assert turn is not None
        assert held.size_bytes == 0, "what is announced takes no room"
        desk.more(turn, b"{}")
        assert held.size_bytes == 2
