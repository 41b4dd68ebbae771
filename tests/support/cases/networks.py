"""Group F: the NetworkPolicies that select an agent's pods, and what else leads their traffic."""

from __future__ import annotations

from support.admission import cluster, pod
from support.cases.row import Json, Server, row
from support.widening import body, labelled, network_policy

KEY = "policyc.dev/agent"
OPEN = {"egress": [{}], "policyTypes": ["Egress"]}
WIDENS = "NP_WIDENS"
SLICES = "discovery.k8s.io/v1"


def generated(agent: str = "research") -> Json:
    return next(o for o in cluster() if o["metadata"]["name"] == f"policyc-{agent}" and o["kind"] == "NetworkPolicy")  # fmt: skip


def changed(**spec: Json) -> Json:
    made = generated()
    made["spec"] |= spec
    return made


def running(name: str = "research-1", **labels: str) -> Json:
    made = labelled(pod(), **labels)
    made["metadata"]["name"] = name
    return made


def chosen(selector: Json, **spec: Json) -> Json:
    return network_policy(podSelector=selector, **spec)


def service(namespace: str = "agents", **spec: Json) -> Json:
    """Ports, since the API server wants some of every Service that has an address."""
    ports = {} if spec.get("type") == "ExternalName" else {"ports": [{"port": 80}]}
    return body("Service", "api", namespace, spec={**ports, **spec})


def endpoint_slice(address: str, kind: str = "IPv4") -> Json:
    return body("EndpointSlice", "api-1", "agents", SLICES, addressType=kind, endpoints=[{"addresses": [address]}])  # fmt: skip


def endpoints(field: str, address: str) -> Json:
    return body("Endpoints", "api", "agents", subsets=[{field: [{"ip": address}]}])


def foreign(api: str, name: str, namespace: str = "", **spec: Json) -> Json:
    return body(name, "allow", namespace, api, spec=spec)


POLICIES = [
    row("F1", chosen({"matchLabels": {KEY: "research"}}, **OPEN), WIDENS),
    row("F1-all-addresses", chosen({"matchLabels": {KEY: "research"}}, egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}], policyTypes=["Egress"]), WIDENS),
    row("F1-ingress", network_policy(ingress=[{"from": [{"namespaceSelector": {}}]}]), WIDENS),
    row("F1-cannot-be-read", network_policy(egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.5/8"}}]}], policyTypes=["Egress"]), WIDENS, server=Server.INVALID),
    row("F1-by-a-label-of-a-running-pod", chosen({"matchLabels": {"app": "assistant"}}, **OPEN), WIDENS, there=[running("research-f1", app="assistant")]),
    row("F2", network_policy(**OPEN), WIDENS),
    row("F2-not-other", chosen({"matchExpressions": [{"key": "db", "operator": "DoesNotExist"}]}, **OPEN), WIDENS),
]  # fmt: skip
"""Refused; stored before the webhook came, they are why the agent's pod is."""

HARMLESS = [
    row("F2-other-namespace", network_policy(**OPEN, namespace="mcp")),
    row("F2-other-pods", chosen({"matchLabels": {"app": "web"}}, **OPEN)),
    row("F2-default-deny", network_policy(policyTypes=["Egress", "Ingress"])),
    row("F2-the-same-again", network_policy(egress=generated()["spec"]["egress"], policyTypes=["Egress"])),
]  # fmt: skip

NARROWED = changed(egress=generated()["spec"]["egress"][:1])
"""The generated policy with less than the agent may have."""
GENERATED = [
    row("F3", changed(policyTypes=["Ingress"]), WIDENS, "GENERATED_OBJECT", old=generated()),
    row("F3-ingress", changed(policyTypes=["Egress"]), WIDENS, "GENERATED_OBJECT", old=generated()),
    row("F3-rules", changed(egress=[{}]), WIDENS, "GENERATED_OBJECT", old=generated()),
    row("F3-selector", changed(podSelector={"matchLabels": {KEY: "nobody"}}), WIDENS, "GENERATED_OBJECT", old=generated()),
]  # fmt: skip

SERVICES = [
    row("F7", service(type="ExternalName", externalName="evil.example.net"), "EXTERNALNAME"),
    row("F7-address", service(type="ExternalName", externalName="203.0.113.9"), "EXTERNALNAME"),
    row("F7-nothing", service(type="ExternalName"), "EXTERNALNAME", server=Server.INVALID),
    row("F8", endpoint_slice("203.0.113.9"), "ENDPOINTS"),
    row("F8-name", endpoint_slice("evil.example.net", "FQDN"), "ENDPOINTS"),
    row("F8-endpoints", endpoints("addresses", "203.0.113.9"), "ENDPOINTS"),
    row("F8-not-ready", endpoints("notReadyAddresses", "203.0.113.9"), "ENDPOINTS"),
    row("F9", service(externalIPs=["203.0.113.9"]), "EXTERNAL_IP"),
    row("F9-dns", service("mcp", externalIPs=["169.254.20.10"]), "EXTERNAL_IP", server=Server.INVALID),
]  # fmt: skip

FOREIGN = [
    row("F11-cilium", foreign("cilium.io/v2", "CiliumNetworkPolicy", "agents", egress=[{"toEntities": ["world"]}]), "FOREIGN_POLICY"),
    row("F11-cilium-list", body("CiliumNetworkPolicy", "x", "agents", "cilium.io/v2", specs=[{"ingress": [{}]}]), "FOREIGN_POLICY"),
    row("F11-cluster", foreign("cilium.io/v2", "CiliumClusterwideNetworkPolicy", egress=[{}]), "FOREIGN_POLICY"),
    row("F11-admin", foreign("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", egress=[{"action": "Allow"}]), "FOREIGN_POLICY"),
    row("F11-cluster-policy", foreign("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", ingress=[{"action": "Accept"}]), "FOREIGN_POLICY"),
    row("F11-calico", foreign("crd.projectcalico.org/v1", "GlobalNetworkPolicy", egress=[{"action": "Allow"}]), "FOREIGN_POLICY"),
    row("F11-calico-namespaced", foreign("crd.projectcalico.org/v1", "NetworkPolicy", "agents", egress=[{"action": "Allow"}]), "FOREIGN_POLICY"),
    row("F11-antrea", foreign("crd.antrea.io/v1beta1", "ClusterNetworkPolicy", egress="?"), "FOREIGN_POLICY"),
]  # fmt: skip
