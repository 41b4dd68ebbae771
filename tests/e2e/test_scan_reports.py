"""A live scan's reports in the cluster, and what it says when the cluster does not let it."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.admission import cluster, files, pod
from support.control_plane import ControlPlane
from support.kube_paths import collection, path_of
from support.pod_faults import FAULTS
from support.report_crds import definition
from support.webhook import write_bundle
from support.widening import body, user
from support.worlds import workload

from policyc.cli.main import Exit, main
from policyc.deploy.configurations import Target
from policyc.deploy.objects import Rollout, objects
from policyc.kube.yaml import load_all

pytestmark = pytest.mark.e2e

Json = Any  # documents of the API
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
REPORTS = "/apis/wgpolicyk8s.io/v1alpha2"
RBAC = "rbac.authorization.k8s.io/v1"


@pytest.fixture(scope="module")
def held(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[ControlPlane, Path]]:
    """A cluster with an agent whose Deployment asks for the node's network, and the bundle."""
    folder = tmp_path_factory.mktemp("held")
    with ControlPlane(folder / "plane", controllers=False) as plane:
        for one in (*cluster(), body("RuntimeClass", "gvisor", "", "node.k8s.io/v1", handler="g")):
            assert plane.admin.apply(path_of(one), one, force="true").status in (200, 201)
        assert plane.admin.create(collection(deployment()), deployment()).status == 201
        yield plane, write_bundle(folder / "bundle", files())


def deployment(fault: str = "host-network") -> Json:
    made = pod()
    FAULTS[fault](made["spec"])
    return workload("Deployment", made)


def scan(kubeconfig: Path, bundle: Path, *more: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    arguments = ["scan", "--live", f"--kubeconfig={kubeconfig}", f"--bundle={bundle}"]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*arguments, "--as-of=2026-09-01", *more])
    return code, out.getvalue(), err.getvalue()


def test_findings_point_into_the_cluster(held: tuple[ControlPlane, Path]) -> None:
    plane, bundle = held
    code, out, err = scan(plane.kubeconfig, bundle)
    assert code == Exit.FINDINGS
    path = "/apis/apps/v1/namespaces/agents/deployments/research"
    assert plane.kubectl("get", "--raw", path).returncode == 0
    assert f"--> {path}:" in err
    assert "HOST_NET: " in err
    assert '"hostNetwork": true' in err
    assert out.endswith(", 1 would be refused\n")


def test_sarif_names_the_object(held: tuple[ControlPlane, Path]) -> None:
    plane, bundle = held
    code, out, _ = scan(plane.kubeconfig, bundle, "--format=sarif")
    assert code == Exit.FINDINGS
    results = json.loads(out)["runs"][0]["results"]
    found = {
        (r["level"], r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for r in results
    }
    assert ("error", "/apis/apps/v1/namespaces/agents/deployments/research") in found


def test_reports_are_written_and_renewed(held: tuple[ControlPlane, Path]) -> None:
    plane, bundle = held
    code, _, err = scan(plane.kubeconfig, bundle, "--apply")
    assert code == Exit.BAD_INPUT
    assert "PC7118" in err and "does not serve" in err
    for kind in ("PolicyReport", "ClusterPolicyReport"):
        crd = definition(kind)
        assert plane.admin.create(CRDS, crd).status == 201
        plane.api_server.wait_until(lambda kind=kind: plane.admin.get(f"{REPORTS}/{kind.lower()}s").status == 200)  # fmt: skip
    code, out, _ = scan(plane.kubeconfig, bundle, "--apply", "--format=policy-report")
    assert code == Exit.FINDINGS
    printed: list[Json] = load_all(out)
    for report in printed:
        stored = plane.admin.get(own_path(report)).body
        for field in report.keys() - {"metadata"}:
            assert stored[field] == report[field]
    (own,) = [r for r in printed if r["metadata"].get("namespace") == "agents"]
    assert own["summary"]["fail"] == 1
    failed = [r for r in own["results"] if r["result"] == "fail"]
    assert [(r["rule"], r["properties"]["agent"]) for r in failed] == [("HOST_NET", "research")]
    fixed = pod()
    path = path_of(deployment())
    assert plane.admin.apply(path, workload("Deployment", fixed), force="true").status == 200
    assert plane.admin.request("PATCH", path, {"spec": {"template": {"spec": {"hostNetwork": None}}}}).status == 200  # fmt: skip
    assert scan(plane.kubeconfig, bundle, "--apply")[0] == Exit.CLEAN
    assert plane.admin.get(own_path(own)).body["summary"]["fail"] == 0


def own_path(report: Json) -> str:
    space = report["metadata"].get("namespace")
    kind = f"namespaces/{space}/policyreports" if space else "clusterpolicyreports"
    return f"{REPORTS}/{kind}/{report['metadata']['name']}"


def test_a_user_without_rights_is_told_which(held: tuple[ControlPlane, Path]) -> None:
    plane, bundle = held
    code, out, err = scan(plane.kubeconfig_of("stranger"), bundle)
    assert code == Exit.BAD_INPUT
    assert out == ""
    assert err.startswith("error[PC7117]: ")
    for named in ("`pods`", "`deployments.apps`", "`networkpolicies.networking.k8s.io`"):
        assert named in err
    assert 'User "stranger" cannot list' in err


def test_one_resource_that_is_missing_is_the_one_named(held: tuple[ControlPlane, Path]) -> None:
    """With the rights of the webhook all but one; with all of them it scans."""
    plane, bundle = held
    role = objects(Target(("agents",)), Rollout("x", "x"))["clusterrole.yaml"]
    less: Json = json.loads(json.dumps(role))
    less["rules"] = [r for r in less["rules"] if r["apiGroups"] != ["networking.k8s.io"]]
    assert plane.admin.create(collection(role), less).status == 201
    binding = body("ClusterRoleBinding", "scanner", "", RBAC, subjects=[user("scanner")], roleRef={"apiGroup": RBAC.partition("/")[0], "kind": "ClusterRole", "name": "policyc"})  # fmt: skip
    assert plane.admin.create(collection(binding), binding).status == 201
    kubeconfig = plane.kubeconfig_of("scanner")

    def code() -> int:
        return scan(kubeconfig, bundle)[0]

    plane.api_server.wait_until(lambda: "`pods`" not in scan(kubeconfig, bundle)[2])
    refused, _, err = scan(kubeconfig, bundle)
    assert refused == Exit.BAD_INPUT
    assert "no right to list `networkpolicies.networking.k8s.io`: " in err
    assert plane.admin.request("PUT", path_of(role), role).status == 200
    plane.api_server.wait_until(lambda: code() in (Exit.CLEAN, Exit.FINDINGS))


def test_a_server_that_is_gone_is_a_clear_word(
    held: tuple[ControlPlane, Path], tmp_path: Path
) -> None:
    plane, bundle = held
    config = json.loads(plane.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "config").write_text(json.dumps(config))
    code, _, err = scan(tmp_path / "config", bundle)
    assert code == Exit.BAD_INPUT
    assert "PC7118" in err and "no answer" in err
