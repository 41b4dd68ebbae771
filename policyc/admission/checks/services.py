"""Services that would give an agent's traffic another end than its policy thinks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.case import Case
from policyc.admission.checks.concerned import MOST_AGENTS, strictest
from policyc.admission.checks.scope import of_kinds
from policyc.admission.flows import ceiling
from policyc.admission.request import Object, Operation
from policyc.admission.verdict import Finding, Level
from policyc.catalog.machinery import controller
from policyc.core.canonical import Json
from policyc.envelope.domains import EGRESS_HOST, EGRESS_IP
from policyc.envelope.region import Region

_BALANCERS = frozenset({"*", "service-controller", "cloud-controller-manager"})
_ENDPOINTS = frozenset(
    {"*", "endpoint-controller", "endpointslice-controller", "endpointslicemirroring-controller"}
)


@of_kinds({("", "Service")})
def external_name(case: Case) -> Iterator[Finding]:
    """A name in an agent's namespace stands for no host that the agent may not connect to."""
    spec = _inside(case, case.request.object, "spec")
    if spec is None or spec.get("type") != "ExternalName":
        return
    host = spec.get("externalName")
    there = _host(host)
    outside = (
        agent
        for agent in case.bundle.by_namespace.get(case.request.namespace, ())
        if not there & case.bundle.on(agent, case.today).envelope.domains["egress_host"]
    )
    for about in islice(strictest(case, outside), MOST_AGENTS):
        assert about.agent is not None
        yield about.finding(
            "EXTERNALNAME",
            f"the Service would be a name of `{host}`, which agent `{about.agent.name}` may not reach",
            "spec.externalName",
            domain="egress_host",
        )


@of_kinds({("", "Service")})
def external_address(case: Case) -> Iterator[Finding]:
    """No Service takes over an address that agents connect to, or stands for one beside them.

    Whoever names an address in a Service gets the traffic to it from every pod
    (CVE-2020-8554); the balancer's own controllers name the ones that they gave out.
    """
    if (case.request.group, case.request.kind) != ("", "Service"):
        return
    taken, level = _new(_taken(case, case.request.object), _taken(case, case.request.old))
    if not taken:
        return
    hit = EGRESS_IP.union(map(_address, taken))
    own = case.bundle.by_namespace.get(case.request.namespace, ())
    agents = own or _reaching(case.bundle, hit, case)
    for about in islice(strictest(case, agents), MOST_AGENTS):
        assert about.agent is not None
        yield about.finding(
            "EXTERNAL_IP",
            f"the Service would take {', '.join(taken)} from agent `{about.agent.name}`",
            "spec.externalIPs",
            level=level,
            is_ratcheted=False,
        )


def _new(now: list[str], before: list[str]) -> tuple[list[str], Level]:
    """The addresses that were not there before; where all were, it is a warning about them all."""
    fresh = set(now) - set(before)
    return (sorted(fresh), Level.DENY) if fresh else (sorted(set(now)), Level.WARN)


def _taken(case: Case, body: Object | None) -> list[str]:
    request = case.request
    spec = _inside(case, body, "spec") or {}
    found = _texts(spec.get("externalIPs"))
    status = _inside(case, body, "status") or {}
    is_given = controller(request.user) in _BALANCERS or request.user in case.settings.operators
    if request.subresource == "status" and not is_given:
        balancer = status.get("loadBalancer")
        ingress = balancer.get("ingress") if isinstance(balancer, dict) else None
        found += [text for item in _objects(ingress) for text in _texts([item.get("ip")])]
    return found


def _reaching(bundle: Bundle, hit: Region, case: Case) -> list[Agent]:
    everything = bundle.memo(
        ("all addresses", case.today),
        lambda: EGRESS_IP.union(
            ceiling(bundle, bundle.on(a, case.today))["egress_ip"]
            for a in bundle.by_account.values()
        ),
    )
    if not hit & everything:
        return []
    return [
        agent
        for agent in bundle.by_account.values()
        if hit & ceiling(bundle, bundle.on(agent, case.today))["egress_ip"]
    ]


@of_kinds({("discovery.k8s.io", "EndpointSlice"), ("", "Endpoints")})
def endpoints(case: Case) -> Iterator[Finding]:
    """Endpoints that people write in an agent's namespace are addresses that it may reach."""
    if controller(case.request.user) in _ENDPOINTS:
        return
    written = _addresses(case, case.request.object)
    if not written:
        return
    yield from islice(_led_out(case, written), MOST_AGENTS)


def _led_out(case: Case, written: list[str]) -> Iterator[Finding]:
    for about in strictest(case, case.bundle.by_namespace.get(case.request.namespace, ())):
        assert about.agent is not None
        known = ceiling(case.bundle, about.agent)["egress_ip"]
        beyond = [a for a in written if not _address(a) & known]
        outside, level = _new(beyond, _addresses(case, case.request.old))
        if outside:
            yield about.finding(
                "ENDPOINTS",
                f"a Service would lead to {', '.join(outside)}, which agent `{about.agent.name}` may not reach",
                "endpoints",
                domain="egress_ip",
                level=level,
                is_ratcheted=False,
            )


def _addresses(case: Case, body: Object | None) -> list[str]:
    """The addresses of an EndpointSlice or, of old, Endpoints."""
    if body is None or case.request.operation is Operation.DELETE:
        return []
    kind = (case.request.group, case.request.kind)
    if kind == ("discovery.k8s.io", "EndpointSlice"):
        return [a for e in _objects(body.get("endpoints")) for a in _texts(e.get("addresses"))]
    if kind != ("", "Endpoints"):
        return []
    return [
        text
        for subset in _objects(body.get("subsets"))
        for field in ("addresses", "notReadyAddresses")
        for item in _objects(subset.get(field))
        for text in _texts([item.get("ip")])
    ]


def _inside(case: Case, body: Object | None, name: str) -> Object | None:
    """A member of a Service that stays."""
    request = case.request
    if (request.group, request.kind) != ("", "Service") or request.operation is Operation.DELETE:
        return None
    found = (body or {}).get(name)
    return found if isinstance(found, dict) else None


def _objects(value: Json) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Json) -> list[str]:
    """The texts of a list; what is no text is written as one, so that nothing is passed over."""
    return [str(item) for item in value if item is not None] if isinstance(value, list) else []


def _address(written: str) -> Region:
    """All flows to an address; what is none is nowhere, and nobody may reach it."""
    try:
        return EGRESS_IP.box({"address": EGRESS_IP.axis("address").single(written)})
    except ValueError:
        return EGRESS_IP.empty


def _host(written: Json) -> Region:
    try:
        return EGRESS_HOST.box({"host": EGRESS_HOST.axis("host").single(str(written))})
    except ValueError:
        return EGRESS_HOST.empty


CHECKS = (external_name, external_address, endpoints)
