"""Group B on a real API server: operations other than creation, and subresources."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from support.admission import IMAGE, Json, in_kind, kind, pod, request
from support.catalogue import case, of
from support.guarded import EMERGENCY, Guarded, Said, said, served
from support.kube_paths import collection, path_of
from support.webhook import review
from support.widening import AGENT, body

pytestmark = pytest.mark.e2e
__all__ = ["case"]

OTHER = "registry.other.example/x@sha256:" + "cd" * 32
KNOWN = "research-b"
HELD = "example.com/hold"


def agent(name: str = KNOWN, **spec: Json) -> Json:
    made = pod()
    made["metadata"]["name"] = name
    made["spec"] |= spec
    return made


def deployment(name: str, **spec: Json) -> Json:
    """The agent's Deployment, without pods; another name, since its account says who it is."""
    made = in_kind(kind("Deployment"), agent("research-1", **spec))
    made["metadata"]["name"] = name
    made["spec"]["replicas"] = 0
    return made


@pytest.fixture(scope="module")
def prepared(guarded: Guarded) -> Iterator[Guarded]:
    """With a good pod, a good Deployment, a pod that is no agent, and bad ones from before."""
    web = body("Pod", "web-1", "agents", spec={"serviceAccountName": "web", "containers": [{"name": "c", "image": "x"}]})  # fmt: skip
    bad = deployment("research-bad", hostNetwork=True)
    bad["metadata"]["finalizers"] = [HELD]
    ending = agent("research-ending")
    ending["metadata"]["finalizers"] = [HELD]
    there = [agent(), deployment("research-good"), web]
    with guarded.holding(*there, judged=True):
        with guarded.unguarded():
            guarded.store([bad, ending])
            assert guarded.plane.admin.delete(path_of(ending)).status == 200
        yield guarded
        with guarded.unguarded():
            for one in (bad, ending):
                guarded.plane.admin.request("PATCH", path_of(one), {"metadata": {"finalizers": []}})
            guarded.remove([bad])


def first_image(image: str) -> Json:
    return {"spec": {"containers": [{"name": "agent", "image": image}]}}


def strategic(guarded: Guarded, stored: Json, change: Json) -> Said:
    """A strategic merge patch: containers are told by their names."""
    headers = {"Content-Type": "application/strategic-merge-patch+json"}
    return guarded.ask(change, path=path_of(stored), method="PATCH", headers=headers)


@of("B1")
def test_a_running_pod_may_not_change_its_image(prepared: Guarded) -> None:
    assert strategic(prepared, agent(), first_image(OTHER)).denied == {"IMAGE"}
    other_tag = first_image(IMAGE.replace("@", ":2@"))
    assert strategic(prepared, agent(), other_tag).is_admitted


def with_ephemeral(**more: Json) -> Json:
    good = copy.deepcopy(pod()["spec"]["containers"][0])
    del good["resources"]
    return {"spec": {"ephemeralContainers": [{**good, "name": "debug", **more}]}}


def add_ephemeral(guarded: Guarded, user: str, **more: Json) -> Said:
    client = guarded.as_user(user)
    change = with_ephemeral(**more)
    return guarded.patch(agent(), change, subresource="ephemeralcontainers", client=client)


@of("B2")
def test_nobody_adds_a_container_to_a_running_agent(prepared: Guarded) -> None:
    for image in (IMAGE, OTHER):
        assert "EPHEMERAL" in add_ephemeral(prepared, "someone", image=image).denied
        answer = add_ephemeral(prepared, EMERGENCY, image=image)
        assert answer.is_admitted, answer


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        pytest.param({"seccompProfile": {"type": "Unconfined"}}, "SECCOMP_TYPE", id="B3-unconfined"),
        pytest.param({"privileged": True, "allowPrivilegeEscalation": True}, "PRIVILEGED", id="B3-privileged"),
        pytest.param({"capabilities": {"drop": ["ALL"], "add": ["SYS_PTRACE"]}}, "CAPABILITY", id="B3-ptrace"),
    ],
)  # fmt: skip
def test_no_emergency_makes_an_unconfined_container(
    prepared: Guarded, context: Json, reason: str
) -> None:
    good = pod()["spec"]["containers"][0]["securityContext"]
    for user in ("someone", EMERGENCY):
        answer = add_ephemeral(prepared, user, securityContext={**good, **context})
        assert reason in answer.denied, answer


@of("B4")
def test_the_old_kind_of_the_subresource(prepared: Guarded) -> None:
    """An API server of today knows it no more; one of 1.21 would send it."""
    made = body("EphemeralContainers", KNOWN, "agents", ephemeralContainers=[{"name": "debug"}])
    path = f"{path_of(agent())}/ephemeralcontainers"
    assert prepared.ask(made, path=path, method="PUT").is_invalid
    asked = request(made, "UPDATE", made, resource="pods", subresource="ephemeralcontainers")
    assert prepared.webhook.post(review(asked)).reasons == {"EPHEMERAL"}


