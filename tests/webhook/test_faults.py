"""Group K, what concerns the process: signals, overload, certificates, clocks, reloads, replays.

Each with a real process under a modest load; the law is always the same: every review that
was taken in is answered with its uid, and no answer is wrong.
"""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.admission import cluster, files, pod, request
from support.api_server import ApiServer
from support.catalogue import case, of
from support.webhook import Reply, Webhook, ask, review, write_bundle

from policyc.audit.verify import verify
from policyc.core.canonical import canonical_json, digest
from policyc.signing.keys import Signer

__all__ = ["case"]  # a fixture of every test here
KEY = Signer("policy.example.com/log", bytes(range(32)))


def bad() -> Any:
    body = pod()
    body["spec"]["serviceAccount"] = "other"
    return request(body)


class Clients:
    """Threads that ask one after the other until they are told to stop; nothing is forgotten."""

    def __init__(self, webhook: Webhook, count: int = 4) -> None:
        self._webhook = webhook
        self._stopped = threading.Event()
        self.replies: list[tuple[str, Reply]] = []
        self.failures: list[Exception] = []
        self._threads = [
            threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(count)
        ]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        self.until(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(60)

    def until(self, count: int) -> None:
        """Wait for so many more answers."""
        target = len(self.replies) + count
        self._webhook.wait_until(lambda: len(self.replies) >= target)

    def _run(self, number: int) -> None:
        connection: http.client.HTTPSConnection | None = None
        i = 0
        while not self._stopped.is_set():
            i += 1
            uid = f"{number}-{i}"
            try:
                connection = connection or self._webhook.connect()
                self.replies.append((uid, ask(connection, review(bad(), uid))))
            except (OSError, http.client.HTTPException) as fault:
                self.failures.append(fault)
                if connection is not None:
                    connection.close()
                connection = None
                if not self._webhook.daemon.is_running:
                    return
        if connection is not None:
            connection.close()

    def check(self) -> None:
        """Every answer is the right one, to the one who asked."""
        assert self.replies
        for uid, reply in self.replies:
            assert reply.response["uid"] == uid
            assert "AMBIGUOUS_SA" in reply.reasons


def log_flags(folder: Path) -> dict[str, object]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.key").write_text(KEY.to_text())
    return {"log_folder": folder / "log", "log_key": folder / "log.key"}


@of("K1")
def test_killed_under_load_it_starts_again_and_its_log_verifies(tmp_path: Path) -> None:
    with Webhook(tmp_path, **log_flags(tmp_path)) as webhook:
        with Clients(webhook) as clients:
            webhook.daemon.kill()
        clients.check()
        webhook.start()
        assert webhook.post(review(bad(), "after")).reasons
        webhook.daemon.stop()
    report = verify(tmp_path / "log", [KEY.verifier])
    assert report.faults == ()
    assert len(report.epochs) == 2
    # Records are written before their answers leave: none that was answered is missing.
    assert report.epochs[0].records >= len(clients.replies)


@of("K2")
def test_told_to_end_it_serves_on_not_ready(tmp_path: Path) -> None:
    with Webhook(tmp_path, drain_seconds=3) as webhook:
        with Clients(webhook) as clients:
            webhook.signal(signal.SIGTERM)
            webhook.wait_until(lambda: webhook.probe("/readyz")[0] == 503)
            clients.until(50)
            assert clients.failures == []
            assert webhook.probe("/healthz")[0] == 200
        clients.check()
        process = webhook.daemon._process
        assert process is not None
        assert process.wait(60) == 0


@of("K5")
def test_a_stopped_replica_leaves_the_other_alone(tmp_path: Path) -> None:
    with Webhook(tmp_path / "a") as hangs, Webhook(tmp_path / "b") as other:
        hangs.signal(signal.SIGSTOP)
        with Clients(other) as clients:
            clients.until(20)
        clients.check()
        assert clients.failures == []
        hangs.signal(signal.SIGCONT)
        assert hangs.post(review(bad())).reasons


@of("K7")
def test_what_is_too_much_is_refused_at_once_and_in_so_many_words(tmp_path: Path) -> None:
    with Webhook(tmp_path, max_concurrent=1) as webhook:
        with Clients(webhook, count=12) as clients:
            webhook.wait_until(
                lambda: (
                    webhook.metric(
                        'policyc_admission_decisions_total{path="validate",reason="OVERLOADED",verdict="deny"}'
                    )
                    > 0
                    if "OVERLOADED" in webhook.probe("/metrics")[1]
                    else False
                )
            )
        assert clients.failures == []
        for uid, reply in clients.replies:
            assert reply.response["uid"] == uid
            assert "OVERLOADED" in reply.reasons or "AMBIGUOUS_SA" in reply.reasons


@of("K7")
def test_a_thousand_idle_connections_keep_nobody_out(tmp_path: Path) -> None:
    with Webhook(tmp_path, max_connections=100) as webhook:
        context = webhook.tls()
        idle = [webhook.connect(context) for _ in range(300)]
        for connection in idle:
            connection.connect()
        assert webhook.post(review(bad())).reasons
        assert webhook.metric("policyc_http_evicted_total") >= 200
        for connection in idle:
            connection.close()


@of("K9")
def test_certificates_change_under_load_without_a_failed_handshake(tmp_path: Path) -> None:
    """New certificates for the same name, from files, while every request is a handshake."""
    from support.control_plane.pki import Authority

    authority = Authority(tmp_path / "pki")
    made = [authority.issue(f"leaf-{i}", "webhook", hosts=("127.0.0.1",)) for i in range(6)]
    live = tmp_path / "live.pem"

    def put(i: int) -> None:
        new = tmp_path / "new.pem"
        new.write_bytes(made[i].certificate.read_bytes() + made[i].key.read_bytes())
        new.replace(live)

    put(0)
    webhook = Webhook(tmp_path / "w", tls_folder=None, tls_cert=live, tls_key=live)
    webhook.trusted = authority.certificate
    with webhook:
        kept = webhook.connect()
        kept.connect()
        seen = set()
        for i in range(6):
            put(i)
            webhook.wait_until(lambda i=i: served(webhook) == der(made[i].certificate))
            seen.add(served(webhook))
            assert webhook.post(review(bad())).reasons
        assert len(seen) == 6
        assert ask(kept, review(bad())).reasons  # the connection from before all that
        kept.close()
        live.write_text("no certificate")
        webhook.wait_until(lambda: webhook.metric("policyc_certificate_healthy") == 0)
        assert webhook.post(review(bad())).reasons
        assert webhook.metric("policyc_certificate_expiry_seconds") > 0


def served(webhook: Webhook) -> bytes:
    connection = webhook.connect()
    connection.connect()
    assert isinstance(connection.sock, ssl.SSLSocket)
    found = connection.sock.getpeercert(binary_form=True)
    connection.close()
    assert found
    return found


def der(certificate: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Webhook, ApiServer]]:
    tmp_path.mkdir(exist_ok=True)
    with (
        ApiServer(cluster()) as api_server,
        Webhook(
            tmp_path,
            cluster=True,
            kubeconfig=api_server.kubeconfig(tmp_path),
            stale_seconds=2,
        ) as webhook,
    ):
        yield webhook, api_server


