"""Group B: operations and subresources."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from support.admission import (
    IMAGE,
    SETTINGS,
    Json,
    cluster,
    in_kind,
    judge,
    kind,
    pod,
    reasons,
    request,
    view,
)

from policyc.admission.request import Operation, Request
from policyc.admission.verdict import Level

DEBUGGER = "emergency@corp.example"
BREAK_GLASS = replace(SETTINGS, break_glass=frozenset({DEBUGGER}))
NODE = "system:node:node-1"
OTHER = "registry.other.example/x@sha256:" + "cd" * 32


def running(agent: str = "research") -> Json:
    """The agent's pod after the scheduler and the kubelet had it."""
    body = pod(agent)
    body["spec"]["nodeName"] = "node-1"
    body["status"] = {"conditions": [{"type": "PodScheduled", "status": "True"}]}
    return body


def on_pod(
    subresource: str, options: Json = None, name: str = "research-1", user: str = "someone"
) -> Request:
    """CONNECT to a pod of the namespace."""
    body = options or {"apiVersion": "v1", "kind": "PodExecOptions", "command": ["sh"]}
    asked = request(body, "CONNECT", resource="pods", subresource=subresource, user=user)
    return replace(asked, namespace="agents", name=name, options=None)


@pytest.mark.parametrize("case", [pytest.param("image", id="B1")])
def test_a_running_pod_may_not_change_its_image(case: str) -> None:
    new = running()
    new["spec"]["containers"][0][case] = OTHER
    assert reasons(judge(request(new, "UPDATE", running()))) == {"IMAGE"}


def with_ephemeral(**more: Json) -> Json:
    new = running()
    good = copy.deepcopy(new["spec"]["containers"][0])
    del good["resources"]
    new["spec"]["ephemeralContainers"] = [{**good, "name": "debug", **more}]
    return new


def added(user: str = "someone", **more: Json) -> Request:
    return request(
        with_ephemeral(**more),
        "UPDATE",
        running(),
        resource="pods",
        subresource="ephemeralcontainers",
        user=user,
    )


@pytest.mark.parametrize(
    "image", [pytest.param(IMAGE, id="B2-own-image"), pytest.param(OTHER, id="B2-other-image")]
)
def test_nobody_adds_a_container_to_a_running_agent(image: str) -> None:
    assert "EPHEMERAL" in reasons(judge(added(image=image)))


@pytest.mark.parametrize("image", [pytest.param(OTHER, id="B2-break-glass")])
def test_but_in_an_emergency_with_any_image_and_a_record_of_it(image: str) -> None:
    verdict = judge(added(user=DEBUGGER, image=image), settings=BREAK_GLASS)
    assert verdict.allowed
    assert {(f.reason, f.level) for f in verdict.findings} == {("EPHEMERAL", Level.NOTE)}


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        pytest.param(
            {"seccompProfile": {"type": "Unconfined"}}, "SECCOMP_TYPE", id="B3-unconfined"
        ),
        pytest.param({"privileged": True}, "PRIVILEGED", id="B3-privileged"),
        pytest.param(
            {"capabilities": {"drop": ["ALL"], "add": ["SYS_PTRACE"]}}, "CAPABILITY", id="B3-ptrace"
        ),
    ],
)
def test_no_emergency_makes_an_unconfined_container(context: Json, reason: str) -> None:
    good = pod()["spec"]["containers"][0]["securityContext"]
    for user, settings in (("someone", SETTINGS), (DEBUGGER, BREAK_GLASS)):
        asked = added(user=user, securityContext={**good, **context})
        assert reason in reasons(judge(asked, settings=settings))


@pytest.mark.parametrize(
    "containers", [pytest.param(v, id=f"B4-{v!r:.12}") for v in ([{"name": "debug"}], None, "x")]
)
def test_the_old_kind_of_the_subresource(containers: Json) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "EphemeralContainers",
        "metadata": {"name": "research-1", "namespace": "agents"},
        "ephemeralContainers": containers,
    }
    asked = request(body, "UPDATE", body, resource="pods", subresource="ephemeralcontainers")
    assert reasons(judge(asked, view(running()))) == {"EPHEMERAL"}
    assert reasons(judge(asked)) == {"EPHEMERAL"}, "a pod that is not known may be the agent's"


WAYS_IN = [
    pytest.param("exec", "PodExecOptions", id="B5"),
    pytest.param("attach", "PodAttachOptions", id="B6"),
    pytest.param("portforward", "PodPortForwardOptions", id="B7-portforward"),
    pytest.param("proxy", "PodProxyOptions", id="B7-proxy"),
    pytest.param("telnet", "PodTelnetOptions", id="B7-a-way-of-the-future"),
]


