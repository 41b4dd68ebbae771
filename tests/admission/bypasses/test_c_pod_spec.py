"""Group C: what the pod's spec says."""

from __future__ import annotations

import copy
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

from policyc.admission.case import case_of
from policyc.admission.mutate import mutate
from policyc.admission.verdict import Level, Verdict

DIGEST = "@sha256:" + "ab" * 32


def deployed(spec: Json, agent: str = "research") -> Verdict:
    """The verdict on the agent's Deployment with these fields of the pod's spec."""
    body = pod(agent)
    body["spec"] |= copy.deepcopy(spec)
    return judge(request(in_kind(kind("Deployment"), body)))


def contained(fields: Json, agent: str = "research") -> Verdict:
    """The verdict on the agent's Deployment with these fields of its container."""
    (container,) = pod(agent)["spec"]["containers"]
    return deployed({"containers": [container | fields]}, agent)


def confined(fields: Json, agent: str = "research") -> Verdict:
    """The verdict on the agent's Deployment with these fields of its container's securityContext."""
    (container,) = pod(agent)["spec"]["containers"]
    return contained({"securityContext": container["securityContext"] | fields}, agent)


def mounted(source: Json, agent: str = "research") -> Verdict:
    """The verdict on the agent's Deployment with such a volume."""
    return deployed({"volumes": [{"name": "v", **source}]}, agent)


def shown(verdict: Verdict) -> set[str]:
    """All reasons, whatever they weigh."""
    return {finding.reason for finding in verdict.findings}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"serviceAccountName": None}, {"SA_NOT_ALLOWED"}, id="C1-null"),
        pytest.param({"serviceAccountName": ""}, {"SA_NOT_ALLOWED"}, id="C1-empty"),
        pytest.param(
            {"serviceAccountName": None, "serviceAccount": "admin"}, {"SA_NOT_ALLOWED"}, id="C2"
        ),
        pytest.param(
            {"serviceAccountName": None, "serviceAccount": "research"}, set(), id="C2-its-own"
        ),
        pytest.param({"serviceAccount": "admin"}, {"AMBIGUOUS_SA"}, id="C3"),
    ],
)
def test_the_account(fields: Json, expected: set[str]) -> None:
    assert reasons(deployed(fields)) == expected


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


@pytest.mark.parametrize("token", [pytest.param({"path": "token"}, id="C4-uses-the-api")])
def test_an_agent_that_uses_the_api_has_a_token(token: Json) -> None:
    """The API server itself adds the volume."""
    assert mounted({"projected": {"sources": [{"serviceAccountToken": token}]}}).allowed
    assert deployed({"automountServiceAccountToken": None}).allowed


@pytest.mark.parametrize(
    ("agent", "token"),
    [
        pytest.param("summary", {"path": "t", "audience": ""}, id="C5"),
        pytest.param("summary", {"path": "t"}, id="C5-absent"),
        pytest.param("research", {"path": "t", "audience": "vault"}, id="C5-other-audience"),
        pytest.param("research", {"path": "t", "audience": "sts.amazonaws.com"}, id="C5-aws"),
        pytest.param("research", {"path": "t", "audience": "p.svc.id.goog"}, id="C5-gke"),
        pytest.param("research", {"path": "t", "audience": 7}, id="C5-number"),
    ],
)
def test_a_projected_token(agent: str, token: Json) -> None:
    assert "TOKEN_VOLUME" in reasons(
        mounted({"projected": {"sources": [{"serviceAccountToken": token}]}}, agent)
    )


@pytest.mark.parametrize(
    "source",
    [
        pytest.param({"secret": {"secretName": "research-token"}}, id="C6"),
        pytest.param({"projected": {"sources": [{"secret": {"name": "x"}}]}}, id="C6-projected"),
        pytest.param({"secret": {}}, id="C6-unnamed"),
    ],
)
def test_a_secret_may_be_a_token(source: Json) -> None:
    assert reasons(mounted(source)) == {"SECRET_VOLUME"}


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [pytest.param("tls", True, id="C6-named"), pytest.param("tls2", False, id="C6-not-named")],
)
def test_a_secret_that_the_settings_name(name: str, is_allowed: bool) -> None:
    body = pod()
    body["spec"]["volumes"] = [{"name": "v", "secret": {"secretName": name}}]
    settings = replace(SETTINGS, secret_volumes=frozenset({"agents/tls"}))
    assert judge(request(body), settings=settings).allowed == is_allowed


