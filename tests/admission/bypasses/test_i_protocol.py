"""Group I: what a sender can do to the protocol, by POST over TLS to a running webhook.

The rule behind all of it: an API server takes every HTTP error for a failed call, which it may
admit; so whatever it could have sent is answered with 200, its uid and a verdict.
"""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.admission import cluster, pod, request
from support.api_server import ApiServer
from support.catalogue import case, of
from support.control_plane.pki import Authority
from support.webhook import JSON_TYPE, Reply, Webhook, ask, review

GOOD = review(request(pod()))
UID = GOOD["request"]["uid"]
READ_SECONDS = 1

__all__ = ["case"]  # a fixture of every test here


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    folder = tmp_path_factory.mktemp("webhook")
    with (
        ApiServer(cluster()) as api_server,
        Webhook(
            folder,
            cluster=True,
            kubeconfig=api_server.kubeconfig(folder),
            read_seconds=READ_SECONDS,
            max_body_bytes=16 * 2**20,
        ) as running,
    ):
        yield running


def text(document: Any = GOOD) -> bytes:
    return json.dumps(document).encode()


def with_object(**changes: Any) -> Any:
    body = pod()
    for path, value in changes.items():
        place, *keys = path.split("__")
        target = body
        for key in (place, *keys)[:-1]:
            target = target[key]
        target[(place, *keys)[-1]] = value
    return review(request(body))


def refused(reply: Reply, reason: str) -> None:
    """Answered, with the uid, and for that reason."""
    assert reply.response["uid"] == UID
    assert reply.reasons == {reason}


def rejected(reply: Reply, status: int) -> None:
    """No API server sends that: an HTTP error, which reveals nothing."""
    assert reply.status == status
    assert set(reply.body) == {"error"}
    assert "agent" not in json.dumps(reply.body)


@of("I1")
def test_a_good_review_is_answered_in_kind(webhook: Webhook) -> None:
    reply = webhook.post(GOOD)
    assert reply.body["kind"] == "AdmissionReview"
    assert reply.response["uid"] == UID
    assert reply.response["allowed"] is True, reply.response


@of("I2")
def test_v1beta1_is_not_answered_in_v1(webhook: Webhook) -> None:
    rejected(webhook.post({**GOOD, "apiVersion": "admission.k8s.io/v1beta1"}), 400)


@pytest.mark.parametrize("missing", ["kind", "operation", "resource"])
@of("I3")
def test_a_request_without_a_needed_member(webhook: Webhook, missing: str) -> None:
    document = json.loads(text())
    del document["request"][missing]
    refused(webhook.post(document), "MALFORMED")


@pytest.mark.parametrize("missing", ["request", "uid"])
@of("I3")
def test_a_request_that_nobody_can_be_told_about(webhook: Webhook, missing: str) -> None:
    document = json.loads(text())
    del (document if missing == "request" else document["request"])[missing]
    rejected(webhook.post(document), 400)


@pytest.mark.parametrize("uid", ["", "u" * 2**20, 7, None, ["u"]], ids=["empty", "1MB", "number", "null", "list"])  # fmt: skip
@of("I4")
def test_a_uid_that_is_none(webhook: Webhook, uid: Any) -> None:
    document = json.loads(text())
    document["request"]["uid"] = uid
    rejected(webhook.post(document), 400)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/json; charset=latin-1",
        "application/jsonx",
        "",
        "application/yaml",
    ],
)
@of("I5")
def test_another_content_type(webhook: Webhook, content_type: str) -> None:
    rejected(webhook.post(GOOD, headers={"Content-Type": content_type}), 415)


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", 'Application/JSON; charset="UTF-8"']
)  # fmt: skip
@of("I5")
def test_json_however_it_is_written(webhook: Webhook, content_type: str) -> None:
    assert webhook.post(GOOD, headers={"Content-Type": content_type}).response["allowed"]


