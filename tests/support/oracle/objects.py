"""Everything around a workload that admission judges: Services, namespaces, accounts, ways in.

Each function says what is wrong with a request (the ``request`` of an AdmissionReview) as it
stands; its words are those of the design, not of the product.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from support.oracle import network
from support.oracle.authorizer import covers
from support.oracle.flows import selects
from support.oracle.grants import ASKED
from support.oracle.network import agents_labels, holds_back_as_before, marks
from support.oracle.world import (
    NAMESPACE,
    Fault,
    Json,
    World,
    annotations_of,
    labels_of,
    may_name,
    may_reach,
    space_of,
)

CLOUD = ("eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account", "azure.workload.identity/client-id")  # fmt: skip
LEVELS = ("privileged", "baseline", "restricted")
_SYSTEM = "system:serviceaccount:kube-system:"
_SAME = {
    "RoleBinding": ("subjects", "roleRef"),
    "ClusterRoleBinding": ("subjects", "roleRef"),
    "ServiceAccount": ("automountServiceAccountToken", "secrets", "imagePullSecrets"),
}


def is_machinery(request: Json) -> bool:
    """The cluster itself; nodes are known by their group too."""
    user = request["userInfo"]["username"]
    is_node = user.startswith("system:node:") and "system:nodes" in request["userInfo"]["groups"]
    return is_node or user.startswith((_SYSTEM, "system:kube-", "system:apiserver"))


def home(request: Json, world: World) -> Iterator[Fault]:
    """The webhook's own namespace is changed by operators and by the cluster."""
    is_home = request["namespace"] == world.home
    is_home |= request["kind"]["kind"] == "Namespace" and request["name"] == world.home
    if is_home and not is_machinery(request) and not _is_operator(request, world):
        yield Fault("", "home")


def generated(request: Json, world: World) -> Iterator[Fault]:
    """What was made from the policy is changed by operators, or to hold the agent back more."""
    old, new, kind = request["oldObject"], request["object"], request["kind"]["kind"]
    if not old or request.get("subResource") or _is_operator(request, world):
        return
    agent = annotations_of(old).get("policyc.dev/agent", "")
    if kind == "ServiceAccount":
        agent = world.of_account(f"{space_of(old)}/{old['metadata']['name']}") or agent
    if agent not in world.envelopes or (new and _is_as_narrow(kind, old, new)):
        return
    if not network.is_emptied(request, world):
        yield Fault(agent, "generated object")


def _is_as_narrow(kind: str, old: Json, new: Json) -> bool:
    if marks(old) != marks(new):
        return False
    if kind == "NetworkPolicy":
        return holds_back_as_before(old, new)
    if kind in _SAME:
        return all(old.get(name) == new.get(name) for name in _SAME[kind])
    more = {a for a in ASKED if _covers(new, a) and not _covers(old, a)}
    return not more and old.get("aggregationRule") == new.get("aggregationRule")


def _covers(role: Json, asked: object) -> bool:
    return any(covers(rule, asked) for rule in role.get("rules") or [])  # type: ignore[arg-type]  # one of ASKED


def namespaces(request: Json, world: World) -> Iterator[Fault]:
    """Labels of a namespace take nothing out of admission's sight and connect no agent."""
    new = request["object"]
    if new is None or _is_operator(request, world):
        return
    name = new["metadata"]["name"]
    before, after = labels_of(request["oldObject"]), labels_of(new)
    for key in before.keys() | after.keys():
        if before.get(key) == after.get(key):
            continue
        if key.startswith("policyc.dev/") or (world.agents(name) and _is_exempting(key, before, after)):  # fmt: skip
            yield Fault("", "opt-out", key)
    then = before if request["operation"] == "UPDATE" else {}
    yield from network.reached(world, {**then, NAMESPACE: name}, {**after, NAMESPACE: name})


def _is_exempting(key: str, before: dict[str, str], after: dict[str, str]) -> bool:
    if key == "pod-security.kubernetes.io/enforce":
        return _level(after.get(key)) < _level(before.get(key))
    return key in ("admission.gatekeeper.sh/ignore", "openpolicyagent.org/webhook", "policy.sigstore.dev/include")  # fmt: skip


def _level(word: str | None) -> int:
    return LEVELS.index(word) if word in LEVELS else 0


