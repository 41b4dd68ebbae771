"""`policyc scan`: what it lists, whose writes it believes, and what it says when it cannot."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import termios
from pathlib import Path
from typing import Any

import pytest
from support.admission import SETTINGS, TODAY, bundle, cluster, files, pod, view
from support.api_server import ApiServer
from support.console import POLICYC
from support.webhook import write_bundle
from support.widening import AGENT, SECRETS, binding, body, cluster_role

from policyc.admission.manifests import plural, request_of
from policyc.admission.scan import SCANNED, Judged, policy_reports, scan
from policyc.cli.main import Exit, main
from policyc.deploy.scope import CREATE, VALIDATING
from policyc.kube.yaml import dump

Json = Any  # documents of the API
NO_OBJECTS = {"bindings", "pods/binding", "secrets", "serviceaccounts/token", "endpoints"}
"""Of no kind that is listed; Secrets are not read, and Endpoints are mirrored by slices."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle", files())
    return tmp_path


def judged(*bodies: Json, more: tuple[Json, ...] = ()) -> list[Judged]:
    return list(scan(map(request_of, bodies), bundle(), view(*bodies, *more), SETTINGS, TODAY))


def reasons(one: Judged) -> set[str]:
    return {f"{f.reason}:{f.level.value}" for f in one.verdict.findings}


def test_all_that_is_judged_when_it_is_created_is_listed() -> None:
    listed = {(group, plural(kind)) for group, kind in SCANNED}
    made = {
        (group, resource)
        for entry in VALIDATING
        for rule in entry.rules
        for group, resource, operation in rule.requests()
        if operation == CREATE and resource not in NO_OBJECTS
    }
    assert made - listed == set()
    assert len(made) > 30


def static(**owner: Json) -> Json:
    made = pod()
    made["metadata"] |= {"namespace": "kube-system", "name": "etcd-node", "labels": {}}
    made["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    made["metadata"]["ownerReferences"] = [owner] if owner else []
    made["spec"]["serviceAccountName"] = ""
    return made


def test_a_static_pod_is_told_from_one_that_claims_to_be() -> None:
    (true,) = judged(static(kind="Node", name="node", controller=True))
    assert reasons(true) == {"STATIC_POD:note"}
    (false,) = judged(static())
    assert reasons(false) == {"MIRROR_POD:deny"}


FOREIGN = {"ENDPOINTS:deny", "ENDPOINTS:warn"}  # of agents in enforce, and of one in audit


def slice_of(service: str) -> Json:
    labels = {"kubernetes.io/service-name": service}
    fields = {"addressType": "IPv4", "endpoints": [{"addresses": ["203.0.113.9"]}]}
    return body("EndpointSlice", "s", "agents", "discovery.k8s.io/v1", metadata={"labels": labels}, **fields)  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "expected"),
    [({"selector": {"app": "x"}}, set()), ({}, FOREIGN), (None, FOREIGN)],
    ids=["selector", "no-selector", "no-service"],
)
def test_a_controller_keeps_the_endpoints_of_a_selector(spec: Json, expected: set[str]) -> None:
    service = () if spec is None else (body("Service", "web", "agents", spec=spec),)
    (one,) = judged(slice_of("web"), more=service)
    assert reasons(one) == expected


def test_a_cluster_wide_policy_concerns_every_agent() -> None:
    spec = {"endpointSelector": {}, "egress": [{"toEntities": ["all"]}]}
    made = body("CiliumClusterwideNetworkPolicy", "open", "", "cilium.io/v2", spec=spec)
    (one,) = judged(made)
    assert one.request.namespace == ""
    assert {f.agent for f in one.verdict.findings} == set(bundle().agents)


HELD = binding(AGENT, role="ClusterRole/any")
LEFT_OPEN: dict[str, tuple[Json, tuple[Json, ...], str]] = {
    "a role under a name of its own": (cluster_role(SECRETS, name="any"), (HELD,), "RBAC_WIDENS:deny"),
    "a role that flows into another": (
        cluster_role(SECRETS, name="part", metadata={"labels": {"into": "any"}}),
        (HELD, cluster_role(name="any", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"into": "any"}}]})),
        "RBAC_WIDENS:deny",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT_OPEN)
def test_what_is_admitted_while_no_webhook_answers_is_found(name: str) -> None:
    """What agents get from elsewhere and no match condition can tell from what others get."""
    made, there, reason = LEFT_OPEN[name]
    (found,) = judged(made, more=there)
    assert reason in reasons(found)


