"""Objects around agents, drawn at random from few words, so that they meet each other."""

from __future__ import annotations

import random
from typing import Any

from support.widening import binding, body, cluster_role, group, network_policy, role, user

Json = Any  # objects that are built and broken
NAMESPACE = "kubernetes.io/metadata.name"
SPACES = ("agents", "mcp")
NAMES = ("one", "two", "three")
READ = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
SUBJECTS = (
    {"kind": "ServiceAccount", "namespace": "agents", "name": "research"},
    {"kind": "ServiceAccount", "namespace": "agents", "name": "summary"},
    {"kind": "ServiceAccount", "namespace": "agents", "name": "digest"},
    {"kind": "ServiceAccount", "name": "research"},
    {"kind": "ServiceAccount", "namespace": "mcp", "name": "research"},
    {"kind": "ServiceAccount", "namespace": "agents", "name": "web"},
    user("system:serviceaccount:agents:research"),
    user("system:serviceaccount:agents:research:x"),
    user("system:anonymous"),
    user("research"),
    group("system:serviceaccounts:agents"),
    group("system:serviceaccounts:mcp"),
    group("system:serviceaccounts"),
    group("system:authenticated"),
    group("system:masters"),
)


def _rule(rng: random.Random) -> Json:
    if rng.random() < 0.4:
        return READ
    if rng.random() < 0.15:
        urls = ("/metrics", "/logs/*", "*", "/api", "/apis/*")
        return {"verbs": [rng.choice(("get", "*"))], "nonResourceURLs": [rng.choice(urls)]}
    made = {
        "apiGroups": [rng.choice(("", "apps", "*"))],
        "resources": [rng.choice(("configmaps", "secrets", "pods", "pods/log", "*"))],
        "verbs": rng.sample(("get", "list", "create", "*"), rng.randint(1, 2)),
    }
    return made | ({"resourceNames": [rng.choice(("one", "two"))]} if rng.random() < 0.3 else {})


def a_role(rng: random.Random) -> Json:
    rules = [_rule(rng) for _ in range(rng.randint(0, 2))]
    if rng.random() < 0.4:
        return role(*rules, name=rng.choice(NAMES), namespace=rng.choice(SPACES))
    fields: Json = {}
    if rng.random() < 0.4:
        fields["metadata"] = {"labels": {"to": rng.choice("ab")}}
    if rng.random() < 0.3:
        flows = {"matchLabels": {"to": rng.choice("ab")}}
        fields["aggregationRule"] = {"clusterRoleSelectors": [flows]}
    return cluster_role(*rules, name=rng.choice(NAMES), **fields)


def a_binding(rng: random.Random) -> Json:
    namespace = rng.choice(("", "agents", "agents", "mcp"))
    names = (*NAMES, "policyc-research.agents") if namespace else NAMES
    kind = "Role" if namespace and rng.random() < 0.5 else "ClusterRole"
    subjects = rng.sample(SUBJECTS, rng.randint(1, 2))
    referred = f"{kind}/{rng.choice(names)}"
    return binding(*subjects, role=referred, name=rng.choice(NAMES), namespace=namespace)


def _selector(rng: random.Random, key: str) -> Json:
    kind = rng.random()
    if kind < 0.3:
        return {}
    if kind < 0.7:
        return {"matchLabels": {key: rng.choice("az")}}
    operator = rng.choice(("In", "NotIn", "Exists", "DoesNotExist"))
    values = {"values": [rng.choice("az")]} if operator.endswith("In") else {}
    return {"matchExpressions": [{"key": key, "operator": operator, **values}]}