@pytest.mark.parametrize(("subresource", "options"), WAYS_IN)
def test_nobody_reaches_into_a_running_agent(subresource: str, options: str) -> None:
    asked = on_pod(subresource, {"apiVersion": "v1", "kind": options})
    cluster = view(running())
    verdict = judge(asked, cluster)
    assert reasons(verdict) == {"EXEC"}
    assert {f.agent for f in verdict.denials} == {"research"}
    by_setting = judge(asked, cluster, replace(SETTINGS, exec=Level.WARN))
    assert by_setting.allowed
    assert {f.reason for f in by_setting.warnings} == {"EXEC"}
    emergency = judge(replace(asked, user=DEBUGGER), cluster, BREAK_GLASS)
    assert {(f.reason, f.level) for f in emergency.findings} == {("EXEC", Level.NOTE)}


@pytest.mark.parametrize(("subresource", "options"), WAYS_IN)
def test_a_pod_that_is_not_known_may_be_the_agents(subresource: str, options: str) -> None:
    asked = on_pod(subresource, {"apiVersion": "v1", "kind": options})
    assert reasons(judge(asked)) == {"POD_UNKNOWN"}
    assert judge(replace(asked, namespace="mcp")).findings == (), "no agents are there"


@pytest.mark.parametrize("subresource", [pytest.param("exec", id="B5-other-pod")])
def test_other_pods_are_not_our_business(subresource: str) -> None:
    other = running()
    other["metadata"] = {"name": "web-1", "namespace": "agents", "labels": {"app": "web"}}
    other["spec"]["serviceAccountName"] = "web"
    assert judge(on_pod(subresource, name="web-1"), view(other)).findings == ()


@pytest.mark.parametrize(
    "name", [pytest.param(n, id=f"B7-{n}") for n in ("research-1:8080", "https:research-1:8080")]
)
def test_proxies_write_the_port_into_the_name(name: str) -> None:
    assert reasons(judge(on_pod("proxy", name=name), view(running()))) == {"EXEC"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/run/agents/research-1/agent?cmd=id", {"EXEC"}, id="B7-nodes-run"),
        pytest.param("exec/agents/research-1/agent", {"EXEC"}, id="B7-nodes-exec"),
        pytest.param("/metrics", set(), id="B7-nodes-metrics"),
        pytest.param(None, set(), id="B7-nodes-nothing"),
    ],
)
def test_the_kubelets_own_paths_lead_into_pods_too(path: Json, expected: set[str]) -> None:
    body = {"apiVersion": "v1", "kind": "NodeProxyOptions", "path": path}
    asked = request(body, "CONNECT", resource="nodes", subresource="proxy")
    assert reasons(judge(replace(asked, name="node-1"), view(running()))) == expected


@pytest.mark.parametrize(
    "name", [pytest.param(n, id=f"B7-{n}") for n in ("front", "http:front:80")]
)
def test_a_service_leads_to_its_pods(name: str) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "front", "namespace": "agents"},
        "spec": {"selector": pod()["metadata"]["labels"]},
    }
    body = {"apiVersion": "v1", "kind": "ServiceProxyOptions"}
    asked = request(body, "CONNECT", resource="services", subresource="proxy")
    asked = replace(asked, namespace="agents", name=name)
    assert reasons(judge(asked, view(service))) == {"EXEC"}
    service["spec"] = {"selector": {"app": "web"}}
    assert judge(asked, view(service)).findings == ()


@pytest.mark.parametrize("replicas", [pytest.param(n, id=f"B8-{n}") for n in (0, 5, None)])
def test_a_scale_has_no_template(replicas: Json) -> None:
    body = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "research", "namespace": "agents"},
        "spec": {"replicas": replicas},
    }
    asked = request(body, "UPDATE", body, resource="deployments", subresource="scale")
    assert judge(asked).findings == ()


@pytest.mark.parametrize("limit", [pytest.param("512Mi", id="B9")])
def test_a_pod_may_be_resized(limit: str) -> None:
    new = running()
    new["spec"]["containers"][0]["resources"]["limits"]["memory"] = limit
    asked = request(new, "UPDATE", running(), resource="pods", subresource="resize")
    assert judge(asked).findings == ()