def privileged(container: Json) -> None:
    container["securityContext"]["privileged"] = True


@pytest.mark.parametrize(
    ("field", "sidecar", "count", "at"),
    [
        pytest.param("initContainers", {}, 1, 0, id="C7"),
        pytest.param("initContainers", {"restartPolicy": "Always"}, 1, 0, id="C8"),
        pytest.param("containers", {}, 8, 7, id="C9"),
    ],
)
def test_one_bad_container_among_good_ones(field: str, sidecar: Json, count: int, at: int) -> None:
    body = pod()
    good = body["spec"]["containers"][0]
    listed = [{**copy.deepcopy(good), "name": f"{field[:4]}{i}", **sidecar} for i in range(count)]
    body["spec"][field] = listed
    assert judge(request(body)).allowed
    privileged(listed[at])
    verdict = judge(request(body))
    assert reasons(verdict) == {"PRIVILEGED"}
    assert {f.path for f in verdict.denials} == {f"spec.{field}[{at}].securityContext.privileged"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"hostNetwork": True}, "HOST_NET", id="C10"),
        pytest.param({"hostPID": True}, "HOST_PID", id="C11"),
        pytest.param({"hostIPC": True}, "HOST_IPC", id="C12"),
        pytest.param({"shareProcessNamespace": True}, "SHARED_PROCESSES", id="C13"),
        pytest.param({"runtimeClassName": None}, "RUNTIME_CLASS", id="C20"),
        pytest.param({"runtimeClassName": "runc"}, "RUNTIME_CLASS", id="C20-other"),
        pytest.param({"nodeName": "node-1"}, "NODENAME", id="C21"),
        pytest.param(
            {"hostAliases": [{"ip": "203.0.113.9", "hostnames": ["api.example.com"]}]},
            "HOSTALIASES",
            id="C22",
        ),
        pytest.param(
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["8.8.8.8"]}}, "DNS", id="C23"
        ),
        pytest.param({"dnsPolicy": "Default"}, "DNS", id="C23-of-the-node"),
        pytest.param({"dnsConfig": {"searches": ["evil.example"]}}, "DNS", id="C23-search"),
        pytest.param({"containers": []}, "NO_CONTAINERS", id="C33"),
        pytest.param({"containers": None}, "NO_CONTAINERS", id="C33-null"),
        pytest.param({"os": {"name": "windows"}}, "OS", id="C31-windows"),
        pytest.param({"containers": "x"}, "MALFORMED", id="C32-text"),
        pytest.param({"containers": [7]}, "MALFORMED", id="C32-number"),
    ],
)
def test_the_pod_may_not_be_so(fields: Json, expected: str) -> None:
    assert expected in reasons(deployed(fields))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"hostNetwork": False, "hostPID": False, "hostIPC": None}, id="C10-false"),
        pytest.param({"dnsPolicy": "ClusterFirst"}, id="C23-of-the-cluster"),
        pytest.param(
            {"dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}}, id="C23-options"
        ),
        pytest.param({"securityContext": None}, id="C32-nothing"),
    ],
)
def test_the_pod_may_be_so(fields: Json) -> None:
    denied = reasons(deployed(fields))
    assert denied <= ({"ROOT", "SECCOMP_MISSING"} if "securityContext" in fields else set())


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/var/lib/kubelet/seccomp", id="C14"),
        *[
            pytest.param(p, id=f"C15-{p}")
            for p in ("/var/run/secrets/x", "/proc", "/", "/tmp/../proc/", "//var/lib//kubelet/")
        ],
    ],
)
def test_no_agent_has_files_of_the_node(path: str) -> None:
    for agent in ("research", "summary"):
        assert reasons(mounted({"hostPath": {"path": path}}, agent)) == {"HOSTPATH"}


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


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(source, id=f"C16-{next(iter(source))}")
        for source in (
            {"csi": {"driver": "x.example"}},
            {"flexVolume": {"driver": "x"}},
            {"gitRepo": {"repository": "https://git.example/x"}},
            {"nfs": {"server": "x", "path": "/"}},
            {"iscsi": {"iqn": "x"}},
        )
    ],
)
def test_a_volume_of_another_kind(source: Json) -> None:
    assert reasons(mounted(source)) == {"VOLUME_TYPE"}


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


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"volumeDevices": [{"name": "v", "devicePath": "/dev/x"}]},
            "VOLUME_TYPE",
            id="C16-device",
        ),
        pytest.param({"command": ["/bin/sh", "-c", "x"]}, "COMMAND", id="C29"),
        pytest.param({"command": ["python"]}, "COMMAND", id="C29-relative"),
        pytest.param({"command": ["$(HOME)/x"]}, "COMMAND", id="C29-expanded"),
        pytest.param(
            {"lifecycle": {"postStart": {"exec": {"command": ["/usr/bin/curl", "x"]}}}},
            "COMMAND",
            id="C28",
        ),
        pytest.param(
            {"livenessProbe": {"exec": {"command": ["/usr/bin/curl"]}}}, "COMMAND", id="C28-probe"
        ),
        pytest.param(
            {"readinessProbe": {"httpGet": {"host": "203.0.113.9", "port": 80}}},
            "PROBE_HOST",
            id="C28-host",
        ),
        pytest.param(
            {"lifecycle": {"preStop": {"tcpSocket": {"host": "203.0.113.9", "port": 80}}}},
            "PROBE_HOST",
            id="C28-hook-host",
        ),
        pytest.param(
            {"ports": [{"containerPort": 80, "hostPort": 80}]}, "HOST_PORT", id="C10-port"
        ),
        pytest.param(
            {"volumeMounts": [{"name": "v", "mountPath": "/etc/hosts", "subPath": "h"}]},
            "MOUNT_PATH",
            id="C22-mounted",
        ),
        pytest.param(
            {"volumeMounts": [{"name": "v", "mountPath": "/x/../etc/resolv.conf"}]},
            "MOUNT_PATH",
            id="C23-mounted",
        ),
        pytest.param(
            {
                "volumeMounts": [
                    {"name": "v", "mountPath": "/data", "mountPropagation": "Bidirectional"}
                ]
            },
            "MOUNT_PROPAGATION",
            id="C15-propagated",
        ),
        pytest.param(
            {"resources": {"limits": {"memory": "1Gi", "example.com/kvm": 1}}},
            "DEVICES",
            id="C16-plugin",
        ),
        pytest.param({"resources": {"claims": [{"name": "gpu"}]}}, "DEVICES", id="C16-claim"),
    ],
)
def test_the_container_may_not_be_so(fields: Json, expected: str) -> None:
    assert expected in reasons(contained(fields))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"privileged": True}, "PRIVILEGED", id="C17"),
        *[
            pytest.param(
                {"capabilities": {"drop": ["ALL"], "add": [name]}}, "CAPABILITY", id=f"C18-{name}"
            )
            for name in (
                "NET_RAW",
                "CAP_NET_RAW",
                "net_raw",
                "cap_net_raw",
                "ALL",
                "all",
                "NET_BIND_SERVICE",
                "",
                "X",
            )
        ],
        pytest.param({"capabilities": {"drop": ["NET_RAW"]}}, "CAPABILITY", id="C18-kept"),
        pytest.param({"capabilities": None}, "CAPABILITY", id="C18-null"),
        pytest.param({"procMount": "Unmasked"}, "PROC_MOUNT", id="C19-proc"),
        pytest.param({"runAsUser": 0}, "ROOT", id="C19-root"),
        pytest.param({"runAsNonRoot": False}, "ROOT", id="C19-may-be-root"),
        pytest.param({"allowPrivilegeEscalation": None}, "ESCALATION", id="C19-escalation"),
        pytest.param({"readOnlyRootFilesystem": None}, "WRITABLE_ROOT", id="C19-files"),
        pytest.param({"seLinuxOptions": {"type": "spc_t"}}, "SELINUX", id="C19-selinux"),
        pytest.param({"windowsOptions": {"hostProcess": True}}, "OS", id="C19-windows"),
    ],
)
def test_the_container_must_be_confined(fields: Json, expected: str) -> None:
    assert reasons(confined(fields)) == {expected}


