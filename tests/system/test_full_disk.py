"""A disk that is full below the decision log: a small file system in memory, and the whole webhook."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.admission import cluster, pod, request
from support.api_server import ApiServer
from support.catalogue import case, of
from support.logs import KEY
from support.webhook import Webhook, review

from policyc.audit.layout import RECORDS
from policyc.audit.verify import verify

__all__ = ["case"]  # a fixture of every test here
pytestmark = pytest.mark.system
Json = Any


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.fixture(params=[True, False], ids=["strict", "default"])
def webhook(request: pytest.FixtureRequest, disk: Path, tmp_path: Path) -> Iterator[Webhook]:
    (tmp_path / "log.key").write_text(KEY.to_text())
    with (
        ApiServer(cluster()) as api_server,
        Webhook(
            tmp_path / "webhook",
            cluster=True,
            kubeconfig=api_server.kubeconfig(tmp_path),
            log_folder=disk / "log",
            log_key=tmp_path / "log.key",
            log_strict=request.param,
        ) as running,
    ):
        yield running


def fill(disk: Path) -> Path:
    """Use every page that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(4096))
    return filler


def asked(webhook: Webhook, uid: str) -> Json:
    """The answer to a review of a compliant pod."""
    return webhook.post(review(request(pod()), uid)).response


def is_strict(webhook: Webhook) -> bool:
    return "--log-strict" in webhook.daemon._command


def is_recorded(response: Json) -> bool:
    """Whether the answer says where its record is."""
    return response["auditAnnotations"].get("log", "unavailable") != "unavailable"


@of("K11")
def test_a_full_disk_is_said_and_gets_over_it(webhook: Webhook, disk: Path) -> None:
    before = asked(webhook, "before")
    assert before["allowed"] and is_recorded(before)
    assert webhook.metric("policyc_log_healthy") == 1
    filler = fill(disk)
    # The last page of the log takes a few more.
    answers = [asked(webhook, f"full-{i}") for i in range(20)]
    unrecorded = [answer for answer in answers if not is_recorded(answer)]
    assert unrecorded[-1] == answers[-1]
    if is_strict(webhook):
        for answer in unrecorded:
            assert not answer["allowed"]
            assert "AUDIT_UNAVAILABLE" in answer["status"]["message"]
            assert answer["auditAnnotations"]["reasons"] == "AUDIT_UNAVAILABLE:deny"
    else:
        assert all(answer["allowed"] for answer in answers)
        assert {answer["auditAnnotations"]["log"] for answer in unrecorded} == {"unavailable"}
        assert webhook.metric("policyc_log_lost") == len(unrecorded)
    assert webhook.metric("policyc_log_healthy") == 0
    said = [line for line in webhook.log() if line["message"] == "decision not recorded"]
    assert {line["level"] for line in said} == {"error"}
    assert json.loads(webhook.probe("/readyz")[1])["log"]
    filler.unlink()
    after = asked(webhook, "after")
    assert after["allowed"] and is_recorded(after)
    webhook.wait_until(lambda: webhook.metric("policyc_log_healthy") == 1)  # with the next sync
    webhook.daemon.stop()
    judge_log(disk / "log", [a["uid"] for a in answers if is_recorded(a)], webhook)


def judge_log(folder: Path, recorded: list[str], webhook: Webhook) -> None:
    """The log holds, has what it said it has, and counts what it has not."""
    assert verify(folder, [KEY.verifier]).faults == ()
    lines = (folder / "000001" / RECORDS).read_bytes().splitlines()
    records = [json.loads(line) for line in lines]
    uids = [r["uid"] for r in records if r["kind"] == "decision"]
    assert {"before", "after", *recorded} <= {*uids}
    lost = sum(r["lost"] for r in records if r["kind"] == "gap")
    if is_strict(webhook):
        # What was refused after its record was written has a second one, or that one is lost, too.
        last = {r["uid"]: r["verdict"] for r in records if r["kind"] == "decision"}
        outdated = [uid for uid in last.keys() - {"before", "after"} if last[uid] != "deny"]
        assert lost == 22 - len(last) + len(outdated)
    else:
        assert lost + len(uids) == 22
        assert uids == ["before", *recorded, "after"]
