"""``policyc bundle`` and ``policyc audit``: exit codes, formats, and what they print."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import admission
from support.logs import KEY, NAME, OTHER_KEY, closed_log
from support.samples import ROOT
from support.webhook import write_bundle

POLICYC = Path(sys.executable).with_name("policyc")


def run(*args: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([POLICYC, *map(str, args)], input=stdin, capture_output=True, check=False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return closed_log(tmp_path / "log", 3, 2)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "log.pub"
    path.write_text(f"{KEY.verifier}\n")
    return path


def test_a_folder_is_signed_and_verified(tmp_path: Path) -> None:
    folder, key = tmp_path / "out", tmp_path / "key"
    write_bundle(folder, admission.files())
    made = run("bundle", "keygen", "policy.example/b", "-o", key)
    assert made.returncode == 0
    assert made.stdout == key.with_name("key.pub").read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    private = key.read_bytes()
    assert run("bundle", "keygen", "policy.example/b", "-o", key).returncode == 2
    assert key.read_bytes() == private
    signed = run("bundle", "sign", folder, "--key", key, "--serial", "12")
    assert signed.stdout == b"out.sig: serial 12\n"
    public = key.with_name("key.pub")
    verified = run("bundle", "verify", folder, "--key", public, "--least-serial", "12")
    assert (verified.returncode, verified.stderr) == (0, b"")
    objects = run("bundle", "objects", folder)
    kinds = [json.loads(row)["kind"] for row in objects.stdout.splitlines() if row != b"---"]
    assert kinds == ["AgentEnvelope"] * 3 + ["EnvelopeBundle"]
    older = run("bundle", "verify", folder, "--key", public, "--least-serial", "13")
    assert (older.returncode, older.stderr[:14]) == (2, b"error[PC7102]:")
    assert b"PC7103" in run("bundle", "sign", folder, "--key", public).stderr


def test_a_log_that_holds_and_one_that_does_not(log: Path, key: Path) -> None:
    good = run("audit", "verify", log, "--key", key)
    assert (good.returncode, good.stderr) == (0, b"")
    assert good.stdout.decode().splitlines() == [
        f"epoch 000001 of {NAME}: 5 records, closed",
        f"epoch 000002 of {NAME}: 4 records, closed",
        "the log holds",
    ]
    unkeyed = run("audit", "verify", log)
    assert unkeyed.returncode == 0
    assert unkeyed.stdout.splitlines()[-1] == (
        b"the records fit together; who signed them was not checked: give --key"
    )
    records = log / "000001" / "records.jsonl"
    records.write_bytes(records.read_bytes().replace(b'"uid":"uid-1"', b'"uid":"uid-7"'))
    bad = run("audit", "verify", log, "--key", key)
    assert bad.returncode == 1
    assert b"epoch 000001, record 2: edit: it is not the record that was signed" in bad.stdout
    as_json = json.loads(run("audit", "verify", log, "--format", "json").stdout)
    assert as_json["faults"][0] == {
        "epoch": 1,
        "sequence": 2,
        "reason": "edit",
        "message": "it is not the record that was signed",
    }
    assert as_json["signaturesChecked"] is False


def test_an_anchor_is_compared(log: Path, key: Path, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor"
    anchor.write_bytes((log / "000002" / "checkpoint").read_bytes())
    held = run("audit", "verify", log, "--key", key, "--anchor", anchor)
    assert b"1 of 1 anchors speak of this log" in held.stdout
    (log / "000002" / "records.jsonl").write_bytes(b"")
    cut = run("audit", "verify", log, "--anchor", anchor)
    assert (cut.returncode, b"record 0: truncation" in cut.stdout) == (1, True)
    other = tmp_path / "other.pub"
    other.write_text(f"{OTHER_KEY.verifier}\n")
    assert run("audit", "verify", log, "--key", other, "--anchor", anchor).returncode == 2


def test_records_are_shown_and_chosen(log: Path) -> None:
    assert len(run("audit", "show", log).stdout.splitlines()) == 9
    other = run("audit", "show", log.parent)
    assert (other.returncode, b"PC7050" in other.stderr) == (2, True)
    rows = [json.loads(r) for r in run("audit", "show", log, "--format", "json").stdout.splitlines()]  # fmt: skip
    times = [row["time"] for row in rows]
    for options, uids in (
        (["--verdict", "deny"], ["uid-2"]),
        (["--code", "SA_NOT_ALLOWED"], ["uid-2"]),
        (["--code", "SA_NOT_ALLOWED:warn"], []),
        (["--uid", "uid-3"], ["uid-3"]),
        (["--agent", "research", "--since", times[3]], ["uid-2", "uid-3", "uid-4"]),
        (["--namespace", "agents", "--until", times[2]], ["uid-0"]),
        (["--user", "nobody"], []),
    ):
        shown = run("audit", "show", log, "--format", "json", *options)
        assert [json.loads(row).get("uid") for row in shown.stdout.splitlines()] == uids
        assert (shown.returncode, shown.stderr) == (0, b"" if uids else b"no record matches\n")
    (text,) = run("audit", "show", log, "--verdict", "deny").stdout.decode().splitlines()
    assert text == (
        f"1/3 {times[3]} deny CREATE pods agents/research-1 by kubernetes-admin "
        "agent research SA_NOT_ALLOWED:deny"
    )
    with (log / "000001" / "records.jsonl").open("ab") as stream:
        stream.write(b"{}\n")
    spoiled = run("audit", "show", log)
    assert (spoiled.returncode, spoiled.stderr) == (1, b"epoch 000001, line 5: no record\n")


def test_a_record_is_proved_and_checked(log: Path, key: Path, tmp_path: Path) -> None:
    proof = run("audit", "prove", "uid-2", log)
    assert proof.returncode == 0
    checked = run("audit", "check", "-", "--key", key, stdin=proof.stdout)
    first, record = checked.stdout.splitlines()
    assert first == b"record 3 stands in replica-a/000001, signed at 5 records"
    assert json.loads(record)["uid"] == "uid-2"
    path = tmp_path / "proof"
    path.write_bytes(proof.stdout)
    assert run("audit", "check", path, "--key", key, "--format", "json").stdout == record + b"\n"
    path.write_bytes(proof.stdout.replace(b"index 3", b"index 2"))
    assert b"PC7101" in run("audit", "check", path, "--key", key).stderr
    assert b"PC7105" in run("audit", "prove", "uid-9", log).stderr


def test_there_must_be_a_log(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere", ROOT / "generated"):
        assert b"PC7050" in run("audit", "verify", folder).stderr
