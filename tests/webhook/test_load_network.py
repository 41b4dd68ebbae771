"""Faults of what is around the process, while 500 reviews a second arrive."""

from __future__ import annotations

import contextlib
import http.client
import resource
import socket
import ssl
from contextlib import ExitStack
from pathlib import Path

from support.catalogue import case, of
from support.load import LONGER
from support.stand import Stand, standing

__all__ = ["case"]  # a fixture of every test here


@of("K13")
def test_a_watch_that_is_lost_and_comes_back_with_gone(tmp_path: Path) -> None:
    """Until the state is old nothing is refused; then what needs it is; 410 Gone heals it."""
    with standing(tmp_path, stale_seconds=2) as stand:
        with stand.load() as load:
            for _ in range(LONGER):
                with stand.api_server.talking():
                    load.until(lambda new: sum(a.is_right() for a in new[-50:]) == 50)
                    stand.api_server.break_watches()
                    load.go_on(0.3)
                stand.api_server.lose()
                load.until(lambda new: any("STATE_UNKNOWN" in a.reasons for a in new))
                assert stand.webhook.is_ready(), "it still answers, and says no by itself"
                stand.webhook.wait_until(lambda: "ConfigMap" in stand.webhook.probe("/readyz")[1])
                assert stand.webhook.metric('policyc_view_age_seconds{kind="ConfigMap"}') > 2
                before = stand.api_server.lists
                stand.api_server.come_back(forgetful=True)
                with stand.api_server.talking():
                    load.until(lambda new: sum(a.is_right() for a in new[-50:]) == 50)
                assert stand.api_server.lists > before, "it began from a new list"
        load.check(excuses=["STATE_UNKNOWN"])
        assert all(a.reasons < {"HOST_NET", "AMBIGUOUS_SA", "STATE_UNKNOWN"} for a in load.answers)
        stand.check_log(load.answers)


@of("I16")
def test_slow_clients_wait_for_themselves(tmp_path: Path) -> None:
    """A byte at a time, within the header and within the body: each is ended by the server."""
    with standing(tmp_path, read_seconds=1) as stand, ExitStack() as stack:
        head = b"POST /validate HTTP/1.1\r\nHost: w\r\nContent-Type: application/json\r\n"
        begun = head + b"Content-Length: 5000\r\n\r\n"
        start = b'{"kind":"AdmissionReview","request":{"uid":"slow-1",'
        slow = [
            stack.enter_context(dialled(stand, first))
            for first in [head, begun, begun + start] * (20 * LONGER)
        ]
        said: dict[int, bytes] = {}
        with stand.load() as load:
            while len(said) < len(slow):
                for i, client in enumerate(slow):
                    if i not in said and (answer := dripped(client)) is not None:
                        said[i] = answer
                load.go_on(0.1)
            load.go_on(0.3)
        load.check()
        stand.check_log(load.answers)
    answers = [said[i] for i in range(3)]
    assert answers[0] == b"", "within the header nobody can be answered"
    assert all(a == b"" or a.startswith((b"HTTP/1.1 200", b"HTTP/1.1 408")) for a in said.values())
    refused = [a for a in said.values() if b"READ_TIMEOUT" in a]
    assert len(refused) >= len(slow) / 3
    assert all(b'"uid":"slow-1"' in a and b'"allowed":false' in a for a in refused)


def dialled(stand: Stand, first: bytes) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", stand.webhook.port))
    client = stand.webhook.tls().wrap_socket(plain, server_hostname="127.0.0.1")
    client.sendall(first)
    client.settimeout(0.0)
    return client


def dripped(client: ssl.SSLSocket) -> bytes | None:
    """Send a byte; what the server said if it has had enough, and None while it goes on."""
    with contextlib.suppress(OSError):  # what was said before it closed is still to be read
        client.send(b"x")
    try:
        answer = client.recv(65536)
        client.settimeout(30)
        while answer and not answer.endswith(b"}") and (more := client.recv(65536)):
            answer += more
    except ssl.SSLWantReadError:
        return None
    except OSError:
        return b""
    return answer


@of("K7-idle")
def test_a_thousand_idle_connections_keep_nobody_out(tmp_path: Path) -> None:
    """Twice as many as the server keeps: the idle ones go, the longest idle first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    with standing(tmp_path, max_connections=500) as stand:
        before = stand.resident_bytes()
        idle = connected(stand, 800)
        with stand.load() as load:
            idle += connected(stand, 200)
            load.go_on(1 * LONGER)
            assert stand.webhook.metric("policyc_http_evicted_total") >= 500
            assert stand.resident_bytes() - before < 64 * 2**20
            for connection in idle:
                connection.close()
            load.go_on(0.2)
        load.check()
        stand.check_log(load.answers)


def connected(stand: Stand, count: int) -> list[http.client.HTTPSConnection]:
    context = stand.webhook.tls()
    made = [stand.webhook.connect(context) for _ in range(count)]
    for connection in made:
        connection.connect()
    return made


ODD = ["/validate/", "/validate//", "//validate", "/validate%2f", "/VALIDATE", "/", "", "*",
       "/./validate", "/x/../validate", "https://example.com/validate", "//example.com/validate",
       "/mutate/?timeout=1s", "/healthz/", "/readyz/", "/metrics/", "/docs", "/openapi.json"]  # fmt: skip


@of("J10")
def test_nobody_is_ever_sent_elsewhere(tmp_path: Path) -> None:
    """The API server follows no redirect of a webhook, and must not be tempted (CVE-2020-8561)."""
    with standing(tmp_path) as stand:
        webhook = stand.webhook
        doors = [
            webhook.connect(),
            http.client.HTTPConnection("127.0.0.1", webhook.health_port, timeout=30),
        ]
        for door in doors:
            for method in ("POST", "GET", "HEAD", "PUT", "OPTIONS", "CONNECT", "DELETE"):
                for path in ["/validate", "/mutate", *ODD]:
                    status, fields = asked(door, method, path)
                    assert status is None or not 300 <= status < 400, (method, path, status)
                    assert not {"location", "refresh", "upgrade"} & fields, (method, path)
            door.close()


def asked(door: http.client.HTTPConnection, method: str, path: str) -> tuple[int | None, set[str]]:
    """Status, None when there is no answer, and the names of its fields."""
    try:
        door.putrequest(method, path or "/", skip_host=True)
        door.putheader("Host", "evil.example.com")
        door.putheader("X-Forwarded-Host", "evil.example.com")
        door.putheader("Content-Length", "0")
        door.endheaders()
        response = door.getresponse()
        response.read()
    except (http.client.HTTPException, ConnectionError):
        door.close()
        return None, set()
    return response.status, {name.lower() for name in response.headers}