@pytest.mark.parametrize("device", [pytest.param("example.com/kvm", id="B9-device")])
def test_a_resize_gives_no_device(device: str) -> None:
    new = running()
    new["spec"]["containers"][0]["resources"]["limits"][device] = "1"
    asked = request(new, "UPDATE", running(), resource="pods", subresource="resize")
    assert reasons(judge(asked)) == {"DEVICES"}


@pytest.mark.parametrize("user", [pytest.param(NODE, id="B10")])
def test_a_status_says_nothing_of_the_spec(user: str) -> None:
    old = running()
    old["spec"]["hostNetwork"] = True  # from before the webhook
    new = copy.deepcopy(old)
    new["status"]["phase"] = "Running"
    asked = request(new, "UPDATE", old, resource="pods", subresource="status", user=user)
    assert judge(asked).allowed


@pytest.mark.parametrize(
    "name", [pytest.param("Deployment", id="B11"), pytest.param("Pod", id="B11-pod")]
)
def test_an_agent_may_go(name: str) -> None:
    old = in_kind(kind(name), pod())
    assert judge(request(None, "DELETE", old)).allowed


@pytest.mark.parametrize(
    ("user", "is_allowed"),
    [
        pytest.param("someone", False, id="B12"),
        pytest.param(next(iter(SETTINGS.operators)), True, id="B12-operator"),
    ],
)
def test_what_the_compiler_made_stays(user: str, is_allowed: bool) -> None:
    policies = [body for body in cluster() if body["kind"] == "NetworkPolicy"]
    assert policies
    for policy in policies:
        asked = request(None, "DELETE", policy, user=user)
        verdict = judge(asked)
        seen = {f.reason for f in verdict.findings}
        assert ("GENERATED_OBJECT" in seen) != is_allowed


def token(user: str, groups: tuple[str, ...] = (), account: str = "research") -> Request:
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "metadata": {"name": account, "namespace": "agents"},
        "spec": {"audiences": []},
    }
    return request(body, resource="serviceaccounts", subresource="token", user=user, groups=groups)


@pytest.mark.parametrize(
    ("user", "groups", "expected"),
    [
        pytest.param("someone", ("system:masters",), {"TOKEN_REQUEST"}, id="B13"),
        pytest.param(NODE, (), {"TOKEN_REQUEST"}, id="B13-only-named-like-a-node"),
        pytest.param(NODE, ("system:nodes",), set(), id="B13-node"),
        pytest.param(next(iter(SETTINGS.operators)), (), set(), id="B13-operator"),
    ],
)
def test_who_gets_a_token_of_an_agent(
    user: str, groups: tuple[str, ...], expected: set[str]
) -> None:
    assert reasons(judge(token(user, groups))) == expected
    assert judge(token(user, groups, account="web")).findings == ()


@pytest.mark.parametrize(
    ("kind_of_secret", "expected"),
    [
        pytest.param("kubernetes.io/service-account-token", {"TOKEN_REQUEST"}, id="B13-secret"),
        pytest.param("Opaque", set(), id="B13-other-secret"),
    ],
)
def test_a_secret_may_be_a_request_for_a_token(kind_of_secret: str, expected: set[str]) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "x",
            "namespace": "agents",
            "annotations": {"kubernetes.io/service-account.name": "research"},
        },
        "type": kind_of_secret,
    }
    assert reasons(judge(request(body))) == expected


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param("someone", {("BINDING", Level.NOTE)}, id="B14"),
        pytest.param("system:kube-scheduler", set(), id="B14-scheduler"),
    ],
)
def test_a_binding_by_hand_is_recorded(user: str, expected: set[object]) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "research-1", "namespace": "agents"},
        "target": {"kind": "Node", "name": "node-1"},
    }
    for resource, subresource in (("pods", "binding"), ("bindings", "")):
        asked = request(body, resource=resource, subresource=subresource, user=user)
        verdict = judge(asked, view(running()))
        assert verdict.allowed
        assert {(f.reason, f.level) for f in verdict.findings} == expected


def bound(name: str = "research-1", **metadata: Json) -> Json:
    """A Binding; its metadata goes over that of the pod."""
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name, "namespace": "agents", **metadata},
        "target": {"kind": "Node", "name": "node-1"},
    }


def told(body: Json, *there: Json, user: str = "someone") -> set[str]:
    asked = request(body, resource="pods", subresource="binding", user=user)
    return reasons(judge(asked, view(*there)))


