"""The manifests of the webhook: valid, minimal in rights, and those in deploy/ are current."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from support.samples import ROOT

from policyc.admission.checks.accounts import CLAIM
from policyc.admission.checks.apparmor import ANNOTATION as APPARMOR
from policyc.admission.checks.claims import MIRROR
from policyc.admission.checks.pins import ANNOTATION as PINS
from policyc.admission.checks.seccomp import CONTAINER_ANNOTATION, POD_ANNOTATION
from policyc.admission.extract.claims import SERVERS_CLAIM
from policyc.admission.manifests import plural
from policyc.admission.mutate import ENVELOPE
from policyc.admission.view import WATCHED, WATCHED_IF_SERVED
from policyc.bundle.statement import signature_path
from policyc.catalog.cloud import ON_PODS
from policyc.catalog.policy_kinds import CLUSTER_WIDE, POLICY_KINDS
from policyc.cli.main import Exit, main
from policyc.cli.objects import open_bundle
from policyc.deploy.configurations import Target, validating
from policyc.deploy.drift import drift, namespaces
from policyc.deploy.manifests import KUSTOMIZATION, manifests, stream
from policyc.deploy.objects import Rollout
from policyc.deploy.reach import reach_of_envelopes
from policyc.deploy.scope import AGENT_RESOURCES, MUTATING, VALIDATING, Filter, Where
from policyc.kube.yaml import load, load_all
from webhook.bundle_objects import BUNDLES, ENVELOPES
from webhook.guard import target_of
from webhook.settings import add_flags, read_settings

Json = Any  # documents, looked at by path
FILES = manifests(Target(("agents",)), Rollout("image@sha256:0", "bundle@sha256:0"))
OBJECTS: dict[str, Json] = {n: load(d) for n, d in FILES.items() if n != KUSTOMIZATION}


@pytest.mark.parametrize("name", OBJECTS)
def test_the_published_schema_takes_it(name: str) -> None:
    version = kubernetes_validate.latest_version()
    if name == "deployment.yaml":  # image volumes may be younger than the schemas
        volumes = OBJECTS[name]["spec"]["template"]["spec"]["volumes"]
        assert [v for v in volumes if "image" in v]
    kubernetes_validate.validate(OBJECTS[name], version, strict=name != "deployment.yaml")


def test_the_committed_base_is_what_the_command_writes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["webhook", "manifests", "-o", "deploy", "--check"]) == Exit.CLEAN
    assert {p.name for p in Path("deploy").glob("*.yaml")} == FILES.keys()
    assert main(["webhook", "manifests"]) == Exit.CLEAN
    printed = load_all(capsys.readouterr().out)
    assert printed == [load((ROOT / "deploy" / name).read_bytes()) for name in OBJECTS]


def test_a_stale_base_is_named_and_renewed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = f"--bundle={ROOT / 'generated'}"
    assert main(["webhook", "manifests", bundle, "-o", str(tmp_path)]) == Exit.CLEAN
    (tmp_path / "service.yaml").write_text("{}")
    capsys.readouterr()
    arguments = ["webhook", "manifests", bundle, "-o", str(tmp_path), "--check"]
    assert main(arguments) == Exit.FINDINGS
    assert capsys.readouterr().out == f"out of date: {tmp_path / 'service.yaml'}\n"
    assert main(arguments[:-1]) == Exit.CLEAN
    assert main(arguments) == Exit.CLEAN


def test_it_reads_what_decisions_need_and_writes_its_own_configurations() -> None:
    rules = OBJECTS["clusterrole.yaml"]["rules"]
    reads = [r for r in rules if r["verbs"] == ["get", "list", "watch"]]
    watched = WATCHED | WATCHED_IF_SERVED | {ENVELOPES, BUNDLES}
    assert sum(len(r["resources"]) for r in reads) == len(watched)
    writes = [r for r in rules if r not in reads]
    assert {g for r in writes for g in r["apiGroups"]} == {"admissionregistration.k8s.io"}
    assert [r["verbs"] for r in writes if "resourceNames" not in r] == [["create"]]
    assert not {"*", "secrets"} & {x for r in rules for xs in r.values() for x in xs}


def test_the_order_of_applying() -> None:
    """What intercepts comes last, and kustomize keeps the order."""
    kustomization: Json = load(FILES[KUSTOMIZATION])
    assert kustomization["resources"] == [*OBJECTS]
    first, *_, mutating, validating = OBJECTS
    assert [first, mutating, validating] == [
        "namespace.yaml",
        "mutating-webhook.yaml",
        "validating-webhook.yaml",
    ]
    assert load_all(stream(FILES).decode()) == [*OBJECTS.values()]


def test_its_pod_meets_the_level_of_its_own_namespace() -> None:
    """The restricted level of the Pod Security Standards, field by field."""
    namespace = OBJECTS["namespace.yaml"]["metadata"]["labels"]
    assert namespace["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = OBJECTS["deployment.yaml"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not context["allowPrivilegeEscalation"] and not context["privileged"]


def test_nothing_that_fails_closed_is_about_other_namespaces() -> None:
    """But for what reaches agents from anywhere: what names them, servers of tools, cluster-wide policies."""
    for entry in (*VALIDATING, *MUTATING):
        if entry.fails_closed and entry.where not in (Where.AGENTS, Where.HOME):
            groups = {rule.group for rule in entry.rules}
            assert (
                _REACHING & {*entry.filters}
                or groups <= AGENT_RESOURCES.keys()
                or groups <= {group for group, _ in CLUSTER_WIDE}
            ), entry.name


_REACHING = {
    Filter.BINDS_AN_AGENT,
    Filter.HELD_BY_AGENTS,
    Filter.PEERS_LABELS,
    Filter.TAKES_ADDRESSES,
}
"""Conditions that say what reaches agents from where they are not."""


def test_every_policy_of_a_plug_in_that_holds_everywhere_fails_closed() -> None:
    closed = {
        (rule.group, resource)
        for entry in VALIDATING
        if entry.fails_closed and entry.where is Where.EVERYWHERE
        for rule in entry.rules
        for resource in rule.resources
        if rule.is_cluster
    }
    assert {(group, plural(kind)) for group, kind in CLUSTER_WIDE} <= closed


def test_the_compilers_own_roles_are_known_by_their_names() -> None:
    """The condition that keeps them closed writes the names' form down once more."""
    held = {
        document["metadata"]["name"]
        for path in (ROOT / "generated").rglob("*role*.yaml")
        if (document := _document(path))["kind"].endswith("Role")
    }
    spaces = namespaces(_document(ROOT / "deploy" / "validating-webhook.yaml"))
    assert held and spaces
    assert all(name.startswith("policyc-") and name.rpartition(".")[2] in spaces for name in held)


