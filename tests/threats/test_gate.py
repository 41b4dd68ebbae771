"""`stage enforce` waits for its threats: at compile time, at admission, to the same second."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.threats import (
    DAY,
    THREAT,
    acceptance,
    build,
    closure,
    codes,
    event,
    events,
    root,
)

from policyc.admission.bundle import Agent, Bundle, read_bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.request import Operation, Request
from policyc.admission.settings import Settings
from policyc.admission.view import View
from policyc.cli.main import main
from policyc.envelope.model import ThreatState

ENDS = date(2026, 9, 30)
SIGNERS = "appsec@corp.example and platform@corp.example"
MIDNIGHT = datetime(2026, 10, 1, tzinfo=UTC)


def bundle(folder: Path, day: date = DAY) -> Bundle:
    compiled = build(folder, day)
    assert compiled.ok, [d.message for d in compiled.diagnostics]
    return read_bundle(compiled.files, serial=1)


def refusals(made: Bundle, day: str) -> set[str]:
    """The threats for which admission refuses a pod of the agent on a day."""
    agent: Agent = made.agents["bot"]
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "bot-1",
            "namespace": "demo",
            "labels": dict(agent.envelope.subject.pod_labels),
        },
        "spec": {"serviceAccountName": "bot", "containers": [{"name": "main", "image": "x"}]},
    }
    request = Request(
        "u", Operation.CREATE, "", "v1", "Pod", "pods", "", "", "demo", "bot-1", "admin", (), body
    )
    verdict = evaluate(request, made, View.of([]), Settings(), day)
    return {f.message.split("`")[1] for f in verdict.denials if f.reason == "THREAT_OPEN"}


def test_m16_an_open_threat_blocks_enforce_and_says_both_places(tmp_path: Path) -> None:
    compiled = build(root(tmp_path, stage="enforce"))
    (found,) = [d for d in compiled.diagnostics if d.code == "PC3101"]
    assert compiled.files == {}
    assert found.span is not None and found.span.text == "bot"
    assert [r.span.text for r in found.related] == ["T1"]
    assert found.help is not None and "close T1" in found.help and "accept T1" in found.help


@pytest.mark.parametrize("stage", ["observe", "audit"])
def test_other_stages_do_not_wait(tmp_path: Path, stage: str) -> None:
    assert build(root(tmp_path, stage=stage)).ok


@pytest.mark.parametrize("cover", [closure(), acceptance("2026-12-31")], ids=["closed", "accepted"])
def test_m16_closed_or_accepted_lets_enforce_through(tmp_path: Path, cover: str) -> None:
    made = bundle(root(tmp_path, THREAT + cover, stage="enforce"))
    assert refusals(made, DAY.isoformat()) == set()


def test_a_threat_that_does_not_apply_blocks_nothing(tmp_path: Path) -> None:
    threat = THREAT.replace("applies when tools", "applies when memory")
    assert build(root(tmp_path, threat, stage="enforce")).ok


def test_m4_a_threat_to_the_model_itself_applies_to_nobody(tmp_path: Path) -> None:
    threat = THREAT.replace("blast high", "blast high\n  scope artifact")
    made = bundle(root(tmp_path, threat, stage="enforce"))
    assert made.agents["bot"].envelope.threats == ()


def test_enforcement_without_any_catalogue_is_said(tmp_path: Path) -> None:
    assert "PC3121" in codes(build(root(tmp_path, "", stage="enforce")), "warning")


# -- dates ---------------------------------------------------------------------------------


def listed(folder: Path, day: date, capsys: pytest.CaptureFixture[str]) -> str:
    main(["threats", "list", str(folder), "--agent", "bot", "--as-of", day.isoformat(), "--format", "json"])  # fmt: skip
    rows = json.loads(capsys.readouterr().out)
    return next(str(row["state"]) for row in rows if row["threat"] == "T1")


@pytest.mark.parametrize("seconds", [-86_400, -1, 0, 1, 86_400])
def test_m9_m16_an_acceptance_ends_at_one_second_for_all(
    tmp_path: Path, seconds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last second of the day is in, the first of the next is out: compiler, CLI, webhook."""
    folder = root(tmp_path, THREAT + acceptance(ENDS.isoformat()), stage="enforce")
    made = bundle(folder)
    now = MIDNIGHT + timedelta(seconds=seconds)
    is_in = seconds < 0
    assert (refusals(made, now.date().isoformat()) == set()) is is_in
    compiled = build(folder, now.date())
    assert compiled.ok is is_in
    assert codes(compiled) == ([] if is_in else ["PC3101", "PC3105"])
    assert listed(folder, now.date(), capsys) == ("accepted" if is_in else "open")


def test_m9_an_acceptance_in_the_past_is_an_error_at_every_stage(tmp_path: Path) -> None:
    assert codes(build(root(tmp_path, THREAT + acceptance("2026-08-31")))) == ["PC3105"]


def test_a_closure_counts_from_its_day_on(tmp_path: Path) -> None:
    folder = root(tmp_path, THREAT + closure("2026-09-02"), stage="enforce")
    assert codes(build(folder, date(2026, 9, 1))) == ["PC3101"]
    assert build(folder, date(2026, 9, 2)).ok