WAYS_IN = {
    "B5": ("exec", {"command": "id", "stdout": "true"}),
    "B6": ("attach", {"stdout": "true"}),
    "B7-portforward": ("portforward", {"ports": "80"}),
    "B7-proxy": ("proxy/", {}),
}


def reach(guarded: Guarded, path: str, user: str = "someone", method: str = "GET", **query: str) -> Said:  # fmt: skip
    return said(guarded.as_user(user).request(method, path, query=query))


@pytest.mark.parametrize(("way", "query"), [pytest.param(*w, id=i) for i, w in WAYS_IN.items()])
def test_nobody_reaches_into_a_running_agent(
    prepared: Guarded, way: str, query: dict[str, str]
) -> None:
    """Admission comes before the kubelet, of which there is none here."""
    for method in ("GET", "POST"):
        inside = f"{path_of(agent())}/{way}"
        prepared.denied(lambda p=inside, m=method: reach(prepared, p, method=m, **query), "EXEC")
        assert not reach(prepared, inside, EMERGENCY, method, **query).denied
        elsewhere = path_of(body("Pod", "web-1", "agents"))
        assert not reach(prepared, f"{elsewhere}/{way}", method=method, **query).denied


@pytest.mark.parametrize(
    ("path", "denied"),
    [
        pytest.param(f"/api/v1/nodes/node-1/proxy/run/agents/{KNOWN}/agent", {"EXEC"}, id="B7-nodes-run"),
        pytest.param("/api/v1/nodes/node-1/proxy/metrics", set(), id="B7-nodes-metrics"),
        pytest.param("/api/v1/namespaces/agents/services/front/proxy/", {"EXEC"}, id="B7-service"),
    ],
)  # fmt: skip
def test_nor_by_a_way_round(prepared: Guarded, path: str, denied: set[str]) -> None:
    labels = agent()["metadata"]["labels"]
    service = body("Service", "front", "agents", spec={"selector": labels, "ports": [{"port": 80}]})
    node = body("Node", "node-1")
    with prepared.holding(service, node, judged=True):
        prepared.eventually(lambda: reach(prepared, path), lambda answer: answer.denied == denied)


@of("B8")
def test_a_scale_has_no_template(prepared: Guarded) -> None:
    for replicas in (0, 5):
        change = {"spec": {"replicas": replicas}}
        answer = prepared.patch(deployment("research-good"), change, subresource="scale")
        assert answer.is_admitted, answer


def resized(**limits: str) -> Json:
    return {"spec": {"containers": [{"name": "agent", "resources": {"limits": limits, "requests": limits}}]}}  # fmt: skip


@of("B9")
def test_a_pod_may_be_resized(prepared: Guarded) -> None:
    """A device is refused by the API server itself, which resizes memory and processors only."""
    for limits, is_admitted in (({"memory": "512Mi"}, True), ({"example.com/kvm": "1"}, False)):
        answer = prepared.ask(
            resized(**limits),
            path=f"{path_of(agent())}/resize",
            method="PATCH",
            headers={"Content-Type": "application/strategic-merge-patch+json"},
        )
        assert (answer.is_admitted, answer.is_invalid) == (is_admitted, not is_admitted), answer


@of("B10")
def test_a_status_says_nothing_of_the_spec(prepared: Guarded) -> None:
    change = {"status": {"phase": "Running"}}
    answer = prepared.patch(agent(), change, subresource="status")
    assert answer.is_admitted and not answer.warned, answer


@of("B11")
def test_an_agent_may_go(prepared: Guarded) -> None:
    assert prepared.delete(deployment("research-good")).is_admitted
    assert prepared.delete(agent()).is_admitted


@of("B13")
def test_nobody_gets_an_agents_token(prepared: Guarded) -> None:
    asked = body("TokenRequest", "", "", "authentication.k8s.io/v1", spec={})
    path = "/api/v1/namespaces/agents/serviceaccounts/{}/token"
    assert prepared.ask(asked, path=path.format("research")).denied == {"TOKEN_REQUEST"}
    assert prepared.ask(asked, path=path.format("admin")).is_admitted
    secret = body(
        "Secret",
        "token",
        "agents",
        type="kubernetes.io/service-account-token",
        metadata={"annotations": {"kubernetes.io/service-account.name": AGENT["name"]}},
    )
    assert prepared.ask(secret).denied == {"TOKEN_REQUEST"}
    assert prepared.ask(body("Secret", "plain", "agents", data={})).is_admitted


def bind(guarded: Guarded, **metadata: Json) -> list[Said]:
    """By both ways that the API server has."""
    target = {"apiVersion": "v1", "kind": "Node", "name": "node-1"}
    made = body("Binding", KNOWN, "agents", target=target, metadata=metadata)
    paths = (f"{path_of(agent())}/binding", "/api/v1/namespaces/agents/bindings")
    return [guarded.ask(made, path=path) for path in paths]


