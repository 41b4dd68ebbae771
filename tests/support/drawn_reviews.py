"""AdmissionReviews of every kind, operation and subresource, drawn at random with their cluster.

A drawn review is what an API server would send: the old object is the one that the cluster
holds, a new one is not there yet.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

from policyc.core.strict_json import loads
from support.admission import USER, cluster, files, in_kind, kind, pod
from support.drawn_objects import (
    DRAWN,
    NAMES,
    a_binding,
    a_config_map,
    a_policy,
    a_role,
    a_service,
    an_account,
)
from support.drawn_pods import changed, some_pod
from support.oracle.pods import template_of
from support.oracle.world import World, space_of

Json = Any  # objects that are built and broken
OPERATOR = "system:serviceaccount:policyc-system:policyc"
BREAK_GLASS = "oncall"
CONTROLLER = "system:serviceaccount:kube-system:"
USERS = (
    *[USER] * 12,
    OPERATOR,
    BREAK_GLASS,
    CONTROLLER + "namespace-controller",
    "system:kube-controller-manager",
    CONTROLLER + "endpointslice-controller",
    CONTROLLER + "service-controller",
    CONTROLLER + "replicaset-controller",
    "system:node:worker-1",
)
PLURALS = {"NetworkPolicy": "networkpolicies", "Endpoints": "endpoints", "CiliumNetworkPolicy": "ciliumnetworkpolicies", "Sandbox": "sandboxes"}  # fmt: skip
CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding", "Namespace")
ENVELOPES: dict[str, Json] = {
    path.partition("/")[0]: loads(data)
    for path, data in files().items()
    if path.endswith("/envelope.json")
}
BASE = tuple(cluster())


def a_world(rng: random.Random) -> World:
    """The cluster in which the agents run as they should, and what somebody added to it."""
    world = World(BASE, ENVELOPES, operators=frozenset({OPERATOR}), break_glass=frozenset({BREAK_GLASS}))  # fmt: skip
    for _ in range(rng.choice((0, 1, 2, 3))):
        drawn = rng.choice((a_role, a_binding, a_policy, a_service, an_account, a_config_map, _running, _running))  # fmt: skip
        body = drawn(rng)
        world = _with(_where_it_matters(rng, world, body), body)
    if rng.random() < 0.05:
        space = copy.deepcopy(world.get("Namespace", "", "agents"))
        space["metadata"]["deletionTimestamp"] = "2026-09-01T00:00:00Z"
        world = _with(world, space)
    return world


def _with(world: World, body: Json) -> World:
    return world.holding(body["kind"], space_of(body), body["metadata"]["name"], body)


def _running(rng: random.Random) -> Json:
    """A pod that runs: an agent's, maybe with labels of its own, or somebody's."""
    made = pod(rng.choice(("research", "summary", "digest")))
    made["metadata"]["name"] = rng.choice(NAMES)
    labels = made["metadata"]["labels"]
    if rng.random() < 0.6:
        labels["app"] = rng.choice("az")
    if rng.random() < 0.2:
        labels.pop("policyc.dev/agent")
    if rng.random() < 0.2:
        made["spec"]["serviceAccountName"] = "web"
    if rng.random() < 0.4:
        made["spec"]["containers"][0]["env"] = [_from_config_map()]
    return made


def _from_config_map() -> Json:
    reference = {"name": "tools", "key": "tools"}
    return {"name": "AGENT_TOOLS", "valueFrom": {"configMapKeyRef": reference}}


ASKS: tuple[Json, ...] = (
    {"name": "AGENT_TOOLS", "value": "web_search"},
    {"name": "AGENT_TOOLS", "value": "read_file, web_search"},
    {"name": "AGENT_TOOLS", "value": "read_file,shell_exec"},
    _from_config_map(),
    {"name": "AGENT_TOOLS", "valueFrom": {"secretKeyRef": {"name": "tools", "key": "tools"}}},
    {"name": "AGENT_TOOLS", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['tools']"}}},
    {"name": "MODEL", "value": "anthropic/claude-sonnet"},
    {"name": "MODEL", "value": "openai/gpt-5"},
    {"name": "API_URL", "value": "https://api.example.com/v1"},
    {"name": "API_URL", "value": "https://other.example.org/v1"},
)
CLAIMS = (("agent", "research"), ("agent", "summary"), ("class", "research-agents"), ("class", "x"), ("tier", "low"), ("tier", "high"))  # fmt: skip


def _beyond(rng: random.Random, body: Json) -> None:
    """A change to what a workload says and asks for beside its pod's security."""
    template = template_of(body)
    if rng.random() < 0.5:
        container = rng.choice(template["spec"]["containers"])
        container.setdefault("env", []).append(copy.deepcopy(rng.choice(ASKS)))
        return
    where = rng.choice((template, body)).setdefault("metadata", {})
    claim, said = rng.choice(CLAIMS)
    labels = rng.choice(({f"policyc.dev/{claim}": said}, {"app": rng.choice("az")}, {"host": ""}))
    texts = where.setdefault(rng.choice(("labels", "annotations")), {})
    if rng.random() < 0.3 and texts:
        texts.pop(rng.choice(sorted(texts)))
    elif rng.random() < 0.1:
        where.setdefault("annotations", {})["kubernetes.io/config.mirror"] = "x"
    else:
        texts.update(labels)


