"""What Hypothesis draws from a policy root, inside of what it permits and just outside."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from policyc.admission.manifests import OFFLINE, request_of
from policyc.admission.request import Object
from policyc.core.canonical import Json
from policyc.denote.network_policy import FLOW_DOMAINS
from policyc.envelope.domains import DOMAINS
from policyc.envelope.region import Point
from policyc.kube.images import image
from policyc.testing.asks import ASKS, Ask, ask, ceiling
from policyc.testing.points import beside, inside, representatives
from policyc.testing.root import PolicyAgent, PolicyRoot

FLOWS = (*FLOW_DOMAINS, "egress_host")
REQUESTS = ("kube", "kube_url")


@dataclass(frozen=True)
class Attempt:
    """One thing that an agent may try: a point of a domain."""

    agent: PolicyAgent
    domain: str
    point: Point

    @property
    def is_granted(self) -> bool:
        """Whether the agent may, by the compiler's envelope."""
        return self.point in ceiling(self.agent, self.domain)

    @property
    def ask(self) -> Ask | None:
        """The object that would let the agent do it; None where no object can."""
        return ask(self.agent, self.domain, self.point)


def agents(policy: PolicyRoot) -> SearchStrategy[PolicyAgent]:
    """The agents of the policies."""
    return st.sampled_from(list(policy.agents.values()))


def attempts(
    agent: PolicyAgent,
    domains: Iterable[str] = tuple(DOMAINS),
    *,
    granted: bool | None = None,
) -> SearchStrategy[Attempt]:
    """What an agent may try; only what is granted, or only what is not, where that is said."""
    made: list[SearchStrategy[Attempt]] = []
    for domain in domains:
        most = ceiling(agent, domain)
        for points, is_in in ((inside, True), (beside, False)):
            drawn = points(most)
            if granted in (None, is_in) and not drawn.is_empty:
                made.append(_attempts(agent, domain, drawn, granted=is_in))
    if not made:
        return st.nothing()
    # Not `one_of`: it would make one list of all branches, and there are far more ways to lie
    # beside a region than boxes of it.
    return st.sampled_from(made).flatmap(lambda drawn: drawn)


def corners(agent: PolicyAgent, domain: str, *, granted: bool | None = None) -> Iterator[Attempt]:
    """A point of each box of what an agent may do, and of what it may not: of each kind there is one."""
    most = ceiling(agent, domain)
    for region, is_in in ((most, True), (DOMAINS[domain].full - most, False)):
        for point in representatives(region) if granted in (None, is_in) else ():
            attempt = Attempt(agent, domain, _pinned(point) if domain == "image" else point)
            if attempt.is_granted is is_in:
                yield attempt


def _attempts(
    agent: PolicyAgent, domain: str, points: SearchStrategy[Point], *, granted: bool
) -> SearchStrategy[Attempt]:
    if domain == "image":
        points = points.map(_pinned)
    return points.map(lambda point: Attempt(agent, domain, point)).filter(
        lambda attempt: attempt.is_granted is granted
    )


def _pinned(point: Point) -> Point:
    """The image by a digest: without one, admission asks for it and looks no further."""
    try:
        repository = image(point["reference"].partition("@")[0].lower()).repository
    except ValueError:
        repository = "registry.example.com/x"
    return {"reference": f"{repository}@sha256:{'ab' * 32}"}


def flows(agent: PolicyAgent, *, granted: bool | None = None) -> SearchStrategy[Attempt]:
    """Connections of an agent, to and from addresses, pods and hosts."""
    return attempts(agent, FLOWS, granted=granted)


def rbac_requests(agent: PolicyAgent, *, granted: bool | None = None) -> SearchStrategy[Attempt]:
    """Requests of an agent to the Kubernetes API."""
    return attempts(agent, REQUESTS, granted=granted)


def asks(agent: PolicyAgent, *, granted: bool | None = None) -> SearchStrategy[Ask]:
    """Objects that ask for something for an agent: workloads, roles, NetworkPolicies."""
    drawn = attempts(agent, ASKS, granted=granted).map(lambda attempt: attempt.ask)
    return drawn.filter(lambda found: found is not None)  # type: ignore[return-value]  # filtered


_CHANGES: dict[str, Callable[[Object, Object], None]] = {
    "host-network": lambda pod, _: pod.update(hostNetwork=True),
    "host-pid": lambda pod, _: pod.update(hostPID=True),
    "other-account": lambda pod, _: pod.update(serviceAccountName="default"),
    "host-path": lambda pod, _: pod.update(volumes=[{"name": "host", "hostPath": {"path": "/"}}]),
    "privileged": lambda _, security: security.update(privileged=True),
    "escalation": lambda _, security: security.update(allowPrivilegeEscalation=True),
    "writable-root": lambda _, security: security.update(readOnlyRootFilesystem=False),
    "root": lambda _, security: security.update(runAsUser=0),
    "no-seccomp": lambda _, security: security.update(seccompProfile={"type": "Unconfined"}),
}
"""Ways in which a pod asks for more than any agent has."""


@st.composite
def workloads(draw: DrawFn, agent: PolicyAgent, *, granted: bool | None = None) -> Object:
    """The agent's workload as it may be, or with up to three faults; AssertionError if it has none."""
    assert agent.workload is not None, f"{agent} has no workload: a cloud runs it"
    body = copy.deepcopy(agent.workload)
    if granted is True:
        return body
    least = 1 if granted is False else 0
    names = draw(st.sets(st.sampled_from(sorted(_CHANGES)), min_size=least, max_size=3))
    pod, container = agent.pod_of(body)
    security = container.setdefault("securityContext", {})
    assert isinstance(security, dict)
    for name in sorted(names):
        _CHANGES[name](pod, security)
    return body


def reviews(agent: PolicyAgent, *, granted: bool | None = None) -> SearchStrategy[Object]:
    """AdmissionReviews of objects that ask for something, and of the agent's workload."""
    asked = asks(agent, granted=granted).map(lambda ask: ask.body)
    return (workloads(agent, granted=granted) | asked).map(_review)


def _review(body: Object) -> Object:
    request = request_of(body)
    version: dict[str, Json] = {"group": request.group, "version": request.version}
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": request.uid,
            "operation": request.operation.value,
            "kind": {**version, "kind": request.kind},
            "resource": {**version, "resource": request.resource},
            "namespace": request.namespace,
            "name": request.name,
            "userInfo": {"username": OFFLINE},
            "object": body,
        },
    }
