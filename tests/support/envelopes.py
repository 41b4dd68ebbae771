"""Random envelopes, as lowering would make them: grants with reasons, joined to regions."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from policyc.catalog.syscalls import names
from policyc.envelope import domains as d
from policyc.envelope.model import (
    ClusterFacts,
    Envelope,
    Grant,
    PodSecurity,
    Resolution,
    Subject,
    WorkloadRef,
)
from policyc.envelope.provenance import Derivation, Evidence, Step
from policyc.envelope.region import Region

NAMESPACE = "kubernetes.io/metadata.name"
SPACES = ("support", "mcp", "kube-system", "web")
APPS = ("a", "b", "c")
NETWORKS = (
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.0/24",
    "10.1.2.3/32",
    "192.0.2.0/25",
    "0.0.0.0/0",
    "2001:db8::/32",
    "2001:db8::1/128",
    "::/0",
    "203.0.113.7/32",
)
HOSTS = ("api.example.com", "*.example.org", "hooks.example.net")
RANGES = ("443", "80-90", "1-65535", "*", "5432", "0-10")
RESOURCES = (
    ("", "pods"),
    ("", "configmaps"),
    ("", "secrets"),
    ("apps", "deployments"),
    ("", "pods/log"),
    ("", "nodes"),
    ("batch", "jobs"),
    ("", "serviceaccounts/token"),
)
VERBS = ("get", "list", "watch", "create", "delete", "deletecollection", "update", "escalate")
NAMES = ("faq-1", "faq-2", "main")


def reason(rng: random.Random) -> tuple[Derivation, ...]:
    evidence = tuple(
        sorted(
            {Evidence("p.json", f"/spec/x/{rng.randrange(999)}") for _ in range(rng.randint(1, 3))}
        )
    )
    return (Derivation(Step.OBSERVED, evidence=evidence, needed=1),)


def _flow(rng: random.Random) -> dict[str, str]:
    return {"protocol": rng.choice((*d.PROTOCOLS, "*")), "port": rng.choice(RANGES)}


def ip_region(rng: random.Random, domain: d.Domain) -> Region:
    region = domain.written({**_flow(rng), "address": rng.choice(NETWORKS)})
    if rng.random() < 0.3:
        region -= domain.written({"address": rng.choice(NETWORKS)})
    return region


def peer_region(rng: random.Random, domain: d.Domain) -> Region:
    box: dict[str, str | list[str]] = dict(_flow(rng))
    if rng.random() < 0.8:
        box[f"namespace:{NAMESPACE}"] = [f"={s}" for s in rng.sample(SPACES, rng.randint(1, 2))]
    if rng.random() < 0.8:
        box["pod:app"] = [f"={a}" for a in rng.sample(APPS, rng.randint(1, 2))]
    if rng.random() < 0.2:
        box["pod:tier"] = rng.choice(("=*", "=db", ""))
    region = domain.written(box)
    if rng.random() < 0.2:
        region -= domain.written({"pod:app": f"={rng.choice(APPS)}"})
    return region


def host_region(rng: random.Random) -> Region:
    return d.EGRESS_HOST.written({**_flow(rng), "host": rng.choice(HOSTS)})


def kube_region(rng: random.Random) -> Region:
    group, resource = rng.choice(RESOURCES)
    box: dict[str, str | list[str]] = {
        "group": group,
        "resource": resource,
        "verb": rng.sample(VERBS, rng.randint(1, 4)),
    }
    if rng.random() < 0.1:
        del box["group"], box["resource"]
    if rng.random() < 0.1:
        box["verb"] = rng.choice(("*", "get*", ["delete*", "get"]))
    if rng.random() < 0.05:
        box["resource"] = rng.choice(("pods*", "*", "\\*", "*/log", ["pods/*", "secrets"]))
    if rng.random() < 0.7:
        box["namespace"] = rng.sample((*SPACES, ""), rng.randint(1, 2))
    if rng.random() < 0.5:
        box["name"] = rng.choice(
            (["faq-1"], ["faq-1", "main"], ["faq-*"], [""], ["", "main"], ["faq-*", "main"])
        )
    region = d.KUBE.written(box)
    if rng.random() < 0.15:
        region -= d.KUBE.written(rng.choice(({"resource": "secrets"}, {"verb": "escalate"})))
    return region


def url_region(rng: random.Random) -> Region:
    url = rng.choice((["/healthz"], ["/metrics/*"], ["*"], ["/api\\*"], ["*", "!/metrics/*"]))
    return d.KUBE_URL.written({"verb": rng.choice(("get", "*", "p*")), "url": url})


def syscall_region(rng: random.Random, architecture: str) -> Region:
    known = sorted(names(architecture))
    chosen = rng.sample(known, rng.randint(1, 40))
    return d.SYSCALLS.written({"architecture": architecture, "name": chosen})


def grants(rng: random.Random, make: object, most: int) -> tuple[Grant, ...]:
    made = [make(rng) for _ in range(rng.randint(0, most))]  # type: ignore[operator]
    return tuple(Grant(region, reason(rng)) for region in made if region)


def envelope(rng: random.Random, architectures: tuple[str, ...] = ("amd64",)) -> Envelope:
    """One envelope; the same for the same state of ``rng``."""
    granted: dict[str, tuple[Grant, ...]] = dict.fromkeys(d.DOMAINS, ())
    granted["egress_ip"] = grants(rng, lambda r: ip_region(r, d.EGRESS_IP), 4)
    granted["ingress_ip"] = grants(rng, lambda r: ip_region(r, d.INGRESS_IP), 2)
    granted["egress_peer"] = grants(rng, lambda r: peer_region(r, d.EGRESS_PEER), 4)
    granted["ingress_peer"] = grants(rng, lambda r: peer_region(r, d.INGRESS_PEER), 3)
    granted["egress_host"] = grants(rng, host_region, 2)
    granted["kube"] = grants(rng, kube_region, 5)
    granted["kube_url"] = grants(rng, url_region, 2)
    granted["syscalls"] = grants(rng, lambda r: syscall_region(r, r.choice(architectures)), 4)
    granted["capabilities"] = grants(
        rng,
        lambda r: d.CAPABILITIES.written(
            {"name": r.choice(("NET_BIND_SERVICE", "CHOWN", "SYS_ADMIN"))}
        ),
        2,
    )
    granted["exec"] = grants(
        rng, lambda r: d.EXEC.written({"path": r.choice(("/bin/x", "/usr/**"))}), 2
    )
    resolutions = tuple(
        Resolution("api.example.com", "tcp", 443, (address,), reason(rng))
        for address in rng.sample(("198.51.100.1", "2001:db8::9"), rng.randint(0, 2))
    )
    labels = (("app", rng.choice(APPS)),)
    return Envelope(
        Subject(
            "agent-x",
            "c",
            "audit",
            "act",
            "o@corp.example",
            WorkloadRef("Deployment", "apps", "support", "agent-x", "main"),
            None,
            "support/agent-x",
            labels,
        ),
        {name: d.DOMAINS[name].union(g.region for g in granted[name]) for name in d.DOMAINS},
        granted,
        _of_granted(resolutions, granted),
        pod=PodSecurity(level=rng.choice(("restricted", "baseline"))),
        cluster=ClusterFacts(architectures=tuple(sorted(architectures))),
    )


def smaller(rng: random.Random, whole: Envelope) -> Envelope:
    """The envelope with some grants left out."""
    granted = {
        name: tuple(g for g in known if rng.random() < 0.7) for name, known in whole.grants.items()
    }
    return Envelope(
        whole.subject,
        {name: d.DOMAINS[name].union(g.region for g in granted[name]) for name in d.DOMAINS},
        granted,
        _of_granted([r for r in whole.resolutions if rng.random() < 0.7], granted),
        whole.approvals,
        whole.delegates,
        whole.pod,
        whole.cluster,
    )


def _of_granted(
    resolutions: Iterable[Resolution], granted: Mapping[str, tuple[Grant, ...]]
) -> tuple[Resolution, ...]:
    """Those of names that are granted: lowering makes no others."""
    hosts = d.EGRESS_HOST.union(g.region for g in granted["egress_host"])
    return tuple(
        r
        for r in resolutions
        if {"protocol": r.protocol, "port": str(r.port), "host": r.host} in hosts
    )