@of("B14")
def test_a_binding_by_hand_is_admitted_and_recorded(prepared: Guarded) -> None:
    assert all(answer.is_admitted for answer in bind(prepared))
    for place in ({"resource": "bindings"}, {"resource": "pods", "subresource": "binding"}):
        noted = prepared.decisions(**place, verdict="allow")
        assert {tuple(record["codes"]) for record in noted} == {("BINDING:note",)}


@of("B14-labels")
def test_a_binding_does_not_take_an_agent_out_of_its_policies(prepared: Guarded) -> None:
    """The API server gives the pod the labels and annotations of its Binding."""
    for answer in bind(prepared, labels={"policyc.dev/agent": "nobody"}):
        assert answer.denied >= {"LABEL_ESCAPE", "DISGUISE"}, answer
    for answer in bind(prepared, annotations={"policyc.dev/tools": "shell_exec"}):
        assert answer.denied == {"TOOL"}, answer
    assert all(answer.is_admitted for answer in bind(prepared, labels={"team": "a"}))


@of("B15")
def test_an_apply_that_creates_is_a_creation(prepared: Guarded) -> None:
    for made, denied in ((deployment("research-new", hostPID=True), {"HOST_PID"}), (deployment("research-new"), set())):  # fmt: skip
        answer = said(prepared.plane.admin.apply(path_of(made), served(made), force="true", dryRun="All"))  # fmt: skip
        assert answer.denied == denied and answer.is_admitted == (not denied), answer


@of("B16")
def test_a_restart_of_a_good_one(prepared: Guarded) -> None:
    note = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-09-01T00:00:00Z"}}}  # fmt: skip
    for change in (note, {"spec": {"template": note}}):
        answer = prepared.patch(deployment("research-good"), change)
        assert answer.is_admitted and not answer.warned, answer


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"metadata": {"labels": {"team": "a"}}}, id="B17-relabel"),
        pytest.param({"metadata": {"finalizers": []}}, id="B17-let-go"),
        pytest.param({"spec": {"replicas": 0, "paused": True}}, id="B17-scale-down"),
    ],
)
def test_what_was_bad_before_can_be_cleaned_up(prepared: Guarded, change: Json) -> None:
    answer = prepared.patch(deployment("research-bad"), change)
    assert answer.is_admitted, answer
    assert answer.warned == (set() if "finalizers" in str(change) else {"HOST_NET"})


@of("B18")
def test_but_not_made_worse(prepared: Guarded) -> None:
    worse = {"spec": {"template": {"spec": {"hostPID": True}}}}
    assert prepared.patch(deployment("research-bad"), worse).denied == {"HOST_PID"}
    first = deployment("")["spec"]["template"]["spec"]["containers"][0]
    more = {"spec": {"template": {"spec": {"containers": [first, {**first, "name": "more", "image": OTHER}]}}}}  # fmt: skip
    assert prepared.patch(deployment("research-bad"), more).denied == {"IMAGE"}


@of("B19")
def test_a_pod_that_is_being_deleted_runs_until_it_is_gone(prepared: Guarded) -> None:
    ending = agent("research-ending")
    assert prepared.plane.admin.get(path_of(ending)).body["metadata"]["deletionTimestamp"]
    assert strategic(prepared, ending, first_image(OTHER)).denied == {"IMAGE"}


@of("B20")
def test_the_new_object_decides(prepared: Guarded) -> None:
    spec = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
    assert prepared.patch(deployment("research-good"), spec).denied == {"HOST_NET"}
    spec["spec"]["template"]["spec"]["hostNetwork"] = False
    assert prepared.patch(deployment("research-bad"), spec).is_admitted


@of("B21")
def test_a_dry_run_has_the_same_answer_and_is_marked(prepared: Guarded) -> None:
    made = agent("research-dry", hostIPC=True)
    dry = prepared.ask(made)
    real = said(prepared.plane.admin.create(collection(made), made))
    assert dry.denied == real.denied == {"HOST_IPC"}
    assert dry.message == real.message

    prepared.eventually(
        lambda: [
            r.get("dryRun") for r in prepared.decisions(name="research-dry", webhook="validate")
        ],
        lambda marks: marks == [True, None],
    )


@of("B22")
def test_the_same_review_again_has_the_same_answer_and_is_marked(prepared: Guarded) -> None:
    """As a replayed one would be: the API server gives every review a uid of its own."""
    asked = review(request(agent("research-again", hostIPC=True)), uid="again")
    first, second = prepared.webhook.post(asked), prepared.webhook.post(asked)
    assert first.reasons == second.reasons == {"HOST_IPC"}
    prepared.eventually(
        lambda: [r.get("repeat") for r in prepared.decisions(uid="again")],
        lambda marks: marks == [None, True],
    )