def _peer(rng: random.Random) -> Json:
    kind = rng.random()
    if kind < 0.3:
        cidr = rng.choice(("10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "::/0", "192.0.2.1/32"))
        holes = {"except": ["10.1.0.0/16"]} if cidr == "10.0.0.0/8" and rng.random() < 0.5 else {}
        return {"ipBlock": {"cidr": cidr, **holes}}
    if kind < 0.4:
        return {"podSelector": _selector(rng, "app")}
    if kind < 0.7:
        name = rng.choice((*SPACES, "kube-system"))
        app = rng.choice(({"app": "web"}, {"k8s-app": "kube-dns"}))
        return {
            "namespaceSelector": {"matchLabels": {NAMESPACE: name}},
            "podSelector": {"matchLabels": app},
        }
    made = {"namespaceSelector": _selector(rng, "team")}
    return made | ({"podSelector": _selector(rng, "app")} if rng.random() < 0.5 else {})


def _port(rng: random.Random) -> Json:
    made: Json = {"port": rng.choice((53, 443, 8080)), "protocol": rng.choice(("TCP", "UDP"))}
    return made | ({"endPort": 9000} if rng.random() < 0.2 else {})


def _rules(rng: random.Random, side: str) -> Json:
    made = []
    for _ in range(rng.choice((0, 1, 1, 2))):
        one: Json = {}
        if rng.random() < 0.9:
            one[side] = [_peer(rng) for _ in range(rng.choice((0, 1, 1, 1, 2)))]
        if rng.random() < 0.8:
            one["ports"] = [_port(rng)]
        made.append(one)
    return made


def a_policy(rng: random.Random) -> Json:
    agent = rng.choice(("research", "summary", "digest"))
    chosen = rng.choice(({}, {"matchLabels": {"policyc.dev/agent": agent}}, _selector(rng, "app")))
    types = rng.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
    spec = {"egress": _rules(rng, "to"), "ingress": _rules(rng, "from"), "policyTypes": types}
    return network_policy(rng.choice(NAMES), rng.choice(("agents", "agents", "mcp")), podSelector=chosen, **spec)  # fmt: skip


def a_service(rng: random.Random) -> Json:
    spec: Json = {"selector": {"app": rng.choice("az")}, "ports": [{"port": 80}]}
    if rng.random() < 0.3:
        spec["selector"] = {"policyc.dev/agent": rng.choice(("research", "digest"))}
        spec["selector"] |= {"app": "a"} if rng.random() < 0.5 else {}
    if rng.random() < 0.4:
        hosts = ("api.example.com", "API.example.com.", "evil.example.org", "example.com")
        spec = {"type": "ExternalName", "externalName": rng.choice(hosts)}
    if rng.random() < 0.3:
        addresses = ("10.0.0.1", "169.254.20.10", "2001:db8::1")
        spec["externalIPs"] = rng.sample(addresses, rng.randint(1, 2))
    return body("Service", rng.choice(NAMES), rng.choice((*SPACES, "default")), spec=spec)


def _addresses(rng: random.Random) -> list[str]:
    return rng.sample(("10.0.0.1", "169.254.20.10", "192.0.2.1"), rng.randint(0, 2))


def a_slice(rng: random.Random) -> Json:
    listed = [{"addresses": found}] if (found := _addresses(rng)) else []
    return body("EndpointSlice", rng.choice(NAMES), rng.choice(SPACES), "discovery.k8s.io/v1", addressType="IPv4", endpoints=listed)  # fmt: skip


def some_endpoints(rng: random.Random) -> Json:
    field = rng.choice(("addresses", "notReadyAddresses"))
    subsets = [{field: [{"ip": a} for a in _addresses(rng)]}]
    return body("Endpoints", rng.choice(NAMES), rng.choice(SPACES), subsets=subsets)


def a_namespace(rng: random.Random) -> Json:
    name = rng.choice(("agents", "mcp", "kube-system", "elsewhere", "policyc-system"))
    labels = {NAMESPACE: name}
    for key, values in (
        ("team", "az"),
        ("policyc.dev/ignore", "1"),
        ("admission.gatekeeper.sh/ignore", "1"),
        ("pod-security.kubernetes.io/enforce", ("privileged", "baseline", "restricted", "odd")),
    ):
        if rng.random() < 0.3:
            labels[key] = rng.choice(values)
    return body("Namespace", name, metadata={"labels": labels})


def an_account(rng: random.Random) -> Json:
    made = body("ServiceAccount", rng.choice(("research", "digest", "web")), rng.choice(SPACES))
    if rng.random() < 0.3:
        key = rng.choice(("eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account"))
        made["metadata"]["annotations"] = {key: rng.choice(("role-a", "role-b"))}
    if rng.random() < 0.3:
        made["automountServiceAccountToken"] = rng.random() < 0.5
    return made


def a_secret(rng: random.Random) -> Json:
    types = ("Opaque", "kubernetes.io/service-account-token", "kubernetes.io/service-account-token")
    made = body(
        "Secret", rng.choice(NAMES), rng.choice(("agents", *SPACES)), type=rng.choice(types)
    )
    account = rng.choice(("research", "summary", "digest", "web"))
    made["metadata"]["annotations"] = {"kubernetes.io/service-account.name": account}
    return made


def a_config_map(rng: random.Random) -> Json:
    tools = ",".join(rng.sample(("web_search", "read_file", "shell_exec"), rng.randint(1, 2)))
    data = {"tools": tools} if rng.random() < 0.8 else {"other": tools}
    more = {"immutable": True} if rng.random() < 0.7 else {}
    return body("ConfigMap", rng.choice(("tools", "other")), "agents", data=data, **more)


def a_foreign_policy(rng: random.Random) -> Json:
    rules: Json = [{"toEntities": ["world"]}]
    spec = rng.choice(({"egress": rules}, {"ingress": [{"action": "Deny"}]}, {"egressDeny": rules}))
    return body("CiliumNetworkPolicy", rng.choice(NAMES), rng.choice(SPACES), "cilium.io/v2", spec=spec)  # fmt: skip


DRAWN = (
    a_role, a_role, a_role, a_binding, a_binding, a_binding, a_binding,
    a_policy, a_policy, a_policy, a_policy, a_policy, a_service, a_service, a_slice, some_endpoints,
    a_namespace, a_namespace, an_account, a_secret, a_secret, a_config_map, a_config_map, a_foreign_policy, a_foreign_policy,
)  # fmt: skip
"""Each as often as it has something to be wrong in."""