@pytest.mark.parametrize("user", ["someone", "system:kube-scheduler"])
def test_a_binding_does_not_relabel_an_agent(user: str) -> None:
    """B14: what it brings is judged as the update of the pod that it is."""
    off = bound(labels={"policyc.dev/agent": "nobody"})
    assert told(off, running(), user=user) >= {"LABEL_ESCAPE", "DISGUISE"}
    assert told(bound(labels={"host": ""}), running(), user=user) == {"CNI_KNOWN_BUG"}
    more = bound(annotations={"policyc.dev/tools": "shell_exec"})
    assert told(more, running(), user=user) == {"TOOL"}
    assert told(bound(labels={"team": "a"}), running(), user=user) == set()
    zone = {"topology.kubernetes.io/zone": "a", "topology.kubernetes.io/region": "b"}
    assert told(bound(labels=zone), running(), user=user) == set()


def test_a_binding_makes_no_pod_an_agent() -> None:
    plain = {**running(), "metadata": {"name": "web-1", "namespace": "agents", "labels": {}}}
    plain["spec"] = {**plain["spec"], "serviceAccountName": "web"}
    assert told(bound("web-1"), plain) == set()
    assert told(bound("web-1", labels={"policyc.dev/agent": "research"}), plain)


def test_a_binding_of_a_pod_that_is_not_known() -> None:
    """The cache may lag behind the scheduler: only what says more than a node is refused."""
    assert told(bound()) == set()
    assert told(bound(labels={"topology.kubernetes.io/zone": "a"})) == set()
    assert told(bound(labels={"a": "b"})) == told(bound(annotations={"a": "b"})) == {"POD_UNKNOWN"}


@pytest.mark.parametrize("force", [pytest.param(True, id="B15")])
def test_an_apply_that_creates_is_a_creation(force: bool) -> None:
    body = in_kind(kind("Deployment"), pod())
    body["spec"]["template"]["spec"]["hostPID"] = True
    options: Json = {"apiVersion": "meta.k8s.io/v1", "kind": "PatchOptions", "force": force}
    assert reasons(judge(replace(request(body), options=options))) == {"HOST_PID"}


@pytest.mark.parametrize("key", [pytest.param("kubectl.kubernetes.io/restartedAt", id="B16")])
def test_a_restart_of_a_good_one(key: str) -> None:
    old = in_kind(kind("Deployment"), pod())
    new = copy.deepcopy(old)
    new["spec"]["template"]["metadata"]["annotations"] = {key: "2026-09-01T00:00:00Z"}
    assert judge(request(new, "UPDATE", old)).findings == ()


def bad() -> Json:
    """A Deployment from before the webhook."""
    body = in_kind(kind("Deployment"), pod())
    body["metadata"]["finalizers"] = ["example.com/hold"]
    body["spec"]["replicas"] = 1
    body["spec"]["template"]["spec"]["hostNetwork"] = True
    return body


def relabel(body: Json) -> None:
    body["metadata"]["labels"] = {"team": "a"}


def let_go(body: Json) -> None:
    body["metadata"]["finalizers"] = []


def scale_down(body: Json) -> None:
    body["spec"]["replicas"] = 0


def end(body: Json) -> None:
    body["metadata"]["deletionTimestamp"] = "2026-09-01T00:00:00Z"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(change, id=f"B17-{change.__name__}")
        for change in (relabel, let_go, scale_down, end)
    ],
)
def test_what_was_bad_before_can_be_cleaned_up(change: object) -> None:
    new = bad()
    change(new)  # type: ignore[operator]  # one of the functions above
    verdict = judge(request(new, "UPDATE", bad()))
    assert verdict.allowed
    assert {f.reason for f in verdict.warnings} == {"HOST_NET"}


def another_container(body: Json) -> None:
    containers = body["spec"]["template"]["spec"]["containers"]
    containers.append({**copy.deepcopy(containers[0]), "name": "more", "image": OTHER})


def more_of_it(body: Json) -> None:
    body["spec"]["template"]["spec"]["hostPID"] = True


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(another_container, {"IMAGE"}, id="B18-container"),
        pytest.param(more_of_it, {"HOST_PID"}, id="B18-field"),
    ],
)
def test_but_not_made_worse(change: object, expected: set[str]) -> None:
    new = bad()
    change(new)  # type: ignore[operator]  # one of the functions above
    assert reasons(judge(request(new, "UPDATE", bad()))) == expected


