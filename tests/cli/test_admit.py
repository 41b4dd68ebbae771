"""`policyc admit` and `policyc scan` say what the evaluator says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.admission import cluster, files, in_kind, kind, pod

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


def test_a_folder_without_manifests_is_no_clean_one(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for verb in ("admit", "scan"):
        assert main([verb, str(folder), "--bundle", bundle]) == 2
        (folder / "notes.txt").write_text("a: b\n", encoding="utf-8")
        assert main([verb, str(folder), "--bundle", bundle]) == 2
        assert capsys.readouterr().err.count("PC7059") == 2
    (folder / "empty.yaml").write_text("# nothing\n", encoding="utf-8")
    assert main(["scan", str(folder), "--bundle", bundle]) == 2
    assert main(["admit", str(folder), "--bundle", bundle]) == 0
    assert capsys.readouterr().out == "0 objects, nothing was judged\n"


def test_the_compilers_patches_are_no_objects(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = write(tmp_path / "cluster.yaml", cluster())
    (patch,) = [
        load(data) for name, data in files().items() if name == "research/pod-security.yaml"
    ]
    assert isinstance(patch, dict)
    made = write(tmp_path / "patch.yaml", [patch])
    assert main(["admit", made, "--bundle", bundle, "--cluster", held]) == 0
    said = capsys.readouterr().out
    assert (
        said
        == "0 objects, nothing was judged; not judged, as they are no objects: 1 of our patches\n"
    )
    assert main(["scan", made, "--bundle", bundle]) == 2
    write(tmp_path / "patch.yaml", [patch, *cluster()])
    assert main(["scan", made, "--bundle", bundle]) == 0
    assert capsys.readouterr().out.endswith("no objects: 1 of our patches\n")
    for verb in ("scan", "admit"):  # its other files are no objects either, and known
        assert main([verb, bundle, "--bundle", bundle]) == 0
        assert capsys.readouterr().out.endswith("3 of our patches, 12 of our records\n")
    del patch["metadata"]["annotations"]  # type: ignore[index,union-attr,call-overload]  # an object of ours
    write(tmp_path / "patch.yaml", [patch])
    assert main(["admit", made, "--bundle", bundle, "--cluster", held]) == 1
    assert "names no image" in capsys.readouterr().err


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
        assert said == f"{words} not judged: no rule is about their kinds\n"


def unknown(version: str, kind: str) -> Any:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "agents"}}


@pytest.mark.parametrize("verb", ["admit", "scan"])
@pytest.mark.parametrize(
    ("version", "kind", "place", "hint"),
    [
        ("apps/v1", "Deploymnt", "kind: Deploymnt", "did you mean `Deployment`?"),
        ("apps/v1", "deployment", "kind: deployment", "did you mean `Deployment`?"),
        ("v1", "Deployment", "kind: Deployment", "`Deployment` is a kind of `apps`"),
        ("apps", "Deployment", "kind: Deployment", "`Deployment` is a kind of `apps`"),
        ("batch/v1", "Zzz", "kind: Zzz", "known are CronJob, Job"),
        ("app/v1", "Deployment", "apiVersion: app/v1", "did you mean `apps`?"),
        ("zzzz/v1", "Deployment", "apiVersion: zzzz/v1", "kubectl api-resources"),
    ],
)
def test_a_kind_that_does_not_exist_is_refused_and_the_others_are_judged(
    verb: str,
    version: str,
    kind: str,
    place: str,
    hint: str,
    bundle: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    held = tmp_path / "held"
    held.mkdir()
    write(held / "all.yaml", [*cluster(), unknown(version, kind), wrong()])
    assert main([verb, str(held), "--bundle", bundle, "--format", "json"]) == 2
    found = {d["code"]: d for d in json.loads(capsys.readouterr().out)["diagnostics"]}
    assert found.keys() == {"PC7060", "PC8001"}
    line = (held / "all.yaml").read_text(encoding="utf-8").splitlines()
    assert line[found["PC7060"]["place"]["line"] - 1] == place
    assert hint in found["PC7060"]["help"]


@pytest.mark.parametrize("verb", ["admit", "scan"])
def test_a_kind_that_nobody_knows_is_named_once(
    verb: str, bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = [unknown("cilium.io/v2", "CiliumNetworkPolicy"), unknown("v1", "Secret")]
    two = [unknown("example.com/v1", "Rollout")] * 2
    path = write(tmp_path / "all.yaml", [*cluster(), *two, *known])
    main([verb, path, "--bundle", bundle, "--format", "json"])
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    (note,) = (d for d in found if d["code"] == "PC7062")
    assert note["severity"] == "note" and "`Rollout` of `example.com`" in note["message"]
    assert main([verb, write(tmp_path / "all.yaml", [*cluster(), *two]), "--bundle", bundle]) == 0
    assert "note[PC7062]" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["admit", "scan"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("values.yaml", "image: agent\nreplicas: 2\n"),
        ("template.yaml", "kind: {{ .Values.kind }}\n"),
        ("list.json", '[{"kind": "Pod"}]'),
        ("latin.yaml", "kind: \xe9\n"),
        ("seccomp.json", '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [], "kind": "Pod"}'),
    ],
)
def test_a_foreign_file_is_a_finding_and_the_others_are_judged(
    verb: str, name: str, text: str, bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = tmp_path / "held"
    held.mkdir()
    write(held / "all.yaml", [*cluster(), wrong()])
    (held / name).write_bytes(text.encode("latin-1"))
    assert main([verb, str(held), "--bundle", bundle, "--format", "json"]) == 2
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert {d["code"] for d in found} == {"PC7059", "PC8001"}
    assert any(name in d["message"] + json.dumps(d.get("place")) for d in found)


def test_what_the_cluster_is_said_to_hold_is_read_as_strictly(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = write(tmp_path / "cluster.yaml", [*cluster(), unknown("apps/v1", "Deploymnt")])
    good = write(tmp_path / "good.yaml", [in_kind(kind("Deployment"), pod())])
    assert main(["admit", good, "--bundle", bundle, "--cluster", held]) == 2
    assert "PC7060" in capsys.readouterr().err