def _document(path: Path) -> Json:
    return load(path.read_bytes())


def test_what_reaches_agents_of_other_namespaces_fails_closed_everywhere() -> None:
    closed = {
        (rule.group, resource, entry.where)
        for entry in VALIDATING
        if entry.fails_closed
        for rule in entry.rules
        for resource in rule.resources
    }
    of_one_namespace = {"agents", "modelconfigs", "sandboxagents"}
    for group, resources in AGENT_RESOURCES.items():
        for resource in resources:
            assert (group, resource, Where.AGENTS) in closed
            is_shared = resource not in of_one_namespace
            assert ((group, resource, Where.OUTSIDE) in closed) == is_shared


def test_a_namespace_in_which_agents_may_not_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = f"--bundle={ROOT / 'generated'}"
    assert main(["webhook", "manifests", bundle, "--home=support"]) == Exit.BAD_INPUT
    assert "PC7061" in capsys.readouterr().err
    assert main(["webhook", "manifests", f"--bundle={tmp_path}"]) == Exit.BAD_INPUT
    assert "PC7058" in capsys.readouterr().err


def test_the_server_takes_its_arguments() -> None:
    """Every flag of the Deployment is one of ``policyc webhook run``, and they fit together."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_flags(parser)
    pod = OBJECTS["deployment.yaml"]["spec"]["template"]["spec"]
    verb, action, *flags = pod["containers"][0]["args"]
    settings = read_settings(parser.parse_args(flags), {})
    assert (verb, action) == ("webhook", "run")
    ports = {p["name"]: p["containerPort"] for p in pod["containers"][0]["ports"]}
    assert ports == {"https": settings.port, "health": settings.health_port}
    assert settings.guard and settings.client_ca
    # The signature lies beside the folder: the image that is mounted has both.
    assert mounted("bundle")["mountPath"] == str(signature_path(settings.bundle).parent)
    assert settings.drain_seconds < pod["terminationGracePeriodSeconds"]
    account = "system:serviceaccount:policyc-system:policyc"
    assert settings.admission.operators == {account}


def test_the_definitions_are_of_the_kinds_that_are_watched() -> None:
    found = [o["spec"] for o in OBJECTS.values() if o["kind"] == "CustomResourceDefinition"]
    assert {(spec["group"], spec["names"]["kind"]) for spec in found} == {ENVELOPES, BUNDLES}
    readable = {
        (group, plural)
        for rule in OBJECTS["clusterrole.yaml"]["rules"]
        for group in rule["apiGroups"]
        for plural in rule["resources"]
    }
    assert {(spec["group"], spec["names"]["plural"]) for spec in found} <= readable


def test_with_objects_nothing_is_mounted_for_envelopes() -> None:
    rollout = Rollout("image@sha256:0", "", from_objects=True)
    deployment: Json = load(manifests(Target(("agents",)), rollout)["deployment.yaml"])
    spec = deployment["spec"]["template"]["spec"]
    container = spec["containers"][0]
    for listed in (spec["volumes"], container["volumeMounts"]):
        assert {item["name"] for item in listed} == {"keys", "tls", "log-key", "log", "tmp"}
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_flags(parser)
    assert read_settings(parser.parse_args(container["args"][2:]), {}).bundle_objects


def test_an_api_server_that_shows_no_certificate_is_answered_when_that_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_flags(parser)
    shown = {}
    for flag in ("", "--any-client"):
        bundle = f"--bundle={ROOT / 'generated'}"
        assert main(["webhook", "manifests", bundle, *flag.split()]) == Exit.CLEAN
        printed: list[Json] = [*load_all(capsys.readouterr().out)]
        (deployment,) = [o for o in printed if o["kind"] == "Deployment"]
        arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        shown[flag] = read_settings(parser.parse_args(arguments[2:]), {}).client_ca
    assert shown[""] is not None
    assert shown["--any-client"] is None


RENEWER = "system:serviceaccount:cert-manager:cert-manager"


def test_who_renews_and_what_plug_ins_write_reaches_the_guard(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What was allowed in the manifests is what the guard puts back."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_flags(parser)
    options = [f"--renewers={RENEWER}", "--pod-annotations=cni.projectcalico.org/podIP"]
    bundle = f"--bundle={ROOT / 'generated'}"
    assert main(["webhook", "manifests", bundle, *options]) == Exit.CLEAN
    printed: list[Json] = [*load_all(capsys.readouterr().out)]
    (deployment,) = [o for o in printed if o["kind"] == "Deployment"]
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    settings = read_settings(parser.parse_args(arguments[2:]), {})
    (hook,) = [o for o in printed if o["kind"] == "ValidatingWebhookConfiguration"]
    loaded = open_bundle(ROOT / "generated")
    wanted = replace(target_of(loaded, settings), reach=reach_of_envelopes(loaded))
    assert drift(hook, validating(wanted)) == ()
    assert RENEWER in str(hook) and "cni.projectcalico.org/podIP" in str(hook)


@pytest.mark.parametrize(
    "key",
    [
        *(MIRROR, CLAIM, SERVERS_CLAIM, ENVELOPE, PINS, APPARMOR + "a", *ON_PODS),
        *(POD_ANNOTATION, CONTAINER_ANNOTATION + "a"),
        *("podIP", "/podIP", "", "kubernetes.io/x", "a.policyc.dev/b"),
    ],
)
def test_an_annotation_that_is_judged_never_changes_unasked(
    key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="judged"):
        Target(("agents",), pod_annotations=frozenset({key}))
    with pytest.raises(SystemExit) as refused:
        main(["webhook", "manifests", f"--pod-annotations={key}"])
    assert refused.value.code == Exit.BAD_INPUT
    assert "cannot change unasked" in capsys.readouterr().err


def mounted(name: str) -> Json:
    pod = OBJECTS["deployment.yaml"]["spec"]["template"]["spec"]
    (mount,) = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == name]
    return mount


def test_every_path_of_the_servers_settings_is_mounted() -> None:
    """What it reads is read-only; what it writes, its log and what is temporary, is not."""
    container = OBJECTS["deployment.yaml"]["spec"]["template"]["spec"]["containers"][0]
    mounts = {m["mountPath"]: m for m in container["volumeMounts"]}
    paths = [flag.partition("=")[2] for flag in container["args"] if "=/" in flag]
    for path in paths:
        (place,) = [p for p in mounts if path == p or path.startswith(f"{p}/")]
        assert ("readOnly" in mounts[place]) == (place != mounted("log")["mountPath"])
    assert [p for p in mounts if "readOnly" not in mounts[p]] == [
        mounted("log")["mountPath"],
        mounted("tmp")["mountPath"],
    ]


def test_every_volume_is_mounted_and_every_mount_has_one() -> None:
    pod = OBJECTS["deployment.yaml"]["spec"]["template"]["spec"]
    names = [volume["name"] for volume in pod["volumes"]]
    assert names == [m["name"] for m in pod["containers"][0]["volumeMounts"]]


@pytest.mark.parametrize("claim", ["", "logs"])
def test_each_pod_has_a_log_of_its_own(claim: str) -> None:
    """Two replicas with one claim never write one folder, nor two logs of one name."""
    rollout = Rollout("image@sha256:0", "bundle@sha256:0", log_claim=claim)
    deployment: Json = load(manifests(Target(("agents",)), rollout)["deployment.yaml"])
    pod = deployment["spec"]["template"]["spec"]
    (volume,) = [v for v in pod["volumes"] if v["name"] == "log"]
    expected = (
        {"persistentVolumeClaim": {"claimName": claim}}
        if claim
        else {"emptyDir": {"sizeLimit": "2Gi"}}
    )
    assert volume == {"name": "log", **expected}
    container = pod["containers"][0]
    name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    assert name in container["env"]
    assert "--log-name=$(POD_NAME)" in container["args"]
    assert mounted("log")["subPathExpr"] == "$(POD_NAME)"


def test_every_network_policy_that_decisions_know_is_sent() -> None:
    sent = {
        (rule.group, resource)
        for entry in VALIDATING
        for rule in entry.rules
        for resource in rule.resources
    }
    assert {(group, plural(kind)) for group, kind in POLICY_KINDS} <= sent