@pytest.mark.parametrize("value", [pytest.param(["8.8.8.8", "9.9.9.9"], id="B18-same-field")])
def test_nor_worse_in_the_same_place(value: Json) -> None:
    old, new = running(), running()
    old["spec"]["dnsConfig"] = {"nameservers": value[:1]}
    new["spec"]["dnsConfig"] = {"nameservers": value}
    assert reasons(judge(request(new, "UPDATE", old))) == {"DNS"}


def privileged(agent: str) -> Json:
    body = in_kind(kind("Deployment"), pod(agent))
    spec = body["spec"]["template"]["spec"]
    spec["containers"][0]["securityContext"]["privileged"] = True
    body["metadata"]["name"] = "other"
    return body


@pytest.mark.parametrize("stage", [pytest.param("audit", id="B18-another-agent")])
def test_what_one_agent_was_warned_of_another_one_is_refused(stage: str) -> None:
    before = judge(request(privileged("digest")))
    assert (before.stage, before.allowed) == (stage, True)
    after = judge(request(privileged("research"), "UPDATE", privileged("digest")))
    assert "PRIVILEGED" in reasons(after)


LONG = "x" * 90


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        pytest.param("AGENT_TOOLS", LONG + "a", LONG + "b", "TOOL", id="B18-long-tool"),
        pytest.param(
            "API_URL",
            f"https://{LONG[:60]}.{LONG[:30]}.example.com",
            f"https://{LONG[:60]}.{LONG[:30]}.example.org",
            "EGRESS",
            id="B18-long-host",
        ),
        pytest.param("GITHUB_TOOLSETS", "repos", "all", "ALL_TOOLS", id="B18-toolset"),
        pytest.param("LD_PRELOAD", "/a.so", "/b.so", "RUNTIME_OVERRIDE", id="B18-runtime"),
    ],
)
def test_nor_another_value_that_looks_the_same(
    name: str, old: str, new: str, expected: str
) -> None:
    def given(value: str) -> Json:
        body = in_kind(kind("Deployment"), pod())
        container = body["spec"]["template"]["spec"]["containers"][0]
        container["env"] = [{"name": name, "value": value}]
        return body

    assert reasons(judge(request(given(new), "UPDATE", given(old)))) == {expected}
    assert judge(request(given(old), "UPDATE", given(old))).allowed


@pytest.mark.parametrize("script", [pytest.param("exec evil", id="B18-script")])
def test_nor_another_script(script: str) -> None:
    def given(text: str) -> Json:
        body = in_kind(kind("Deployment"), pod())
        body["spec"]["template"]["spec"]["containers"][0]["args"] = ["sh", "-c", text]
        return body

    assert reasons(judge(request(given(script), "UPDATE", given("exec agent")))) == {
        "SHELL_WRAPPER"
    }
    assert judge(request(given(script), "UPDATE", given(script))).allowed


@pytest.mark.parametrize("finalizers", [pytest.param(["example.com/hold"], id="B19")])
def test_a_pod_that_is_being_deleted_runs_until_it_is_gone(finalizers: Json) -> None:
    old = running()
    old["metadata"] |= {"deletionTimestamp": "2026-09-01T00:00:00Z", "finalizers": finalizers}
    new = copy.deepcopy(old)
    new["spec"]["containers"][0]["image"] = OTHER
    assert reasons(judge(request(new, "UPDATE", old))) == {"IMAGE"}


@pytest.mark.parametrize("operation", [pytest.param("UPDATE", id="B20")])
def test_the_new_object_decides(operation: str) -> None:
    new = bad()
    old = in_kind(kind("Deployment"), pod())
    assert reasons(judge(request(new, operation, old))) == {"HOST_NET"}
    assert judge(request(old, operation, new)).findings == ()


@pytest.mark.parametrize("body", [pytest.param(bad, id="B21")])
def test_a_dry_run_has_the_same_answer(body: object) -> None:
    asked = request(body())  # type: ignore[operator]  # the function above
    assert judge(replace(asked, dry_run=True)) == judge(asked)
    assert not judge(asked).allowed


@pytest.mark.parametrize("body", [pytest.param(bad, id="B22")])
def test_the_same_request_again_has_the_same_answer(body: object) -> None:
    asked = request(body())  # type: ignore[operator]  # the function above
    assert judge(asked) == judge(copy.deepcopy(asked))
    assert judge(asked).uid == asked.uid


@pytest.mark.parametrize("operation", [pytest.param(o, id=f"B11-{o.value}") for o in Operation])
def test_a_request_without_objects_is_answered(operation: Operation) -> None:
    asked = replace(request(pod()), operation=operation, object=None, old=None)
    assert judge(asked).uid == asked.uid