@contextmanager
def words(api_server: ApiServer) -> Iterator[None]:
    """Bookmarks, as a live server sends them."""
    stopped = threading.Event()

    def run() -> None:
        while not stopped.wait(0.2):
            api_server.bookmark()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@of("K13")
def test_a_lost_watch_fails_closed_and_heals(watched: tuple[Webhook, ApiServer]) -> None:
    webhook, api_server = watched
    good = review(request(pod()))

    def allowed() -> bool:
        return bool(webhook.post(good).response["allowed"])

    with words(api_server):
        webhook.wait_until(allowed)
    api_server.lose()
    webhook.wait_until(lambda: not allowed())
    assert "ConfigMap" in webhook.probe("/readyz")[1]
    assert webhook.metric('policyc_view_age_seconds{kind="ConfigMap"}') > 2
    assert webhook.is_ready(), "it still answers, and says no by itself"
    api_server.come_back(forgetful=True)
    with words(api_server):
        webhook.wait_until(allowed)


@of("K14")
def test_no_decision_asks_the_api_server(watched: tuple[Webhook, ApiServer]) -> None:
    webhook, api_server = watched
    before = api_server.lists
    with words(api_server):
        for _ in range(20):
            assert webhook.post(review(request(pod()))).response["uid"]
    assert api_server.lists == before