def services(request: Json, world: World) -> Iterator[Fault]:
    """A Service gives no name or address in an agent's way another end."""
    body = request["object"]
    if body is None:
        return
    agents = world.agents(request["namespace"])
    spec = body.get("spec") or {}
    if spec.get("type") == "ExternalName":
        for agent in agents:
            if not may_name(world.envelopes[agent], spec["externalName"]):
                yield Fault(agent, "external name", "", spec["externalName"])
    taken = set(spec.get("externalIPs") or [])
    if request.get("subResource") == "status" and not _gives_addresses(request, world):
        given = ((body.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
        taken |= {entry["ip"] for entry in given if "ip" in entry}
    for agent, address in itertools.product(agents or world.agents(), taken):
        if agents or may_reach(world.envelopes[agent], address):
            yield Fault(agent, "external address", "", address)


def _gives_addresses(request: Json, world: World) -> bool:
    user = request["userInfo"]["username"]
    balancers = (_SYSTEM + "service-controller", _SYSTEM + "cloud-controller-manager")
    return (
        user in (*balancers, "system:kube-controller-manager", "system:cloud-controller-manager")
        or user in world.operators
    )


def endpoints(request: Json, world: World) -> Iterator[Fault]:
    """People write no addresses that agents may not reach behind a name of theirs."""
    body, user = request["object"], request["userInfo"]["username"]
    own = ("endpoint-controller", "endpointslice-controller", "endpointslicemirroring-controller")
    if body is None or user in (*(_SYSTEM + n for n in own), "system:kube-controller-manager"):
        return
    addresses = {a for e in body.get("endpoints") or [] for a in e["addresses"]}
    for subset in body.get("subsets") or []:
        for part in ("addresses", "notReadyAddresses"):
            addresses |= {a["ip"] for a in subset.get(part) or []}
    for agent in world.agents(request["namespace"]):
        for address in addresses:
            if not may_reach(world.envelopes[agent], address):
                yield Fault(agent, "endpoints", "", address)


def accounts(request: Json, world: World) -> Iterator[Fault]:
    """An agent's account gets no role of a cloud that the envelope does not name; here it names none."""
    body = request["object"]
    if body is None or request.get("subResource"):
        return
    agent = world.of_account(f"{request['namespace']}/{body['metadata']['name']}")
    found = annotations_of(body)
    for key in CLOUD:
        if agent and found.get(key):
            yield Fault(agent, "cloud role", key, found[key])


def tokens(request: Json, world: World) -> Iterator[Fault]:
    """Nobody but nodes asks for a token of an agent's account."""
    agent = world.of_account(f"{request['namespace']}/{request['name']}")
    is_node = "system:nodes" in request["userInfo"]["groups"]
    if agent and not is_node and not _is_operator(request, world):
        yield Fault(agent, "token request")


def secrets(request: Json, world: World) -> Iterator[Fault]:
    """A Secret of the token type is filled with one."""
    body = request["object"]
    if body is None or body.get("type") != "kubernetes.io/service-account-token":
        return
    account = annotations_of(body).get("kubernetes.io/service-account.name", "")
    agent = world.of_account(f"{request['namespace']}/{account}")
    if agent and not _is_operator(request, world):
        yield Fault(agent, "token secret", "", account)


def foreign(request: Json, world: World) -> Iterator[Fault]:
    """A policy of another kind that lets something through, where agents are."""
    body = request["object"]
    if body is None or request.get("subResource"):
        return
    spec = body.get("spec") or {}
    rules = [rule for way in ("egress", "ingress") for rule in spec.get(way) or []]
    if any(str(rule.get("action", "Allow")).lower() == "allow" for rule in rules):
        agents = world.agents(request["namespace"]) if request["namespace"] else world.agents()
        for agent in agents:
            yield Fault(agent, "foreign policy", "", str(spec))


def ways_in(request: Json, world: World) -> Iterator[Fault]:
    """Nobody reaches into an agent's pod; one that is not known may be an agent's."""
    if request["userInfo"]["username"] in world.break_glass:
        return
    place = (request["resource"]["resource"], request["subResource"])
    if place == ("services", "proxy"):
        yield from _through_service(request, world)
        return
    if place == ("nodes", "proxy"):
        verb, *rest = request["object"]["path"].strip("/").split("/")
        if verb in ("exec", "run", "attach", "portForward") and len(rest) > 1:
            yield from _entered(world, rest[0], rest[1])
        return
    name = request["name"]
    if place == ("pods", "proxy") and ":" in name:
        name = name.split(":")[-2]
    yield from _entered(world, request["namespace"], name)


def _entered(world: World, namespace: str, name: str) -> Iterator[Fault]:
    pod = world.get("Pod", namespace, name)
    if pod is None:
        yield from _unknown(world, namespace)
        return
    yield from (Fault(a, "way in") for a in world.agents(namespace) if is_of(world, a, pod))


def _unknown(world: World, namespace: str) -> Iterator[Fault]:
    """What is not known may be the agent's of the namespace that is held back most."""
    stages = ("enforce", "audit", "observe")
    agents = sorted(world.agents(namespace), key=lambda a: stages.index(world.stage(a)))
    yield from (Fault(agent, "unknown pod") for agent in agents[:1])


def is_of(world: World, agent: str, pod: Json) -> bool:
    """Whether a running pod is an agent's: by its account, or else by the agent's labels."""
    spec, space = pod["spec"], space_of(pod)
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    by_account = world.of_account(f"{space}/{name}")
    if by_account:
        return by_account == agent
    return bool(world.subject(agent)["podLabels"].items() <= labels_of(pod).items())


def _through_service(request: Json, world: World) -> Iterator[Fault]:
    """The pods that a Service selects; one that is not known may select any."""
    name, namespace = request["name"], request["namespace"]
    service = world.get("Service", namespace, name.split(":")[-2] if ":" in name else name)
    if service is None:
        yield from _unknown(world, namespace)
        return
    selector = service["spec"].get("selector")
    if not selector:
        return
    for agent in world.agents(request["namespace"]):
        if any(selects({"matchLabels": selector}, found) for found in agents_labels(world, agent)):
            yield Fault(agent, "way in")


def _is_operator(request: Json, world: World) -> bool:
    return request["userInfo"]["username"] in world.operators