@pytest.mark.parametrize("path", ["/validate", "/mutate"])
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE"])
@of("I6")
def test_another_method(webhook: Webhook, method: str, path: str) -> None:
    reply = webhook.post(GOOD, path, method=method)
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "broken",
    [text()[:-20], text() + text(), text() + b"x", text().replace(b'"object"', b"'object'"), text()[:-1] + b",}"],
    ids=["truncated", "two-documents", "trailing", "single-quotes", "trailing-comma"],
)  # fmt: skip
@of("I7")
def test_broken_json_whose_uid_was_legible(webhook: Webhook, broken: bytes) -> None:
    refused(webhook.post(broken), "MALFORMED")


@pytest.mark.parametrize("broken", [b"", b"{", b"null", b"[]", b"x" * 3000, b'{"request":'])
@of("I7")
def test_broken_json_without_a_uid(webhook: Webhook, broken: bytes) -> None:
    rejected(webhook.post(broken), 400)


PAD = b'"padding"'
PADDED = text(review(request(pod()), options={"padding": "padding"}))


@pytest.mark.parametrize(
    "value", [b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xc0\x80"'],
    ids=["stray-byte", "utf8-surrogate", "escaped-surrogate", "swapped-pair", "overlong"],
)  # fmt: skip
@of("I8")
def test_text_that_is_no_text(webhook: Webhook, value: bytes) -> None:
    refused(webhook.post(PADDED.replace(b": " + PAD, b": " + value)), "MALFORMED")


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999"])
@of("I9")
def test_numbers_that_are_none(webhook: Webhook, value: bytes) -> None:
    refused(webhook.post(PADDED.replace(b": " + PAD, b": " + value)), "MALFORMED")


@pytest.mark.parametrize(
    "value", [b"[" * 2000 + b"]" * 2000, b'{"a":' * 2000 + b"1" + b"}" * 2000, b"[" * 200_000],
    ids=["lists", "objects", "unclosed"],
)  # fmt: skip
@of("I10")
def test_nesting_without_end(webhook: Webhook, value: bytes) -> None:
    refused(webhook.post(PADDED.replace(b": " + PAD, b": " + value)), "MALFORMED")


@pytest.mark.parametrize("key", ["spec", "request", "uid", "namespace", "serviceAccountName"])
@of("I11")
def test_a_key_that_stands_twice(webhook: Webhook, key: str) -> None:
    whole = text()
    at = whole.index(b'"%s"' % key.encode())
    doubled = whole[:at] + b'"%s": "first", ' % key.encode() + whole[at:]
    reply = webhook.post(doubled)
    if key == "request":  # there is no telling which one is meant, nor whose uid
        rejected(reply, 400)
        return
    assert reply.reasons == {"MALFORMED"}
    assert reply.response["uid"] == ("first" if key == "uid" else UID)


@pytest.mark.parametrize("key", ["operation", "kind", "request", "uid", "object"])
@of("I12")
def test_keys_in_another_case_are_other_keys(webhook: Webhook, key: str) -> None:
    name, written = key.encode(), key.title().encode()
    reply = webhook.post(text().replace(b'"%s": ' % name, b'"%s": ' % written))
    if key in ("request", "uid", "kind"):
        assert reply.status == 400
    else:
        refused(reply, "MALFORMED")


def big(character: str, size: int) -> Any:
    body = pod()
    body["metadata"]["annotations"] = {"padding": character * size}
    return body


@of("I13")
def test_two_objects_of_three_mebibytes(webhook: Webhook) -> None:
    body = big("x", 3 * 2**20)
    reply = webhook.post(review(request(body, "UPDATE", body)))
    assert reply.response["uid"] == UID
    assert reply.response["allowed"] is True, reply.response


@pytest.mark.parametrize("twice", [False, True], ids=["9MB", "18MB"])
@of("I14")
def test_what_escaping_makes_six_times_as_long(webhook: Webhook, twice: bool) -> None:
    body = big("<", 1_500_000)
    document = review(request(body, "UPDATE", body)) if twice else review(request(body))
    sent = text(document).replace(b"<", b"\\u003c")
    reply = webhook.post(sent)
    assert reply.response["uid"] == UID
    if twice:
        assert reply.reasons == {"TOO_LARGE"}
    else:
        assert reply.response["allowed"] is True, reply.response


def raw(webhook: Webhook) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", webhook.port), timeout=30)
    return webhook.tls().wrap_socket(plain, server_hostname="127.0.0.1")


def head(length: str) -> bytes:
    return (
        b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + length.encode()
        + b"\r\n\r\n"
    )


def answer_of(connection: ssl.SSLSocket) -> Reply:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return Reply(response.status, dict(response.headers), json.loads(response.read()))


@of("I15")
def test_a_body_without_end_is_not_read_to_the_end(webhook: Webhook) -> None:
    """64 MiB in chunks: the answer comes at the limit, and memory does not grow with the rest."""
    before = peak_bytes(webhook)
    with raw(webhook) as connection:
        connection.sendall(head("Transfer-Encoding: chunked"))
        start = text()[:-2]
        chunk = b" " * 2**16
        connection.sendall(b"%x\r\n%s\r\n" % (len(start), start))
        for _ in range(17 * 16):
            connection.sendall(b"10000\r\n" + chunk + b"\r\n")
        refused(answer_of(connection), "TOO_LARGE")
        with pytest.raises(OSError):  # the rest is thrown away, and not for ever
            connection.sendall((b"10000\r\n" + chunk + b"\r\n") * 2**12)
    assert peak_bytes(webhook) - before < 40 * 2**20


def peak_bytes(webhook: Webhook) -> int:
    status = Path(f"/proc/{webhook.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@of("I15")
def test_too_long_and_without_a_uid(webhook: Webhook) -> None:
    rejected(webhook.post(b" " * (16 * 2**20 + 1)), 413)


@pytest.mark.parametrize("sent", ["", "POST /validate HTT", "POST /validate HTTP/1.1\r\nHost: "])
@of("I16")
def test_a_head_that_does_not_end(webhook: Webhook, sent: str) -> None:
    with raw(webhook) as connection:
        connection.sendall(sent.encode() or b"P")
        assert connection.recv(1) == b""


@of("I16")
def test_a_body_that_does_not_end(webhook: Webhook) -> None:
    with raw(webhook) as connection:
        connection.sendall(head(f"Content-Length: {len(text())}") + text()[:-1])
        refused(answer_of(connection), "READ_TIMEOUT")
        assert connection.recv(1) == b""


@of("I16")
def test_a_body_that_does_not_begin(webhook: Webhook) -> None:
    with raw(webhook) as connection:
        connection.sendall(head("Content-Length: 100"))
        assert connection.recv(1) == b""


@of("I16")
def test_a_byte_now_and_then(webhook: Webhook) -> None:
    """Steady progress does not extend the time: there is one for the whole request."""
    with raw(webhook) as connection:
        connection.sendall(head(f"Content-Length: {len(text())}") + text()[:-50])
        connection.settimeout(0.2)
        for byte in text()[-50:-1]:
            connection.sendall(bytes([byte]))
            try:
                ready = connection.recv(1)
            except TimeoutError:
                continue
            assert ready == b"H"
            return
        raise AssertionError("it went on reading")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, identity"])
@of("I17")
def test_a_body_in_another_encoding(webhook: Webhook, encoding: str) -> None:
    bomb = gzip.compress(b" " * 2**24)
    rejected(webhook.post(bomb, headers={**JSON_TYPE, "Content-Encoding": encoding}), 415)


@of("I18")
def test_objects_at_the_limits_of_the_api(webhook: Webhook) -> None:
    body = pod()
    first = body["spec"]["containers"][0]
    first["env"] = [{"name": f"E{i}", "value": "v"} for i in range(10_000)]
    body["spec"]["containers"] = [first] + [
        {**first, "name": f"c{i}", "env": []} for i in range(1000)
    ]
    body["metadata"]["annotations"] = {"a": "x" * 256 * 1024}
    assert webhook.post(review(request(body))).response["uid"] == UID


@pytest.mark.parametrize("timeout", ["1s", "10s", "30s", "", "x", "-1s", "0s", "1s&timeout=0s"])
@of("I19")
def test_the_time_that_the_api_server_gives(webhook: Webhook, timeout: str) -> None:
    """The deadline itself: tests/webhook/test_reviews.py, where time can be made to pass."""
    assert webhook.post(GOOD, f"/validate?timeout={timeout}").response["allowed"] is True


@of("I20")
def test_many_findings_make_no_long_answer(webhook: Webhook) -> None:
    body = pod()
    body["spec"]["containers"] = [
        {"name": f"c{i}", "image": "evil/" + "x" * 200, "securityContext": {"privileged": True}}
        for i in range(500)
    ]
    body["spec"]["serviceAccount"] = "a" * 5000
    reply = webhook.post(review(request(body)))
    assert reply.response["allowed"] is False
    assert len(reply.response["status"]["message"]) <= 4096


@pytest.mark.parametrize(
    ("member", "value"),
    [("operation", 1), ("namespace", 7), ("name", True), ("object", "x"), ("object", []), ("oldObject", 0.5),
     ("subResource", {}), ("kind", "Pod"), ("resource", {"group": 1, "version": "v1", "resource": "pods"})],
)  # fmt: skip
@of("I21")
def test_members_of_another_type(webhook: Webhook, member: str, value: Any) -> None:
    document = json.loads(text())
    document["request"][member] = value
    refused(webhook.post(document), "MALFORMED")


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Webhook, Authority]]:
    folder = tmp_path_factory.mktemp("mutual")
    authority = Authority(folder / "clients")
    with Webhook(
        folder, client_ca=authority.certificate, client_names=["kube-apiserver"]
    ) as running:
        yield running, authority