def _workload(rng: random.Random) -> Json:
    made = some_pod(rng, ("extra",))
    if rng.random() < 0.05:
        made = in_kind(kind("CronJob"), pod("digest"))
        if rng.random() < 0.3:  # dressed up as an agent of a stricter stage
            template_of(made)["metadata"]["labels"] = dict(pod("research")["metadata"]["labels"])
    if rng.random() < 0.1:
        template_of(made)["spec"]["volumes"] = [{"name": "h", "hostPath": {"path": "/var/lib/kubelet/seccomp/policyc"}}]  # fmt: skip
        template_of(made)["spec"]["serviceAccountName"] = "web"
        template_of(made)["metadata"]["labels"] = {}
    if rng.random() < 0.5:
        _beyond(rng, made)
    return made


def _edited(rng: random.Random, old: Json) -> Json:
    new = copy.deepcopy(old)
    for _ in range(rng.randrange(3)):
        if rng.random() < 0.5:
            changed(rng, template_of(new)["spec"])
        else:
            _beyond(rng, new)
    return new


def _user(rng: random.Random) -> Json:
    name = rng.choice(USERS)
    groups = ["system:authenticated", *(["system:nodes"] if "node:" in name else [])]
    return {"username": name, "groups": groups}


def _request(rng: random.Random, operation: str, new: Json, old: Json, **fields: Json) -> Json:
    """The request of a review, its members as in k8s.io/api/admission/v1."""
    subject = new if new is not None else old
    group, _, version = ("/" + subject["apiVersion"]).rpartition("/")
    group = group.strip("/")
    plural = PLURALS.get(subject["kind"], subject["kind"].lower() + "s")
    named = {"group": group, "version": version, "kind": subject["kind"]}
    made = {
        "uid": f"3f0c9d3e-0000-4000-8000-{rng.randrange(16**6):012x}",
        "kind": named,
        "resource": {"group": group, "version": version, "resource": plural},
        "subResource": "",
        "requestKind": named,
        "name": subject["metadata"].get("name", ""),
        "namespace": space_of(subject),
        "operation": operation,
        "userInfo": _user(rng),
        "object": copy.deepcopy(new),
        "oldObject": copy.deepcopy(old),
        "dryRun": rng.random() < 0.1,
        "options": None,
    }
    if subject["kind"] == "Namespace":
        made["namespace"] = subject["metadata"]["name"]
    return made | fields


