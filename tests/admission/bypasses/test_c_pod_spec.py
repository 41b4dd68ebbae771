"""Group C: what the pod's spec says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.admission import (
    IMAGE,
    SETTINGS,
    TODAY,
    Json,
    bundle,
    in_kind,
    judge,
    kind,
    pod,
    reasons,
    request,
    view,
)
from support.cases.pod_spec import GROUP_C, LISTS, spec
from support.cases.row import Row, each

from policyc.admission.bundle import Bundle
from policyc.admission.case import case_of
from policyc.admission.evaluate import evaluate
from policyc.admission.mutate import mutate
from policyc.admission.verdict import Level, Verdict
from policyc.envelope.domains import DOMAINS


@each(GROUP_C)
def test_what_the_spec_says(asked: Row) -> None:
    assert reasons(judge(request(asked.made))) == asked.denied


@each([one for one in LISTS if one.denied])
def test_one_bad_container_among_good_ones_is_named(asked: Row) -> None:
    (at,) = {f.path for f in judge(request(asked.made)).denials if f.reason == "PRIVILEGED"}
    expected = {"C7": "initContainers[0]", "C8": "initContainers[0]", "C9": "containers[7]"}
    assert at == f"spec.{expected[asked.id]}.securityContext.privileged"


def shown(verdict: Verdict) -> set[str]:
    """All reasons, whatever they weigh."""
    return {finding.reason for finding in verdict.findings}


@pytest.mark.parametrize("field", [pytest.param("serviceAccountName", id="C1")])
def test_no_account_at_all(field: str) -> None:
    body = in_kind(kind("Deployment"), pod())
    del body["spec"]["template"]["spec"][field]
    assert reasons(judge(request(body))) == {"SA_NOT_ALLOWED"}


@pytest.mark.parametrize(
    ("wanted", "of_account", "expected"),
    [
        pytest.param(None, None, {"TOKEN_MOUNT"}, id="C4"),
        pytest.param(None, True, {"TOKEN_MOUNT"}, id="C4-account-says-yes"),
        pytest.param(None, False, set(), id="C4-account-says-no"),
        pytest.param(True, False, {"TOKEN_MOUNT"}, id="C4-pod-wins"),
        pytest.param(False, True, set(), id="C4-false"),
        pytest.param("false", True, {"TOKEN_MOUNT", "MALFORMED"}, id="C4-text"),
    ],
)
def test_the_mounted_token(wanted: Json, of_account: Json, expected: set[str]) -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "summary", "namespace": "agents"},
        "automountServiceAccountToken": of_account,
    }
    body = pod("summary")
    body["spec"]["automountServiceAccountToken"] = wanted
    assert reasons(judge(request(body), view(account))) == expected


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [pytest.param("tls", True, id="C6-named"), pytest.param("tls2", False, id="C6-not-named")],
)
def test_a_secret_that_the_settings_name(name: str, is_allowed: bool) -> None:
    body = pod()
    body["spec"]["volumes"] = [{"name": "v", "secret": {"secretName": name}}]
    settings = replace(SETTINGS, secret_volumes=frozenset({"agents/tls"}))
    assert judge(request(body), settings=settings).allowed == is_allowed


SCHEDULED = {"conditions": [{"type": "PodScheduled", "status": "True"}]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("Pod", set(), id="C21-scheduled"),
        pytest.param("PodTemplate", {"NODENAME"}, id="C21-a-template-has-no-status"),
    ],
)
def test_the_scheduler_gave_the_node(name: str, expected: set[str]) -> None:
    body = pod()
    body["spec"]["nodeName"] = "node-1"
    whole = in_kind(kind(name), body)
    (whole["template"] if name == "PodTemplate" else whole)["status"] = SCHEDULED
    assert reasons(judge(request(whole))) == expected


def other(path: str, namespace: str = "mcp") -> Json:
    """A pod that is no agent, with a folder of the node."""
    body = pod()
    body["metadata"] = {"name": "web-1", "namespace": namespace}
    body["spec"]["serviceAccountName"] = "web"
    body["spec"]["volumes"] = [{"name": "v", "hostPath": {"path": path}}]
    return body


@pytest.mark.parametrize(
    ("path", "level"),
    [
        *[
            pytest.param(path, Level.DENY, id=f"C14-other-{path}")
            for path in (
                "/var/lib/kubelet/seccomp",
                "/var/lib/kubelet/seccomp/policyc",
                "/var/lib/../lib/kubelet//seccomp/",
                "//var/lib/kubelet/./seccomp",
            )
        ],
        *[
            pytest.param(p, Level.WARN, id=f"C15-other-{p}")
            for p in ("/", "/var/lib/kubelet/", "/var/lib/x/..")
        ],
        *[
            pytest.param(p, None, id=f"C15-other-{p}")
            for p in ("/var/lib/kubelet/seccomp2", "/data", "/proc")
        ],
    ],
)
def test_nobody_else_writes_the_profiles(path: str, level: Level | None) -> None:
    found = [f.level for f in judge(request(other(path))).findings if f.reason == "HOSTPATH"]
    assert found == ([level] if level is not None else [])
    mine = judge(request(other(path, SETTINGS.home)))
    assert "HOSTPATH" not in shown(mine), "whoever installs the profiles must reach them"


@pytest.mark.parametrize("driver", [pytest.param("secrets.example", id="C16-listed")])
def test_volumes_that_are_listed(driver: str) -> None:
    """A driver by the settings, an image by the envelope."""
    body = pod()
    body["spec"]["volumes"] = [
        {"name": "a", "csi": {"driver": driver}},
        {"name": "b", "image": {"reference": IMAGE}},
        {"name": "c", "emptyDir": {}},
    ]
    settings = replace(SETTINGS, csi_drivers=frozenset({driver}))
    assert judge(request(body), settings=settings).allowed


@pytest.mark.parametrize("name", [pytest.param("registry", id="C24")])
def test_credentials_for_registries(name: str) -> None:
    verdict = judge(request(spec({"imagePullSecrets": [{"name": name}]})))
    assert {f.reason for f in verdict.warnings} == {"PULL_SECRET"}
    body = pod()
    body["spec"]["imagePullSecrets"] = [{"name": name}]
    settings = replace(SETTINGS, pull_secrets=frozenset({f"agents/{name}"}))
    assert judge(request(body), settings=settings).findings == ()


@pytest.mark.parametrize(
    "resources", [pytest.param(v, id=f"C30-{v}") for v in (None, {}, {"limits": None})]
)
def test_no_limits_are_given_some(resources: Json) -> None:
    body = pod()
    body["spec"]["containers"][0]["resources"] = resources
    asked = request(body)
    verdict = judge(asked)
    assert {f.reason for f in verdict.warnings} == {"NO_LIMIT"}
    assert mutate(case_of(asked, bundle(), view(), SETTINGS, TODAY))
    strict = judge(asked, settings=replace(SETTINGS, no_limit=Level.DENY))
    assert reasons(strict) == {"NO_LIMIT"}


def in_spec(body: Json) -> Json:
    return body["spec"]


def in_container(body: Json) -> Json:
    return body["spec"]["containers"][0]


def in_context(body: Json) -> Json:
    return body["spec"]["containers"][0]["securityContext"]


def in_volume(body: Json) -> Json:
    body["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
    return body["spec"]["volumes"][0]


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(f, id=f"C31-{f.__name__}")
        for f in (in_spec, in_container, in_context, in_volume)
    ],
)
def test_a_field_of_the_future(place: Callable[[Json], Json]) -> None:
    body = pod()
    place(body)["hostDevicesOfTomorrow"] = {"a": 1}
    assert reasons(judge(request(body))) == {"UNKNOWN_FIELD"}
    lenient = judge(request(body), settings=replace(SETTINGS, unknown_fields=Level.WARN))
    assert lenient.allowed
    assert {f.reason for f in lenient.warnings} == {"UNKNOWN_FIELD"}
    place(body)["hostDevicesOfTomorrow"] = None
    assert judge(request(body)).findings == ()


@pytest.mark.parametrize("labels", [pytest.param(None, id="C32-labels")])
def test_null_metadata(labels: Json) -> None:
    body = pod()
    body["metadata"] |= {"labels": labels, "annotations": None, "ownerReferences": None}
    assert judge(request(body)).agent == "research"


def test_a_pinned_image_without_its_digest_is_one_fault() -> None:
    """The envelope has the repository with one digest: only the digest is missing."""
    pinned = "registry.example.com/agents/x@sha256:" + "ab" * 32
    research = bundle().agents["research"]
    domains = {**research.envelope.domains, "image": DOMAINS["image"].single({"reference": pinned})}
    only = Bundle([replace(research, envelope=replace(research.envelope, domains=domains))])
    for reference, expected in (
        (pinned, set()),
        ("registry.example.com/agents/x", {"IMAGE_DIGEST"}),
        ("registry.example.com/agents/x:1", {"IMAGE_DIGEST"}),
        ("registry.example.com/agents/xy", {"IMAGE", "IMAGE_DIGEST"}),
        (pinned.replace("ab", "cd"), {"IMAGE"}),
    ):
        body = pod()
        body["spec"]["containers"][0]["image"] = reference
        verdict = evaluate(request(body), only, view(), SETTINGS, TODAY)
        assert reasons(verdict) == expected, reference