def handshake(webhook: Webhook, context: ssl.SSLContext) -> Reply:
    connection = webhook.connect(context)
    try:
        return ask(connection, GOOD)
    finally:
        connection.close()


@of("I22")
def test_old_versions_of_tls(webhook: Webhook) -> None:
    context = webhook.tls()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        handshake(webhook, context)


@of("I22")
def test_a_name_that_is_not_ours(webhook: Webhook) -> None:
    with (
        socket.create_connection(("127.0.0.1", webhook.port), timeout=30) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        webhook.tls().wrap_socket(plain, server_hostname="elsewhere.example.com")


@of("I22")
def test_the_api_server_shows_its_certificate(mutual: tuple[Webhook, Authority]) -> None:
    webhook, authority = mutual
    made = authority.issue("api-server", "kube-apiserver")
    context = webhook.tls()
    context.load_cert_chain(made.certificate, made.key)
    assert handshake(webhook, context).status == 200


@pytest.mark.parametrize("who", ["nobody", "a-stranger", "another-name"])
@of("I22")
def test_who_else_comes_gets_nothing(mutual: tuple[Webhook, Authority], who: str) -> None:
    webhook, authority = mutual
    context = webhook.tls()
    if who == "a-stranger":
        made = Authority(webhook.folder / "strangers").issue("x", "kube-apiserver")
        context.load_cert_chain(made.certificate, made.key)
    elif who == "another-name":
        made = authority.issue("kubelet", "system:node:one")
        context.load_cert_chain(made.certificate, made.key)
    with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
        handshake(webhook, context)
    assert webhook.is_ready()


@pytest.mark.parametrize(
    "path", ["/validate/", "//validate", "/Validate", "/validate%2f", "/", "/x"]
)
def test_no_path_redirects(webhook: Webhook, path: str) -> None:
    assert webhook.post(GOOD, path).status == 404


def test_every_case_left_it_running(webhook: Webhook) -> None:
    """Last in the file: one process went through all of the above."""
    assert webhook.is_ready()
    assert webhook.post(GOOD).response["allowed"] is True
    assert not [line for line in webhook.log() if line["level"] == "error"]