def of_workloads(rng: random.Random, world: World) -> tuple[Json, World]:
    body = _workload(rng)
    if rng.random() < 0.5:
        return _request(rng, "CREATE", body, None), world
    if rng.random() < 0.1:
        return _request(rng, "DELETE", None, body), world
    new = _edited(rng, body)
    if body["kind"] != "Pod" or rng.random() < 0.5:
        return _request(rng, "UPDATE", new, body), world
    if rng.random() < 0.3:
        new = {**copy.deepcopy(body), "status": {"phase": "Running"}}
        if rng.random() < 0.7:
            new["metadata"]["labels"] = rng.choice(({}, {"app": "a"}, {**new["metadata"]["labels"], "app": "z"}))  # fmt: skip
        return _request(rng, "UPDATE", new, body, subResource="status"), world
    if rng.random() < 0.5:
        new = copy.deepcopy(body)
        extra = {**copy.deepcopy(new["spec"]["containers"][0]), "name": "debug"}
        new["spec"]["ephemeralContainers"] = [extra]
        return _request(rng, "UPDATE", new, body, subResource="ephemeralcontainers"), world
    new = copy.deepcopy(body)
    new["spec"]["containers"][0]["resources"] = {"limits": {"memory": "2Gi"}}
    return _request(rng, "UPDATE", new, body, subResource="resize"), world


def of_objects(rng: random.Random, world: World) -> tuple[Json, World]:
    """An object of a kind around agents comes, changes or goes; often one that was generated."""
    drawn = rng.choice(DRAWN)
    body = drawn(rng)
    if rng.random() < 0.6:
        world = _where_it_matters(rng, world, body)
    old = world.get(body["kind"], space_of(body), body["metadata"]["name"])
    if rng.random() < 0.3:
        mine = [o for o in BASE if o["kind"] == body["kind"] and "annotations" in o["metadata"]]
        old = rng.choice(mine) if mine else old
    if old is None and rng.random() < 0.3:
        before = drawn(rng)
        old = {**before, "metadata": body["metadata"]} if before["kind"] == body["kind"] else None
    if old is None:
        return _request(rng, "CREATE", body, None), world
    world = _with(world, old)
    if rng.random() < 0.2:
        return _request(rng, "DELETE", None, old), world
    new = _merged(rng, old, body)
    status = "status" if new["kind"] == "Service" and rng.random() < 0.5 else ""
    if new["kind"] == "Namespace":
        status = rng.choice(("", "status", "finalize"))
    elif status:
        new = {**copy.deepcopy(old), "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}
    return _request(rng, "UPDATE", new, old, subResource=status), world


def _where_it_matters(rng: random.Random, world: World, body: Json) -> World:
    """The cluster with something that an object is for: a role is bound, a ConfigMap read."""
    name = body["metadata"]["name"]
    if body["kind"] in ("Role", "ClusterRole"):
        bound = a_binding(rng)
        if bound["kind"] == "RoleBinding" and body["kind"] == "Role":
            bound["metadata"]["namespace"] = space_of(body)
        kind_ = "ClusterRole" if bound["kind"] == "ClusterRoleBinding" else body["kind"]
        return _with(world, bound | {"roleRef": {**bound["roleRef"], "kind": kind_, "name": name}})
    if body["kind"].endswith("Binding"):
        given = a_role(rng)
        given["metadata"]["name"] = body["roleRef"]["name"]
        body["roleRef"]["kind"] = given["kind"] if space_of(body) else "ClusterRole"
        return _with(world, given)
    if body["kind"] == "ConfigMap":
        reader = _running(rng)
        reader["spec"]["containers"][0]["env"] = [_from_config_map()]
        return _with(world, reader)
    if body["kind"] == "Namespace":
        policy = a_policy(rng)
        policy["spec"]["egress"] = [{"to": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]}]
        return _with(world, policy)
    return world


def _merged(rng: random.Random, old: Json, body: Json) -> Json:
    """The old object with some fields of another of its kind."""
    new = copy.deepcopy(old)
    for key in body:
        if key not in ("apiVersion", "kind", "metadata", "roleRef") and rng.random() < 0.7:
            new[key] = copy.deepcopy(body[key])
    for key in ("labels", "annotations"):
        texts = body["metadata"].get(key, {})
        if rng.random() < 0.4:
            new["metadata"][key] = {**(new["metadata"].get(key) or {}), **texts}
        elif rng.random() < 0.2 and old["kind"] not in CLUSTER_WIDE:
            new["metadata"].pop(key, None)
    return new