def test_the_webhook_knows_a_gap_between_two_covers(tmp_path: Path) -> None:
    tail = THREAT + acceptance("2026-09-10") + closure("2026-09-13")
    made = bundle(root(tmp_path, tail, stage="enforce"))
    days = [f"2026-09-{day}" for day in range(10, 15)]
    assert [bool(refusals(made, day)) for day in days] == [False, True, True, False, False]


# -- events --------------------------------------------------------------------------------


def test_m21_an_event_reopens_and_the_second_place_names_it(tmp_path: Path) -> None:
    log = events(event("2026-08-25T10:00:00Z", server="tracker"))
    folder = root(
        tmp_path,
        THREAT + closure("2026-08-20") + 'events "log.json"\n',
        stage="enforce",
        files={"log.json": log},
    )
    compiled = build(folder)
    (found,) = [d for d in compiled.diagnostics if d.code == "PC3101"]
    assert any("re-opened by `mcp.connection.added`" in r.message for r in found.related)


def test_m21_a_later_closure_closes_what_an_event_reopened(tmp_path: Path) -> None:
    log = events(event("2026-08-25T10:00:00Z"))
    tail = THREAT + closure("2026-08-20") + closure("2026-08-26") + 'events "log.json"\n'
    folder = root(tmp_path, tail, stage="enforce", files={"log.json": log})
    made = bundle(folder)
    states = [made.agents["bot"].envelope.threats[0].on(f"2026-08-{day}") for day in (24, 25, 26)]
    assert states == [ThreatState.CLOSED, ThreatState.OPEN, ThreatState.CLOSED]


@pytest.mark.parametrize(("day", "is_open"), [("24", False), ("25", True), ("26", True)])
def test_m21_an_event_of_the_day_of_a_closure_reopens_it(
    tmp_path: Path, day: str, is_open: bool
) -> None:
    """Which came first on that day is not known."""
    log = events(event(f"2026-08-{day}T00:00:01Z"))
    tail = THREAT + closure("2026-08-25") + 'events "log.json"\n'
    made = bundle(root(tmp_path, tail, files={"log.json": log}))
    (threat,) = made.agents["bot"].envelope.threats
    assert (threat.on("2026-08-26") is ThreatState.OPEN) is is_open


def test_m21_an_event_of_a_day_to_come_takes_effect_then(tmp_path: Path) -> None:
    log = events(event("2026-09-20T10:00:00Z"))
    tail = THREAT + closure("2026-08-20") + 'events "log.json"\n'
    made = bundle(root(tmp_path, tail, stage="enforce", files={"log.json": log}))
    assert refusals(made, "2026-09-19") == set()
    assert refusals(made, "2026-09-20") == {"T1"}


@pytest.mark.parametrize(
    ("about", "name", "is_open"),
    [
        ({"agent": "bot"}, "mcp.connection.added", True),
        ({"agent": "helper"}, "mcp.connection.added", False),
        ({"class": "base"}, "mcp.connection.added", True),
        ({"server": "tracker"}, "tool.surface.changed", True),
        ({"server": "other"}, "tool.surface.changed", False),
        ({"model": "anthropic/claude"}, "mcp.connection.added", True),
        ({"model": "openai/gpt"}, "mcp.connection.added", False),
        ({"agent": "bot"}, "model.version.changed", False),
        ({"agent": "bot"}, "envelope.drift", True),
        ({"agent": "bot"}, "tier.changed", True),
        ({"agent": "bot"}, "vendor.signing.available", False),
    ],
)
def test_m21_each_event_reopens_only_what_it_touches(
    tmp_path: Path, about: dict[str, str], name: str, is_open: bool
) -> None:
    log = events(event("2026-08-25T10:00:00Z", name, **about))
    tail = THREAT + closure("2026-08-20") + 'events "log.json"\n'
    folder = root(tmp_path, tail, files={"log.json": log})
    threats = {t.id: t for t in bundle(folder).agents["bot"].envelope.threats}
    assert (threats["T1"].on(DAY.isoformat()) is ThreatState.OPEN) is is_open


def test_m21_a_reopen_line_is_the_whole_list(tmp_path: Path) -> None:
    log = events(event("2026-08-25T10:00:00Z"), event("2026-08-26T10:00:00Z", "image.changed"))
    listed_ = closure("2026-08-20", more="  reopen on image.changed\n")
    folder = root(tmp_path, THREAT + listed_ + 'events "log.json"\n', files={"log.json": log})
    (threat,) = bundle(folder).agents["bot"].envelope.threats
    assert threat.on("2026-08-25") is ThreatState.CLOSED
    assert threat.on("2026-08-26") is ThreatState.OPEN


def test_m20_m23_the_log_says_when_and_who_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = events(event("2026-08-25T10:00:00Z"))
    tail = THREAT + closure("2026-08-20") + acceptance("2026-09-30", since="2026-08-26")
    folder = root(tmp_path, tail + 'events "log.json"\n', files={"log.json": log})
    assert main(["threats", "log", str(folder), "--format", "json", "--as-of", "2026-09-01"]) == 0
    rows = [row for row in json.loads(capsys.readouterr().out) if row["agent"] == "bot"]
    assert [(row["at"], row["what"].partition(":")[0]) for row in rows] == [
        ("2026-08-20", "closed"),
        (
            "2026-08-25T10:00:00Z",
            f"re-opened by mcp.connection.added, signed by {SIGNERS}",
        ),
        ("2026-08-26", "accepted"),
        ("2026-09-30T23:59:59Z", "its acceptance ends"),
    ]
