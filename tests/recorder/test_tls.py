"""Models in requests over TLS, from clients with different TLS libraries; and what says so when they cannot be seen."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.containers import require
from support.internet import NAMES, SECURE, Internet, internet
from support.recorder import Spec, losses, record
from support.tls_containers import certificate

pytestmark = pytest.mark.system

SOURCES = Path(__file__).parent / "programs"
REQUEST = {"messages": [{"role": "user", "content": "x" * 5000}], "model": "large-4"}
HTTP_CLIENT = (
    "import http.client, ssl, sys, urllib.parse\n"
    "to = urllib.parse.urlsplit(sys.argv[1])\n"
    "c = http.client.HTTPSConnection(to.hostname, to.port, context=ssl._create_unverified_context())\n"
    "c.request('POST', to.path, open(sys.argv[2], 'rb').read()); c.getresponse().read()\n"
)
PREPARING = (
    "import ssl; b = ssl.MemoryBIO(), ssl.MemoryBIO(); "
    f'ssl.create_default_context().wrap_bio(*b, server_hostname="{SECURE}")'
)
CURL = ("/usr/bin/curl", "--silent", "--insecure", "--http1.1", "URL", "--data-binary", "@FILE")
CLIENTS: dict[str, tuple[str, ...]] = {
    "http.client": (sys.executable, "-c", HTTP_CLIENT, "URL", "FILE"),
    "http.client-debian": ("/usr/bin/python3", "-c", HTTP_CLIENT, "URL", "FILE"),
    "curl": CURL,
    "node": ("/usr/bin/env", "node", str(SOURCES / "post.js"), "URL", "FILE"),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    folder = tmp_path_factory.mktemp("internet") / "served"
    folder.mkdir()
    (folder / "page").write_text("x")
    with internet(folder, protocols=("h2", "http/1.1")) as made:
        yield made


def _record(folder: Path, served: Internet, command: tuple[str, ...], body: bytes) -> Spec:
    (folder / "body").write_bytes(body)
    words = (
        word.replace("URL", f"{served.secure}/page").replace("FILE", str(folder / "body"))
        for word in command
    )
    return record(folder / "out", *served.inside(*words), options=served.believed)


def _blind(spec: Spec) -> set[str]:
    return {spot for run in spec["runs"] for spot in run["blind"]}


@pytest.mark.parametrize("client", sorted(CLIENTS))
def test_the_model_is_seen(client: str, tmp_path: Path, served: Internet) -> None:
    spec = _record(tmp_path, served, CLIENTS[client], json.dumps(REQUEST).encode())
    assert [(i["model"], i["gateway"]) for i in spec["models"]] == [("large-4", SECURE)]
    assert losses(spec) == {}
    assert _blind(spec) == set()


def test_a_server_without_a_name_hides_nothing(tmp_path: Path, served: Internet) -> None:
    """Nobody greets an address by name (RFC 6066, 3), OpenSSL neither."""
    address = f"https://{NAMES[SECURE]}:{served.secure_port}/page"
    command = tuple(address if word == "URL" else word for word in CURL)
    spec = _record(tmp_path, served, command, json.dumps(REQUEST).encode())
    assert [i["model"] for i in spec["models"]] == ["large-4"]
    assert _blind(spec) == set()


def test_every_call_of_a_list_is_seen(tmp_path: Path, served: Internet) -> None:
    calls = [{"method": "tools/call", "params": {"name": name}} for name in ("one", "two", "three")]
    spec = _record(tmp_path, served, CURL, json.dumps(calls, indent=1).encode())
    assert {i["tool"] for i in spec["tools"]} == {"one", "two", "three"}
    assert _blind(spec) == set()


def test_a_static_client_leaves_a_blind_spot(tmp_path: Path, served: Internet) -> None:
    require("go")
    program = tmp_path / "fetch"
    subprocess.run(
        ["go", "build", "-trimpath", "-o", str(program), str(SOURCES / "fetch.go")],
        check=True, env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
    )  # fmt: skip
    # Who only prepares to greet the same name with OpenSSL hides nothing.
    script = f"{sys.executable} -c '{PREPARING}' && GODEBUG=http2client=0 {program} URL"
    spec = _record(tmp_path, served, ("/bin/sh", "-c", script), b"")
    words = "messages over TLS of other libraries than OpenSSL"
    assert _blind(spec) == {f"models: {words}", f"tools: {words}"}


def test_encoded_bodies_leave_a_blind_spot(tmp_path: Path, served: Internet) -> None:
    command = (*CURL, "--header", "content-ENCODING: gzip")
    spec = _record(tmp_path, served, command, gzip.compress(json.dumps(REQUEST).encode()))
    words = "messages in bodies with a Content-Encoding"
    assert _blind(spec) == {f"models: {words}", f"tools: {words}"}
    assert losses(spec) == {}


def test_http2_leaves_a_blind_spot(tmp_path: Path, served: Internet) -> None:
    # The server speaks no HTTP/2; that both agree on it, and the client's first words in it, are enough.
    script = "curl --silent --insecure --http2 URL --data x; test $? -ne 0"
    spec = _record(tmp_path, served, ("/bin/sh", "-c", script), b"")
    assert _blind(spec) == {"models: messages in HTTP/2", "tools: messages in HTTP/2"}


FORMS = {
    "messages after an Upgrade of HTTP": (("--header", "Upgrade: websocket"), b""),
    "names of models that a request does not tell": (
        (),
        json.dumps({"contents": [{"parts": [{"text": "x" * 99}]}]}).encode(),
    ),
}


@pytest.mark.parametrize("words", sorted(FORMS))
def test_what_is_said_elsewhere_leaves_a_blind_spot(
    words: str, tmp_path: Path, served: Internet
) -> None:
    more, body = FORMS[words]
    spec = _record(tmp_path, served, (*CURL, *more), body)
    assert _blind(spec) == {f"models: {words}", f"tools: {words}"}
    assert losses(spec) == {}


def test_a_filter_of_openssl_leaves_a_blind_spot(tmp_path: Path, served: Internet) -> None:
    """What it reads and writes goes by none of the functions that programs call."""
    command = (sys.executable, str(SOURCES / "filter.py"), "URL", "FILE")
    spec = _record(tmp_path, served, command, json.dumps(REQUEST).encode())
    words = "messages over TLS that BIO_f_ssl carries"
    assert _blind(spec) == {f"models: {words}", f"tools: {words}"}
    assert losses(spec) == {}


@contextmanager
def _openssl(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A server or client of OpenSSL's own, which lasts as long as its standard input."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(["openssl", *arguments], text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: subprocess.Popen[str], word: str) -> str:
    """The next line that it says the word in."""
    assert process.stdout is not None
    return next(line for line in process.stdout if word in line).strip()


def test_early_data_are_read(tmp_path: Path) -> None:
    """They go with the greeting, before there is an answer (RFC 8446, 2.3)."""
    pem = str(certificate(tmp_path, "early.example"))
    session, body = str(tmp_path / "session"), tmp_path / "body"
    body.write_bytes(b"POST / HTTP/1.1\r\nHost: here\r\n\r\n" + json.dumps(REQUEST).encode())
    serving = ("s_server", "-accept", "127.0.0.1:0", "-cert", pem, "-early_data")
    with _openssl(*serving) as server:
        port = _line(server, "ACCEPT").rpartition(":")[2]
        asking = ("s_client", "-servername", "early.example", "-connect", f"127.0.0.1:{port}")
        with _openssl(*asking, "-sess_out", session) as client:
            assert server.stdin is not None
            server.stdin.write("hello\n")
            server.stdin.flush()
            # What resumes the session was sent before.
            _line(client, "hello")
            client.communicate("Q\n", timeout=60)
        early = ("-sess_in", session, "-early_data", str(body))
        spec = record(tmp_path / "out", "openssl", *asking, *early)
        assert _line(server, "Reused session-id")
    assert [(i["model"], i["gateway"], i["count"]) for i in spec["models"]] == [
        ("large-4", "early.example", 1)
    ]
    assert losses(spec) == {}
