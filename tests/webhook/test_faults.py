"""A process without load: what it asks, what it has seen before, and why it does not start."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.admission import cluster, files, pod, request
from support.api_server import ApiServer
from support.catalogue import case, of
from support.webhook import Webhook, review, write_bundle

from policyc.audit.verify import verify
from policyc.signing.keys import Signer

__all__ = ["case"]  # a fixture of every test here
KEY = Signer("policy.example.com/log", bytes(range(32)))


def bad() -> Any:
    body = pod()
    body["spec"]["serviceAccount"] = "other"
    return request(body)


def log_flags(folder: Path) -> dict[str, object]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.key").write_text(KEY.to_text())
    return {"log_folder": folder / "log", "log_key": folder / "log.key"}


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


@of("K14")
def test_no_decision_asks_the_api_server(watched: tuple[Webhook, ApiServer]) -> None:
    webhook, api_server = watched
    before = api_server.lists
    with api_server.talking():
        for _ in range(20):
            assert webhook.post(review(request(pod()))).response["uid"]
    assert api_server.lists == before


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
