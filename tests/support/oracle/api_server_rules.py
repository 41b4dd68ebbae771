"""What the API server refuses beyond its schemas, for the kinds that we emit.

Source: the validation functions of Kubernetes 1.34 (pkg/apis/networking/validation,
pkg/apis/rbac/validation, apimachinery's metadata validation), restated.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding")


def faults(obj: dict[str, Any]) -> list[str]:
    """Why the API server would refuse the object; empty when it would not."""
    found = list(_metadata(obj))
    match obj["kind"]:
        case "NetworkPolicy":
            found += _network_policy(obj["spec"])
        case "Role" | "ClusterRole":
            found += _role(obj)
        case "RoleBinding" | "ClusterRoleBinding":
            if obj["roleRef"]["apiGroup"] != "rbac.authorization.k8s.io":
                found.append("roleRef.apiGroup")
            if obj["kind"] == "ClusterRoleBinding" and obj["roleRef"]["kind"] != "ClusterRole":
                found.append("a ClusterRoleBinding refers to a ClusterRole")
    return found


def _metadata(obj: dict[str, Any]) -> list[str]:
    meta, found = obj["metadata"], []
    name = meta["name"]
    if len(name) > 253 or not SUBDOMAIN.fullmatch(name):
        found.append(f"name {name!r}")
    if ("namespace" in meta) == (obj["kind"] in CLUSTER_WIDE):
        found.append("namespace")
    if "namespace" in meta and (
        len(meta["namespace"]) > 63 or not LABEL.fullmatch(meta["namespace"])
    ):
        found.append(f"namespace {meta['namespace']!r}")
    for key in meta.get("annotations", {}):
        prefix, _, rest = key.rpartition("/")
        if (
            (prefix and not SUBDOMAIN.fullmatch(prefix))
            or len(rest) > 63
            or not QUALIFIED.fullmatch(rest)
        ):
            found.append(f"annotation {key!r}")
    if sum(len(k) + len(v) for k, v in meta.get("annotations", {}).items()) > 256 * 1024:
        found.append("annotations are too long")
    return found


def _network_policy(spec: dict[str, Any]) -> list[str]:
    found = list(_selector(spec["podSelector"]))
    if not set(spec["policyTypes"]) <= {"Ingress", "Egress"}:
        found.append("policyTypes")
    for direction, side in (("egress", "to"), ("ingress", "from")):
        for rule in spec.get(direction, []):
            for peer in rule.get(side, []):
                found += _peer(peer)
            for port in rule.get("ports", []):
                found += _port(port)
    return found


def _peer(peer: dict[str, Any]) -> list[str]:
    if not peer:
        return ["an empty peer"]
    if "ipBlock" in peer:
        if len(peer) > 1:
            return ["ipBlock with selectors"]
        return _block(peer["ipBlock"])
    return [f for key in ("podSelector", "namespaceSelector") for f in _selector(peer.get(key, {}))]


def _block(block: dict[str, Any]) -> list[str]:
    try:
        whole = ipaddress.ip_network(block["cidr"])
        holes = [ipaddress.ip_network(h) for h in block.get("except", [])]
    except ValueError as fault:
        return [str(fault)]
    return [
        f"except {hole} is not strictly inside {whole}"
        for hole in holes
        if hole.version != whole.version or hole == whole or not hole.subnet_of(whole)  # type: ignore[arg-type]
    ]


def _port(port: dict[str, Any]) -> list[str]:
    found = []
    if port.get("protocol") not in ("TCP", "UDP", "SCTP"):
        found.append("protocol")
    number, end = port.get("port"), port.get("endPort")
    if number is not None and not 1 <= number <= 65535:
        found.append(f"port {number}")
    if end is not None and (number is None or end < number or end > 65535):
        found.append(f"endPort {end}")
    return found


def _selector(selector: dict[str, Any]) -> list[str]:
    found = [
        f"label {k}={v}"
        for k, v in selector.get("matchLabels", {}).items()
        if not _is_key(k) or (v and (len(v) > 63 or not QUALIFIED.fullmatch(v)))
    ]
    for expression in selector.get("matchExpressions", []):
        needs_values = expression["operator"] in ("In", "NotIn")
        if needs_values != bool(expression.get("values")) or not _is_key(expression["key"]):
            found.append(f"expression {expression}")
    return found


def _is_key(key: str) -> bool:
    prefix, _, name = key.rpartition("/")
    return (
        (not prefix or bool(SUBDOMAIN.fullmatch(prefix)))
        and len(name) <= 63
        and bool(QUALIFIED.fullmatch(name))
    )


def _role(obj: dict[str, Any]) -> list[str]:
    found = []
    for rule in obj["rules"]:
        if not rule.get("verbs"):
            found.append("no verbs")
        if rule.get("nonResourceURLs"):
            if obj["kind"] == "Role" or rule.get("apiGroups") or rule.get("resources"):
                found.append("nonResourceURLs in a namespaced or resource rule")
        elif not rule.get("apiGroups") or not rule.get("resources"):
            found.append("no groups or resources")
        if rule.get("resourceNames") and {"create", "deletecollection"} & set(rule["verbs"]):
            found.append("resourceNames with create or deletecollection")
    return found
