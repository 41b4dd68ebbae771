"""Recordings of an agent, drawn as the AgentProfile files that a recorder writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from policyc.admission.request import Object
from policyc.core.canonical import Json, canonical_json
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import WorkloadRef
from policyc.envelope.observation import Observed
from policyc.envelope.region import Point, Region
from policyc.kube.workloads import workload_kind
from policyc.profiles.observed import observed
from policyc.profiles.registry import read_profiles
from policyc.semantics.protected import protected
from policyc.testing.points import beside, inside, labels_of
from policyc.testing.root import PolicyAgent

_RUN = "drawn-1"


def _peer(who: Callable[[Point], Object]) -> Callable[[Point], Object]:
    return lambda p: {"protocol": p["protocol"], "port": int(p["port"]), **who(p)}


def _labels(point: Point) -> Object:
    return {f"{family}Labels": {**labels} for family, labels in labels_of(point).items()}


_ITEMS: Mapping[str, tuple[str, Callable[[Point], Object]]] = {
    "syscalls": ("syscalls", dict),
    "exec": ("executables", dict),
    "files": ("files", lambda p: {"path": p["path"], "modes": [p["mode"]]}),
    "egress_ip": ("egress", _peer(lambda p: {"address": p["address"]})),
    "egress_host": ("egress", _peer(lambda p: {"resolved": [p["host"]]})),
    "egress_peer": ("egress", _peer(_labels)),
    "ingress_ip": ("ingress", _peer(lambda p: {"address": p["address"]})),
    "ingress_peer": ("ingress", _peer(_labels)),
    "kube": ("kube", dict),
    "kube_url": ("kube", dict),
    "capabilities": ("capabilities", lambda p: {"name": p["name"], "granted": True}),
    "tools": ("tools", dict),
    "models": ("models", dict),
    "memory": ("memory", dict),
}
"""Domain -> the list of a profile that its observations are in, and how one is written."""


def room(agent: PolicyAgent, domain: str) -> Region:
    """What an observation can be granted of: the cap, without what the policy takes away.

    The protected set is not in it: no observation grants that.
    """
    region = agent.checked.cap(domain) or DOMAINS[domain].empty
    for taken in (*agent.checked.nevers, *agent.checked.denies):
        region -= taken.region if taken.domain == domain else DOMAINS[domain].empty
    return region - protected().get(domain, DOMAINS[domain].empty)


def profiles(agent: PolicyAgent, *, granted: bool | None = None) -> SearchStrategy[Object]:
    """Recordings of the agent's container: what lies in its cap and just beside it, or one of both."""
    items: list[SearchStrategy[tuple[str, Object]]] = []
    for domain in _ITEMS:
        within = room(agent, domain)
        drawn = [] if granted is False else [inside(within)]
        drawn += [] if granted is True else [beside(within)]
        items += [_items(domain, points) for points in drawn if not points.is_empty]
    seen = st.lists(st.one_of(items), min_size=1, max_size=6)
    return seen.map(lambda listed: _document(agent, listed))


def _items(domain: str, points: SearchStrategy[Point]) -> SearchStrategy[tuple[str, Object]]:
    field, item = _ITEMS[domain]
    return points.map(lambda point: (field, item(point)))


def _document(agent: PolicyAgent, seen: list[tuple[str, Object]]) -> Object:
    domains: dict[str, Json] = {}
    for field, item in seen:
        listed = domains.setdefault(field, [])
        assert isinstance(listed, list)
        listed.append({**item, "phase": "application", "runs": [_RUN]})
    spec: dict[str, Json] = {
        "source": {"tool": "policyc.testing"},
        "runs": [{"id": _RUN}],
        **domains,
    }
    match agent.checked.workload:
        case WorkloadRef() as w:
            row = workload_kind(f"{w.kind}.{w.group}" if w.group else w.kind)
            assert row is not None
            spec["workload"] = {
                "apiVersion": row.api_version,
                "kind": w.kind,
                "namespace": w.namespace,
                "name": w.name,
                "container": w.container,
            }
    return {
        "apiVersion": "policyc.dev/v1",
        "kind": "AgentProfile",
        "metadata": {"name": f"drawn-{agent.name}"},
        "spec": spec,
    }


def read(agent: PolicyAgent, document: Object) -> Observed:
    """What a recording says of the agent, read as the compiler reads its file."""
    found = read_profiles("drawn.json", canonical_json(document))
    labelled = [("drawn.json", profile) for profile in found.value]
    return observed(labelled, agent.checked.workload, agent.checked.service_account, "")


def more_and_less(agent: PolicyAgent) -> SearchStrategy[tuple[Object, Object]]:
    """A recording, and one with a part of its items."""
    return _parted(profiles(agent))


@st.composite
def _parted(draw: DrawFn, recordings: SearchStrategy[Object]) -> tuple[Object, Object]:
    whole = draw(recordings)
    spec = whole["spec"]
    assert isinstance(spec, dict)
    part = dict(spec)
    for field in sorted({field for field, _ in _ITEMS.values()} & spec.keys()):
        listed = spec[field]
        assert isinstance(listed, list)
        part[field] = [item for item in listed if draw(st.booleans())]
    return whole, {**whole, "spec": part}