@pytest.mark.parametrize("name", [pytest.param("kernel.msgmax", id="C19-sysctl")])
def test_no_kernel_parameters(name: str) -> None:
    context = pod()["spec"]["securityContext"] | {"sysctls": [{"name": name, "value": "1"}]}
    assert reasons(deployed({"securityContext": context})) == {"SYSCTL"}


@pytest.mark.parametrize("name", [pytest.param("registry", id="C24")])
def test_credentials_for_registries(name: str) -> None:
    verdict = deployed({"imagePullSecrets": [{"name": name}]})
    assert {f.reason for f in verdict.warnings} == {"PULL_SECRET"}
    body = pod()
    body["spec"]["imagePullSecrets"] = [{"name": name}]
    settings = replace(SETTINGS, pull_secrets=frozenset({f"agents/{name}"}))
    assert judge(request(body), settings=settings).findings == ()


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param("registry.example.com.evil.io/agents/x" + DIGEST, {"IMAGE"}, id="C25"),
        pytest.param("registry.example.com/agents" + DIGEST, {"IMAGE"}, id="C25-no-slash"),
        pytest.param("registry.example.com/agents-evil/x" + DIGEST, {"IMAGE"}, id="C25-sibling"),
        pytest.param("registry.example.com/agents/../x" + DIGEST, {"IMAGE"}, id="C25-dots"),
        pytest.param("registry.example.com:443/agents/x", {"IMAGE", "IMAGE_DIGEST"}, id="C26"),
        pytest.param("registry.example.com:443/agents/x" + DIGEST, {"IMAGE"}, id="C26-port"),
        pytest.param("registry.example.com/agents/x", {"IMAGE_DIGEST"}, id="C26-nothing"),
        pytest.param("registry.example.com/agents/x:1.2", {"IMAGE_DIGEST"}, id="C26-tag"),
        pytest.param("registry.example.com/agents/x:1" + DIGEST, set(), id="C27-tag-and-digest"),
        pytest.param("registry.example.com/agents/x:1@sha256:ab", {"IMAGE"}, id="C27-short"),
        pytest.param("registry.example.com/agents/x@md5:" + "a" * 32, {"IMAGE"}, id="C27-md5"),
        pytest.param("registry.example.com/Agents/x" + DIGEST, {"IMAGE"}, id="C27-upper-case"),
        pytest.param("Registry.example.com/agents/x" + DIGEST, {"IMAGE"}, id="C27-upper-host"),
        pytest.param("agents/x" + DIGEST, {"IMAGE"}, id="C27-implicit-hub"),
        pytest.param("x", {"IMAGE", "IMAGE_DIGEST"}, id="C27-implicit-library"),
        pytest.param("", {"IMAGE"}, id="C27-empty"),
        pytest.param(None, {"IMAGE"}, id="C27-null"),
        pytest.param(" registry.example.com/agents/x" + DIGEST, {"IMAGE"}, id="C27-space"),
        pytest.param("registry.example.com/agents/x" + DIGEST + "\n", {"IMAGE"}, id="C27-line"),
    ],
)
def test_the_image(image: Json, expected: set[str]) -> None:
    assert reasons(contained({"image": image})) == expected


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


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"env": None, "envFrom": None, "volumeMounts": None}, set(), id="C32-null"),
        pytest.param(
            {"securityContext": None},
            {"ESCALATION", "WRITABLE_ROOT", "CAPABILITY"},
            id="C32-context",
        ),
        pytest.param({"name": None}, set(), id="C32-name"),
    ],
)
def test_null_is_absent(fields: Json, expected: set[str]) -> None:
    assert reasons(contained(fields)) == expected


@pytest.mark.parametrize("labels", [pytest.param(None, id="C32-labels")])
def test_null_metadata(labels: Json) -> None:
    body = pod()
    body["metadata"] |= {"labels": labels, "annotations": None, "ownerReferences": None}
    assert judge(request(body)).agent == "research"


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(f, id=f"C33-{f}")
        for f in ("containers", "initContainers", "ephemeralContainers")
    ],
)
def test_a_name_twice(field: str) -> None:
    body = pod()
    twin = copy.deepcopy(body["spec"]["containers"][0])
    body["spec"].setdefault(field, []).append(twin)
    assert "DUPLICATE_CONTAINER" in reasons(judge(request(body)))
