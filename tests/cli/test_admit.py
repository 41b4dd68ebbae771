"""`policyc admit` and `policyc scan` say what the evaluator says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.admission import cluster, files, in_kind, kind, pod
from support.samples import ROOT

from policyc.cli.main import main
from policyc.kube.yaml import dump, load


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    folder = tmp_path / "bundle"
    for name, data in files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return str(folder)


def write(path: Path, bodies: list[Any]) -> str:
    path.write_text("---\n".join(dump(body).decode() for body in bodies), encoding="utf-8")
    return str(path)


def wrong() -> Any:
    body = in_kind(kind("Deployment"), pod())
    body["spec"]["template"]["spec"]["serviceAccountName"] = "admin"
    return body


def test_a_good_object_is_admitted(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = write(tmp_path / "cluster.yaml", cluster())
    good = write(tmp_path / "good.yaml", [in_kind(kind("Deployment"), pod())])
    assert main(["admit", good, "--bundle", bundle, "--cluster", held]) == 0
    assert capsys.readouterr().out == "1 object, admitted\n"


def test_a_wrong_one_is_shown_with_place_and_line(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = write(tmp_path / "cluster.yaml", cluster())
    bad = write(tmp_path / "bad.yaml", [pod(), wrong()])
    assert main(["admit", bad, "--bundle", bundle, "--cluster", held, "--format", "json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert found["message"].startswith("SA_NOT_ALLOWED: ")
    assert found["help"] == "write `serviceAccountName: research`"
    line = Path(bad).read_text(encoding="utf-8").splitlines()[found["place"]["line"] - 1]
    assert line.strip() == "serviceAccountName: admin"


def test_lists_and_reviews_are_judged_item_by_item(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "operation": "CREATE",
            "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
            "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
            "namespace": "agents",
            "name": "research",
            "object": wrong(),
        },
    }
    held = write(tmp_path / "cluster.yaml", cluster())
    both = write(tmp_path / "both.yaml", [{"apiVersion": "v1", "kind": "List", "items": [pod(), wrong()]}, review])  # fmt: skip
    assert main(["admit", both, "--bundle", bundle, "--cluster", held, "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert len(found) == 2


def test_scan_agrees_and_reports(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    write(folder / "all.yaml", [*cluster(), in_kind(kind("Deployment"), pod("summary")), wrong()])
    assert main(["scan", str(folder), "--bundle", bundle, "--format", "json"]) == 1
    reasons = {d["message"].partition(":")[0] for d in json.loads(capsys.readouterr().out)["diagnostics"]}  # fmt: skip
    assert reasons == {"SA_NOT_ALLOWED"}
    assert main(["scan", str(folder), "--bundle", bundle, "--format", "policy-report"]) == 1
    documents = [load(part.encode()) for part in capsys.readouterr().out.split("---\n")]
    by_namespace: dict[str, Any] = {d["metadata"].get("namespace"): d for d in documents}  # type: ignore[call-overload,index,union-attr]
    assert by_namespace["agents"]["summary"]["fail"] == 1
    assert by_namespace[None]["kind"] == "ClusterPolicyReport"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "PC7059"),
        ("kind: AdmissionReview\napiVersion: admission.k8s.io/v1\nrequest: {}\n", "PC7059"),
    ],
)
def test_bad_input(
    text: str, code: str, bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    assert main(["admit", str(tmp_path / "x.yaml"), "--bundle", bundle]) == 2
    assert code in capsys.readouterr().err


def test_a_changed_bundle_is_refused(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(bundle) / "research" / "envelope.json"
    path.write_bytes(path.read_bytes().replace(b"enforce", b"observe"))
    good = write(tmp_path / "good.yaml", [pod()])
    assert main(["admit", good, "--bundle", bundle]) == 2
    assert "PC7058" in capsys.readouterr().err


def test_an_empty_folder_admits_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["admit", f"{tmp_path / 'empty'}", "--bundle", f"{ROOT / 'generated'}"]) == 0
    assert capsys.readouterr().out == "0 objects, nothing was judged\n"


def test_what_no_rule_is_about_is_not_called_admitted(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = {
        "Ingress": "networking.k8s.io/v1",
        "Lease": "coordination.k8s.io/v1",
        "ConfigMap": "v1",
    }
    for count, words in ((2, "2 objects, nothing was judged; 2"), (3, "1 object, admitted; 2")):
        made = [
            {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "other"}}
            for kind, version in [*kinds.items()][:count]
        ]
        assert main(["admit", write(tmp_path / "all.yaml", made), "--bundle", bundle]) == 0
        said = capsys.readouterr().out
        assert said == f"{words} not judged: agents get nothing by its kind\n"