def test_a_report_counts_everything_and_lists_what_matters() -> None:
    plain = [body("ConfigMap", f"c{i}", "agents", data={}) for i in range(50)]
    (report,) = policy_reports(judged(*plain, pod()))
    summary: Json = report["summary"]
    results: Json = report["results"]
    assert summary["pass"] == 51
    assert [r["properties"] for r in results] == [{"agent": "research"}]


# -- what cannot be -------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [[], [".", "--live"], [".", "--apply"], [".", "--kubeconfig", "x"]],
    ids=["nothing", "both", "apply-a-folder", "a-folder-by-kubeconfig"],
)
def test_a_folder_or_a_cluster(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", *arguments]) == Exit.BAD_INPUT
    assert "PC7059" in capsys.readouterr().err


def live(folder: Path, *more: str) -> int:
    return main(["scan", "--live", "--bundle", str(folder / "bundle"), *more])


@pytest.mark.parametrize("text", [None, "", "a: {", "kind: Config", "[]"])
def test_no_kubeconfig(folder: Path, text: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "config"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert live(folder, "--kubeconfig", str(path)) == Exit.BAD_INPUT
    err = capsys.readouterr().err
    assert err.startswith("error[PC7114]: ") and str(path) in err and "help: " in err


def test_no_kubeconfig_and_no_pod(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert live(folder) == Exit.BAD_INPUT
    assert "give --kubeconfig FILE" in capsys.readouterr().err


def test_every_resource_that_may_not_be_listed_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ApiServer(cluster()) as server:
        server.forbidden = {("", "Pod"), ("networking.k8s.io", "NetworkPolicy")}
        assert live(folder, "--kubeconfig", str(server.kubeconfig(folder))) == Exit.BAD_INPUT
    found = capsys.readouterr()
    assert found.out == ""
    named = re.findall(r"`([a-z.0-9]+)`", found.err.partition(":")[2].partition(": ")[0])
    assert named == ["pods", "networkpolicies.networking.k8s.io"]


def test_a_server_that_breaks_off(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ApiServer(cluster()) as server:
        server.lose()
        assert live(folder, "--kubeconfig", str(server.kubeconfig(folder))) == Exit.BAD_INPUT
    assert "error[PC7118]: cannot list" in capsys.readouterr().err


# -- settings and progress ------------------------------------------------------------


@pytest.mark.parametrize(("level", "severity"), [("deny", "error"), ("warn", "warning"), ("note", "note")])  # fmt: skip
@pytest.mark.parametrize("verb", ["admit", "scan"])
def test_the_settings_of_the_webhook_hold(
    folder: Path, verb: str, level: str, severity: str, capsys: pytest.CaptureFixture[str]
) -> None:
    env = [{"name": "OPENAI_API_KEY", "value": "x"}]
    made = body("Pod", "chat", "default", spec={"containers": [{"name": "c", "image": "x", "env": env}]})  # fmt: skip
    (folder / "made").mkdir()
    (folder / "made" / "pod.yaml").write_bytes(dump(made))
    (folder / "settings.yaml").write_text(f"shadow: {level}\nport: 1\n", encoding="utf-8")
    options = ["--bundle", str(folder / "bundle"), "--config", str(folder / "settings.yaml")]
    code = main([verb, str(folder / "made"), *options])
    assert code == (Exit.FINDINGS if level == "deny" else Exit.CLEAN)
    assert f"{severity}[PC8001]: SHADOW_AGENT: " in capsys.readouterr().err


def test_a_setting_that_cannot_be_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "settings.yaml").write_text("shadow: loud\n", encoding="utf-8")
    assert live(folder, "--config", str(folder / "settings.yaml")) == Exit.BAD_INPUT
    assert "PC7115" in capsys.readouterr().err


def test_progress_is_for_terminals(folder: Path) -> None:
    (folder / "all").mkdir()
    for i, one in enumerate(cluster()):
        (folder / "all" / f"{i}.yaml").write_bytes(dump(one))
    arguments = [POLICYC, "scan", folder / "all", "--bundle", folder / "bundle"]
    quiet = subprocess.run(arguments, capture_output=True, check=False)
    assert b"judging" not in quiet.stderr
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=theirs, check=False)
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert b"judging" in shown and b"objects" in shown
    assert done.stdout == quiet.stdout


def test_an_empty_cluster_is_clean(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ApiServer() as server:
        assert live(folder, "--kubeconfig", str(server.kubeconfig(folder))) == Exit.CLEAN
    assert capsys.readouterr().out == "0 objects, 0 would be refused\n"
