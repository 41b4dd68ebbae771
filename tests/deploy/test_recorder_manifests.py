"""The recorder's manifests: valid, with the least rights, and a seccomp profile that its policy gives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from support.samples import ROOT

from policyc.cli.main import Exit, main
from policyc.deploy.recorder import FILE, definition
from policyc.kube.yaml import dump, load

Json = Any  # documents, looked at by path
FOLDER = ROOT / "deploy" / "recorder"
KUSTOMIZATION: Json = load((FOLDER / "kustomization.yaml").read_bytes())
OBJECTS: dict[str, Json] = {
    path.name: load(path.read_bytes())
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "kustomization.yaml"
}
DAEMONSET = (FOLDER / "daemonset.yaml").read_text(encoding="utf-8")
POD: Json = OBJECTS["daemonset.yaml"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", OBJECTS)
def test_the_published_schema_takes_it(name: str) -> None:
    kubernetes_validate.validate(OBJECTS[name], kubernetes_validate.latest_version(), strict=True)


def test_every_file_is_applied() -> None:
    assert set(KUSTOMIZATION["resources"]) == OBJECTS.keys()


def test_every_capability_has_its_reason() -> None:
    (container,) = POD["containers"]
    capabilities = container["securityContext"]["capabilities"]
    assert capabilities["drop"] == ["ALL"]
    reasoned = re.findall(r"^ +# .+\n +- ([A-Z_]+)$", DAEMONSET, re.MULTILINE)
    assert reasoned == capabilities["add"]


def test_nothing_of_the_host_is_written_but_profiles() -> None:
    (container,) = POD["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    writable = [m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")]
    assert writable == ["/var/lib/policyc-recorder"]


def test_it_may_only_read_whose_a_pod_is_and_write_profiles() -> None:
    rules = OBJECTS["clusterrole.yaml"]["rules"]
    rights = {resource: set(rule["verbs"]) for rule in rules for resource in rule["resources"]}
    assert rights.pop("agentprofiles") == {"get", "create", "update"}
    assert rights == {name: {"get"} for name in ("pods", "replicasets", "jobs")}


def test_the_definition_follows_the_schema(golden: bool) -> None:
    made = dump(definition())
    if golden:
        (FOLDER / FILE).write_bytes(made)
    assert (FOLDER / FILE).read_bytes() == made


def test_the_seccomp_profile_is_what_its_policy_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["compile", str(FOLDER / "policy"), "--output", str(tmp_path), "--as-of=2026-11-21"]
    assert main(arguments) == Exit.CLEAN
    made = (tmp_path / "recorder" / "seccomp-amd64.json").read_bytes()
    assert made == (FOLDER / "seccomp-amd64.json").read_bytes()
