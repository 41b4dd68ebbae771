"""Every answer has a record: what was decided, what was refused unjudged, and who asked."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.admission import SETTINGS, bundle, cluster, pod, request, view
from support.api_server import ApiServer
from support.catalogue import case, of
from support.logs import KEY, opened
from support.webhook import Webhook, review

from policyc.audit import record
from policyc.audit.layout import RECORDS
from policyc.audit.verify import verify
from policyc.core.canonical import canonical_json, digest, digest_in_steps
from webhook.apart import Apart
from webhook.judge import Judge
from webhook.logs import Talk
from webhook.metrics import Metrics
from webhook.reviews import Limits, Reviews
from webhook.stream import Held

__all__ = ["case"]  # a fixture of every test here
Json = Any
LIMIT = 100_000


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    folder = tmp_path_factory.mktemp("webhook")
    (folder / "log.key").write_text(KEY.to_text())
    with (
        ApiServer(cluster()) as api_server,
        Webhook(
            folder,
            cluster=True,
            kubeconfig=api_server.kubeconfig(folder),
            log_folder=folder / "log",
            log_key=folder / "log.key",
            max_body_bytes=LIMIT,
            read_seconds=1,
        ) as running,
    ):
        yield running
        assert verify(folder / "log", [KEY.verifier]).faults == ()


def records(folder: Path) -> list[Json]:
    return [json.loads(line) for line in (folder / "000001" / RECORDS).read_bytes().splitlines()]


def recorded(webhook: Webhook, uid: str) -> Json:
    """The only record of a review."""
    (found,) = [r for r in records(webhook.folder / "log") if r.get("uid") == uid]
    assert found["kind"] == "decision"
    return found


def bad_pod() -> Json:
    body = pod()
    body["spec"]["serviceAccount"] = "other"
    return body


def test_an_admission_and_a_denial(webhook: Webhook) -> None:
    good = webhook.post(review(request(pod()), "good")).response
    bad = webhook.post(review(request(bad_pod()), "bad")).response
    assert (good["allowed"], bad["allowed"]) == (True, False)
    found = recorded(webhook, "good"), recorded(webhook, "bad")
    assert [r["verdict"] for r in found] == ["allow", "deny"]
    assert [r["webhook"] for r in found] == ["validate", "validate"]
    assert "AMBIGUOUS_SA:deny" in found[1]["codes"]
    for each, answer in zip(found, (good, bad), strict=True):
        assert each["bundle"] == answer["auditAnnotations"]["bundle"] == bundle().digest
        assert f" {each['sequence']} " in answer["auditAnnotations"]["log"]


def test_a_mutation_with_the_digest_of_its_patch(webhook: Webhook) -> None:
    body = pod()
    del body["spec"]["automountServiceAccountToken"]
    changed = webhook.post(review(request(body), "changed"), "/mutate").response
    patch = base64.b64decode(changed["patch"])
    assert json.loads(patch)
    assert recorded(webhook, "changed")["patch"] == digest(patch)
    assert recorded(webhook, "changed")["webhook"] == "mutate"
    for step in json.loads(patch):
        assert step["op"] == "add"
    webhook.post(review(request(None, "DELETE", pod()), "unchanged"), "/mutate")
    assert "patch" not in recorded(webhook, "unchanged")


@of("H21")
def test_who_asks_and_what_stands_behind_them(webhook: Webhook) -> None:
    """Under impersonation the API server names the impersonated; ``extra`` says what it was given."""
    info = {
        "username": "eve",
        "uid": "u-1",
        "groups": ["system:masters", "ops"],
        "extra": {"example.com/reason": ["ticket 7", "on call"], "credential-id": ["JTI=1"]},
    }
    webhook.post(review(request(pod()), "impersonated", userInfo=info))
    found = recorded(webhook, "impersonated")
    assert (found["user"], found["userUid"]) == ("eve", "u-1")
    assert found["groups"] == info["groups"]
    assert found["extra"] == [
        "credential-id=JTI=1",
        "example.com/reason=ticket 7",
        "example.com/reason=on call",
    ]


@of("H21")
def test_a_long_extra_is_cut_and_its_digest_stands_for_it(webhook: Webhook) -> None:
    info = {"username": "eve", "extra": {"a": ["x" * 2000], "b": ["y" * 2000]}}
    webhook.post(review(request(pod()), "long", userInfo=info))
    kept, rest = recorded(webhook, "long")["extra"]
    assert kept == "a=" + "x" * 2000
    assert rest.startswith("…sha256:")


@of("I14")
def test_what_is_too_large(webhook: Webhook) -> None:
    body = pod()
    body["metadata"]["annotations"] = {"a": "x" * LIMIT}
    assert webhook.post(review(request(body), "large")).reasons == {"TOO_LARGE"}
    found = recorded(webhook, "large")
    assert (found["verdict"], found["codes"]) == ("deny", ["TOO_LARGE:deny"])
    assert found["bundle"] == bundle().digest


@of("I7")
def test_what_nobody_can_decode(webhook: Webhook) -> None:
    sent = json.dumps(review(request(pod()), "cut")).encode()[:-5]
    assert webhook.post(sent).reasons == {"MALFORMED"}
    assert recorded(webhook, "cut")["codes"] == ["MALFORMED:deny"]


def asked(
    folder: Path, backlog: int, part: bytes, count: int = 1, *, is_cut: bool = False
) -> list[Json]:
    """What a review is answered with, again and again within one second; one that is cut never ends."""
    sent: list[Json] = []

    async def send(message: Json) -> None:
        sent.append(message)

    async def ask_all(reviews: Reviews) -> None:
        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "query_string": b"", "headers": headers}
        for _ in range(count):
            left = [part]

            async def receive(left: list[bytes] = left) -> Json:
                if not left:
                    await asyncio.Event().wait()
                return {"type": "http.request", "body": left.pop(0), "more_body": is_cut}

            await reviews(scope, receive, send)

    with opened(folder) as log, Apart() as pool:
        talk = Talk(lambda: 0.0)
        judge = Judge(bundle, view, SETTINGS, log, lambda: "2026-09-01", talk)
        reviews = Reviews(
            "validate", judge.validate, judge.settle, Limits(2**20, 10, 0.05), is_broad=judge.is_broad, stands=judge.stands, held=Held(2**21),
            backlog=lambda: backlog, is_draining=lambda: False, apart=pool, metrics=Metrics(), talk=talk,
        )  # fmt: skip
        asyncio.run(ask_all(reviews))
    return sent


@pytest.mark.parametrize("variables", [10, 1_000, 10_000])
def test_what_takes_long_is_not_written_where_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: int
) -> None:
    """The record of a long object is the same, and no part of its object is made by the event loop."""
    body = pod()
    body["spec"]["containers"][0]["env"] = [
        {"name": f"E{i}", "value": "v"} for i in range(variables)
    ]
    by = []

    def noted(value: Json) -> str:
        by.append(threading.current_thread())
        return digest_in_steps(value)

    monkeypatch.setattr(record, "digest_in_steps", noted)
    sent = json.dumps(review(request(body), "long")).encode()
    _, answered = asked(tmp_path / "log", 1, sent)
    assert json.loads(answered["body"])["response"]["uid"] == "long"
    (found,) = records(tmp_path / "log")[1:-1]
    assert found["object"] == digest(canonical_json(body))
    assert len(by) == (variables > 10)
    assert threading.main_thread() not in by


@pytest.mark.parametrize(
    ("backlog", "reason"),
    [pytest.param(99, "OVERLOADED", id="K7"), pytest.param(1, "READ_TIMEOUT", id="I16")],
)
def test_what_is_refused_unread(tmp_path: Path, backlog: int, reason: str) -> None:
    start = json.dumps(review(request(pod()), "hurried")).encode()[:500]
    _, answered = asked(tmp_path / "log", backlog, start, is_cut=True)
    response = json.loads(answered["body"])["response"]
    assert response["auditAnnotations"]["reasons"] == f"{reason}:deny"
    (record,) = records(tmp_path / "log")[1:-1]
    assert (record["uid"], record["codes"]) == ("hurried", [f"{reason}:deny"])
    assert record["bundle"] == response["auditAnnotations"]["bundle"] == bundle().digest


@of("I3")
def test_what_has_no_uid_is_recorded_twenty_times_a_second(tmp_path: Path) -> None:
    sent = asked(tmp_path / "log", 1, b"{}", count=30)
    assert [m["status"] for m in sent if "status" in m] == [400] * 30
    found = records(tmp_path / "log")[1:-1]
    assert {(r["verdict"], r["status"], *r["codes"]) for r in found} == {
        ("none", 400, "MALFORMED:deny")
    }
    assert len(found) == 20
