"""``policyc verify-webhook``: places, formats and exit codes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from support.samples import ROOT

from policyc.cli.main import Exit, main

BUNDLE = f"--bundle={ROOT / 'generated'}"
DEPLOY = ROOT / "deploy"


def test_the_committed_base_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-webhook", BUNDLE, str(DEPLOY)]) == Exit.CLEAN
    assert capsys.readouterr().out == "nothing walks past the webhook\n"


def test_a_mistake_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (DEPLOY / "validating-webhook.yaml").read_text()
    broken = tmp_path / "broken.yaml"
    broken.write_text(text.replace("failurePolicy: Fail", "failurePolicy: Ignore", 1))
    arguments = ["verify-webhook", BUNDLE, str(broken), str(DEPLOY / "mutating-webhook.yaml")]
    assert main([*arguments, "--format", "json"]) == Exit.FINDINGS
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert {d["code"] for d in found} == {"PC8103"}
    line = 1 + text.splitlines().index("  failurePolicy: Fail")
    assert {d["place"]["line"] for d in found} == {line}
    assert main([*arguments, "--format", "sarif"]) == Exit.FINDINGS
    results = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert {r["ruleId"] for r in results} == {"PC8103"}
    assert main(arguments) == Exit.FINDINGS
    assert "failurePolicy: Ignore" in capsys.readouterr().err


def test_a_configuration_that_is_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = '{"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "other"}}'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(others.encode())))
    assert main(["verify-webhook", BUNDLE, "--live", "-"]) == Exit.FINDINGS
    err = capsys.readouterr().err
    assert err.count("PC8101") == 2


def test_a_cluster_is_judged_without_what_comes_later(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-webhook", BUNDLE, "--live", str(DEPLOY)]) == Exit.FINDINGS
    err = capsys.readouterr().err
    assert err.count("error[PC8108]") == err.count("error[")


def test_one_wrong_word_is_one_fault_for_each_entry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (DEPLOY / "validating-webhook.yaml").read_text()
    (tmp_path / "a.yaml").write_text(text.replace("failurePolicy: Fail", "failurePolicy: Ignore"))
    arguments = ["verify-webhook", BUNDLE, str(tmp_path), str(DEPLOY / "mutating-webhook.yaml")]
    assert main([*arguments, "--format", "json"]) == Exit.FINDINGS
    places = [d["place"]["line"] for d in json.loads(capsys.readouterr().out)["diagnostics"]]
    assert len(places) == len(set(places)) <= text.count("failurePolicy: Fail")


def test_operators_are_to_be_named_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "made")
    assert (
        main(["webhook", "manifests", BUNDLE, "--operators", "alice", "-o", folder]) == Exit.CLEAN
    )
    assert main(["verify-webhook", BUNDLE, folder, "--operators", "alice"]) == Exit.CLEAN
    capsys.readouterr()
    assert main(["verify-webhook", BUNDLE, folder]) == Exit.FINDINGS
    assert "`--operators`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], ["webhook:0.1.0` is a placeholder", "bundle:latest` is a placeholder"]),
        (["--bundle-objects"], ["webhook:0.1.0` is a placeholder"]),
        (["--image", "r.corp/w:1", "--bundle-image", f"r.corp/b@sha256:{'0' * 64}"], ["`r.corp/w:1` is named without a digest"]),
    ],
)  # fmt: skip
def test_images_that_are_not_pinned_are_said(
    options: list[str], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["webhook", "manifests", BUNDLE, *options]) == Exit.CLEAN
    err = capsys.readouterr().err
    assert err.count("PC8114") == len(said)
    assert all(words in err for words in said)
