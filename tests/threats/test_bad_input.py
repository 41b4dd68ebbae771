"""What is wrong with logs, replays and records, each with its own diagnostic."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from support.samples import ROOT
from support.threats import (
    POISONED,
    THREAT,
    Json,
    build,
    closure,
    codes,
    event,
    events,
    records,
    root,
)

from policyc.cli.main import main
from policyc.threats.records import read_records

AT = "2026-08-25T10:00:00Z"


def schema(name: str) -> Draft202012Validator:
    path = ROOT / "policyc" / "schemas" / f"{name}.schema.json"
    return Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def changed(document: Json, **fields: Json) -> Json:
    return {**document, **fields}


LOGS: dict[str, tuple[str, str]] = {
    "not JSON": ("{", "PC3110"),
    "another kind": ('{"apiVersion": "policyc.dev/v1", "kind": "Events", "events": []}', "PC3110"),
    "a field more": (events()[:-1] + ', "more": 1}', "PC3110"),
    "a key twice": ('{"events": [], "events": []}', "PC3110"),
    "no event": (events({"at": AT}), "PC3110"),
    "two subjects": (events(event(AT, agent="bot", server="tracker")), "PC3110"),
    "no subject": (events({k: v for k, v in event(AT).items() if k != "agent"}), "PC3110"),
    "no second": (events(event("2026-08-25")), "PC3110"),
    "no day of the calendar": (events(event("2026-02-30T10:00:00Z")), "PC3110"),
    "unknown event": (events(event(AT, "mcp.conection.added")), "PC3113"),
    "unknown agent": (events(event(AT, agent="bott")), "PC3113"),
    "unknown server": (events(event(AT, server="zendesk")), "PC3113"),
    "no name": (events(changed(event(AT), agent=1)), "PC3113"),
    "one signature": (events(changed(event(AT), signedBy={"security": "a"})), "PC3111"),
    "one signer twice": (
        events(changed(event(AT), signedBy={"security": "a", "platform": "a "})),
        "PC3111",
    ),
    "an empty signer": (
        events(changed(event(AT), signedBy={"security": "a", "platform": " "})),
        "PC3111",
    ),
    "a third signer": (
        events(changed(event(AT), signedBy={"security": "a", "platform": "b", "x": "c"})),
        "PC3111",
    ),
    "time goes backwards": (events(event(AT), event("2026-08-24T10:00:00Z")), "PC3112"),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_log_that_is_not_in_order_stops_the_build(tmp_path: Path, name: str) -> None:
    text, code = LOGS[name]
    folder = root(tmp_path, THREAT + 'events "log.json"\n', files={"log.json": text})
    compiled = build(folder)
    assert codes(compiled) == [code]
    assert all(d.help for d in compiled.diagnostics)


@pytest.mark.parametrize("name", ["missing.json", "../log.json", "/etc/hostname"])
def test_a_log_that_is_not_there_stops_the_build(tmp_path: Path, name: str) -> None:
    assert codes(build(root(tmp_path, THREAT + f'events "{name}"\n'))) == ["PC3110"]


def test_a_log_that_a_link_leads_out_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text(events(event(AT)), encoding="utf-8")
    folder = root(tmp_path / "root", THREAT + 'events "log.json"\n')
    (folder / "log.json").symlink_to(tmp_path / "outside.json")
    assert codes(build(folder)) == ["PC3110"]


def test_a_good_log_fits_the_schema_and_bad_forms_do_not() -> None:
    good = [event(AT, **{kind: "x"}) for kind in ("agent", "class", "server", "model", "store")]
    assert schema("threat-events").is_valid(json.loads(events(*good)))
    for name in ("another kind", "a field more", "no event", "two subjects", "no subject"):
        assert not schema("threat-events").is_valid(json.loads(LOGS[name][0])), name


# -- replays -------------------------------------------------------------------------------


def test_m17_a_signal_that_its_replay_does_not_set_off_is_an_error(tmp_path: Path) -> None:
    harmless = {**POISONED, "fields": {**POISONED["fields"], "pinned": "unchanged"}}
    folder = root(tmp_path, THREAT + closure(), files={"poisoned.json": records(harmless)})
    compiled = build(folder)
    assert codes(compiled) == ["PC3106"]
    (found,) = [d for d in compiled.diagnostics if d.code == "PC3106"]
    assert found.related and "would pass unseen" in found.message


def test_a_replay_that_is_missing_is_told_where_it_is_named(tmp_path: Path) -> None:
    folder = root(tmp_path, THREAT + closure(replay='poisoned.json", "gone.json'))
    (found,) = [d for d in build(folder).diagnostics if d.code == "PC3115"]
    assert found.span is not None
    assert found.span.text == '"gone.json"'


def test_m16_a_closure_without_a_replay_closes_nothing(tmp_path: Path) -> None:
    folder = root(tmp_path, THREAT + closure(replay=""), stage="enforce")
    assert codes(build(folder)) == ["PC3101"]
    assert "PC3107" in codes(build(folder), "warning")


@pytest.mark.parametrize(
    "text",
    [
        records({**POISONED, "kind": "mpc"}),
        records({**POISONED, "fields": {"methd": "tools/list"}}),
        records({**POISONED, "fields": {"method": 1}}),
        records({**POISONED, "more": 1}),
        records("x"),
        records()[:-1] + ', "more": 1}',
    ],
)
def test_records_that_cannot_be_read_are_refused(tmp_path: Path, text: str) -> None:
    folder = root(tmp_path, THREAT + closure(), files={"poisoned.json": text})
    assert codes(build(folder)) == ["PC3115"]
    assert not schema("signal-records").is_valid(json.loads(text))


def test_a_good_record_fits_the_schema() -> None:
    assert schema("signal-records").is_valid(json.loads(records(POISONED)))


def test_m17_the_api_server_s_audit_log_and_profiles_are_records() -> None:
    audit = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Event",
        "auditID": "1",
        "verb": "list",
        "user": {"username": "system:serviceaccount:demo:bot", "groups": ["a", "b"]},
        "objectRef": {"resource": "secrets", "namespace": "demo"},
        "annotations": {"authorization.k8s.io/decision": "allow"},
        "responseStatus": {"code": 200},
    }
    lines = "\n".join([json.dumps(audit), json.dumps(audit)]).encode()
    outcome = read_records("audit.log", lines)
    assert not outcome.diagnostics
    assert len(outcome.value) == 2
    fields = outcome.value[0].fields
    assert fields["objectRef.resource"] == "secrets"
    assert fields["annotations.authorization.k8s.io/decision"] == "allow"
    assert fields["responseStatus.code"] == "200"
    profile = ROOT / "policies" / "code-runner" / "profiles" / "code-runner.json"
    seen = read_records("p.json", profile.read_bytes())
    assert {r.kind for r in seen.value} == {"syscall", "envelope"}
    assert any(r.fields.get("path") for r in seen.value)


def test_replay_says_what_fires(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = root(tmp_path, THREAT + closure())
    assert main(["threats", "replay", "--root", str(folder), "--format", "json"]) == 0
    (own,) = json.loads(capsys.readouterr().out)
    assert (own["signal"], own["fires"]) == ("mcp.manifest.unchanged", "fires")
    args = ["threats", "replay", "--root", str(folder), "--format", "json", str(folder / "poisoned.json")]  # fmt: skip
    assert main(args) == 0
    rows = {row["signal"]: row["fires"] for row in json.loads(capsys.readouterr().out)}
    assert [name for name, fires in rows.items() if fires == "fires"] == ["mcp.manifest.unchanged"]


def test_replay_of_a_blind_closure_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = root(tmp_path, THREAT + closure(), files={"poisoned.json": records()})
    assert main(["threats", "replay", "--root", str(folder)]) == 1
    said = capsys.readouterr()
    assert "silent  mcp.manifest.unchanged" in said.out
    assert "PC3106" in said.err


def test_a_declared_signal_closes_as_a_built_in_one_does(tmp_path: Path) -> None:
    tail = (
        THREAT
        + (
            "signal tracker.changed mcp {\n"
            '  fires when server == "tracker"\n'
            '  fires when pinned != "unchanged"\n}\n'
        )
        + closure().replace("mcp.manifest.unchanged", "tracker.changed")
    )
    assert build(root(tmp_path, tail, stage="enforce")).ok