OPTIONS = {
    "exec": "PodExecOptions",
    "attach": "PodAttachOptions",
    "portforward": "PodPortForwardOptions",
    "proxy": "PodProxyOptions",
}


def of_connections(rng: random.Random, world: World) -> tuple[Json, World]:
    """CONNECT: the object is the options, the pod is told by its name."""
    sub = rng.choice(sorted(OPTIONS))
    body = {"apiVersion": "v1", "kind": OPTIONS[sub], "metadata": {}}
    place = {"group": "", "version": "v1", "resource": "pods"}
    name, space = rng.choice(NAMES), rng.choice(("agents", "mcp"))
    if rng.random() < 0.2:
        place["resource"], sub, space = "nodes", "proxy", ""
        path = rng.choice(("exec/agents/{}/agent", "metrics", "run/mcp/{}/x", "logs/", "attach/agents/{}/agent"))  # fmt: skip
        body |= {"kind": "NodeProxyOptions", "path": "/" + path.format(name)}
        name = "worker-1"
    elif rng.random() < 0.3:
        place["resource"], sub = "services", "proxy"
        body["kind"] = "ServiceProxyOptions"
        service = a_service(rng)
        service["metadata"] |= {"name": name, "namespace": space}
        if rng.random() < 0.4:
            service["spec"] = {
                "selector": {"policyc.dev/agent": rng.choice(("research", "summary"))}
            }
        world = _with(world, service) if rng.random() < 0.9 else world
    if sub == "proxy" and place["resource"] != "nodes":
        name = rng.choice(("{}", "{}:80", "https:{}:80")).format(name)
    more = {"resource": place, "subResource": sub, "name": name, "namespace": space}
    return _request(rng, "CONNECT", body, None, **more), world


def of_others(rng: random.Random, world: World) -> tuple[Json, World]:
    """Subresources with kinds of their own, and kinds that start nothing."""
    name, space = rng.choice((*NAMES, "research", "digest")), rng.choice(("agents", "mcp", "policyc-system"))  # fmt: skip
    metadata = {"name": name, "namespace": space}
    which = rng.randrange(6)
    if which == 0:
        body: Json = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": metadata}  # fmt: skip
        place = {"group": "", "version": "v1", "resource": "serviceaccounts"}
        return _request(rng, "CREATE", body, None, resource=place, subResource="token"), world
    if which == 1:
        body = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": {"replicas": 3}}  # fmt: skip
        place = {"group": "apps", "version": "v1", "resource": "deployments"}
        return _request(rng, "UPDATE", body, body, resource=place, subResource="scale"), world
    if which == 2:
        body = {"apiVersion": "v1", "kind": "EphemeralContainers", "metadata": metadata}
        place = {"group": "", "version": "v1", "resource": "pods"}
        return _request(rng, "UPDATE", body, body, resource=place, subResource="ephemeralcontainers"), world  # fmt: skip
    if which == 3:
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"name": "n"}}  # fmt: skip
        place = {"group": "", "version": "v1", "resource": "pods"}
        return _request(rng, "CREATE", body, None, resource=place, subResource="binding"), world
    if which == 4:
        body = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata}
        return _request(rng, rng.choice(("CREATE", "UPDATE")), body, body), world
    wrong = {**_workload(rng)}
    return _request(rng, "CREATE", wrong, None, namespace=rng.choice(("agents", "mcp"))), world


FAMILIES: tuple[tuple[Callable[[random.Random, World], tuple[Json, World]], int], ...] = (
    (of_workloads, 8),
    (of_objects, 9),
    (of_connections, 3),
    (of_others, 2),
)


def a_review(rng: random.Random) -> tuple[Json, World]:
    """The request of a review, and the cluster that it comes to."""
    family = rng.choice([f for f, weight in FAMILIES for _ in range(weight)])
    return family(rng, a_world(rng))