@of("K15")
def test_two_bodies_at_the_limit_do_not_fill_the_memory(tmp_path: Path) -> None:
    with Webhook(tmp_path) as webhook:
        body = pod()
        body["metadata"]["annotations"] = {"a": "x" * (15 * 2**20)}
        sent = json.dumps(review(request(body))).encode()
        threads = [threading.Thread(target=webhook.post, args=(sent,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert webhook.post(review(bad())).reasons
        peak = Path(f"/proc/{webhook.pid}/status").read_text().split("VmHWM:")[1].split()[0]
        assert int(peak) < 200 * 1024


def variant(i: int) -> dict[str, bytes]:
    """The same agents in a bundle of another digest."""
    changed = dict(files())
    manifest = json.loads(changed["manifest.json"])
    changed["research/provenance.json"] = changed["research/provenance.json"] + b" " * i
    manifest["files"]["research/provenance.json"] = digest(changed["research/provenance.json"])
    changed["manifest.json"] = canonical_json(manifest)
    return changed


@pytest.mark.parametrize(
    "reloads", [20, pytest.param(1000, marks=pytest.mark.system)], ids=["few", "thousand"]
)
@of("K16")
def test_reloads_under_load_mix_nothing_and_leak_nothing(tmp_path: Path, reloads: int) -> None:
    with Webhook(tmp_path, poll_seconds=0.01) as webhook:
        digests = {digest(variant(i % 7)["manifest.json"]) for i in range(7)}
        digests.add(digest(files()["manifest.json"]))
        with Clients(webhook, count=2) as clients:
            for i in range(reloads):
                if i == reloads // 2:
                    before = resident(webhook)
                wanted = variant(i % 7 + 1 if i % 7 < 6 else 0)
                write_bundle(webhook.bundle, wanted)
                mark = digest(wanted["manifest.json"])
                webhook.wait_until(lambda mark=mark: mark in webhook.probe("/readyz")[1])
        clients.check()
        assert clients.failures == []
        used = {r.response["auditAnnotations"]["bundle"] for _, r in clients.replies}
        assert used <= digests | {digest(variant(7)["manifest.json"])}
        assert len(used) > 2
        assert resident(webhook) - before < 20 * 2**20


def resident(webhook: Webhook) -> int:
    text = Path(f"/proc/{webhook.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) * 1024


@of("K20")
def test_a_replayed_review_gets_the_same_answer_and_is_marked(tmp_path: Path) -> None:
    with Webhook(tmp_path, **log_flags(tmp_path)) as webhook:
        sent = review(bad(), "captured")
        first, second = webhook.post(sent), webhook.post(sent)
        assert first.reasons == second.reasons
    assert verify(tmp_path / "log", [KEY.verifier]).faults == ()
    records = [
        json.loads(line)
        for path in (tmp_path / "log").rglob("*")
        if path.is_file()
        for line in path.read_bytes().splitlines()
        if b'"captured"' in line
    ]
    assert [record.get("repeat", False) for record in records] == [False, True]


def run(*flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = "from policyc.cli.main import entry; entry()"
    return subprocess.run(
        [sys.executable, "-c", command, "webhook", "run", *flags],
        capture_output=True, text=True, timeout=60, check=False, env=environment or None,
    )  # fmt: skip


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with Webhook(tmp_path) as webhook:
        refused(webhook, "PC7111", f"port {webhook.port}")


def refused(
    webhook: Webhook, code: str, text: str, change: Callable[[list[str]], None] = len
) -> None:  # type: ignore[assignment]  # any callable that leaves the flags
    command = list(webhook.daemon._command)
    flags = command[command.index("run") + 1 :]
    change(flags)
    done = run(*flags)
    assert done.returncode == 2, done.stderr
    assert f"error[{code}]" in done.stderr
    assert text in done.stderr


def test_what_is_missing_at_the_start_is_named(tmp_path: Path) -> None:
    webhook = Webhook(tmp_path)
    absent = str(tmp_path / "absent")

    def with_kubeconfig(flags: list[str]) -> None:
        flags.remove("--no-cluster")
        flags += ["--kubeconfig", absent]

    def with_certificate(flags: list[str]) -> None:
        i = flags.index("--tls-folder")
        flags[i : i + 2] = ["--tls-cert", absent, "--tls-key", absent]

    refused(webhook, "PC7114", "kubeconfig", with_kubeconfig)
    refused(webhook, "PC7112", "absent", with_certificate)
    refused(webhook, "PC7115", "--port: `high`", lambda flags: flags.extend(["--port", "high"]))
    refused(webhook, "PC7115", "--shadow", lambda flags: flags.extend(["--shadow", "loud"]))
    shutil.rmtree(webhook.bundle)
    refused(webhook, "PC7113", "no bundle folder")
    write_bundle(webhook.bundle, files())
    (webhook.bundle / "research" / "envelope.json").write_text("{}")
    refused(webhook, "PC7113", "research/envelope.json")
