"""Ways into a running agent that change no object: exec, attach, port-forward, proxy, binding.

The objects of these requests are options; the pod is looked up by name.  A pod of an agents'
namespace that the view does not have may be an agent.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.bound import KIND as BINDING
from policyc.admission.bundle import Agent
from policyc.admission.case import Case, agent_of
from policyc.admission.checks.scope import of_kinds, of_resources
from policyc.admission.flows import label_sets
from policyc.admission.pods import pod_in
from policyc.admission.request import Object, Operation
from policyc.admission.verdict import Finding, Level
from policyc.admission.view import annotations_of, key_of, labels_of
from policyc.catalog.machinery import is_machinery

_KUBELET_VERBS = frozenset({"exec", "run", "attach", "portForward"})
"""First parts of the kubelet's own paths that lead into a pod: pkg/kubelet/server/server.go, 1.36."""

_SCHEDULER = "system:kube-scheduler"
TOPOLOGY = frozenset({"topology.kubernetes.io/region", "topology.kubernetes.io/zone"})
"""Labels of the node that plugin/pkg/admission/podtopologylabels gives to a Binding (1.36)."""


@of_resources({"pods"})
def into_pods(case: Case) -> Iterator[Finding]:
    """CONNECT to a pod."""
    asked = case.request
    if asked.operation is Operation.CONNECT and asked.resource == "pods":
        name = _proxied(asked.name) if asked.subresource == "proxy" else asked.name
        yield from _entered(case, asked.namespace, name, f"pods/{asked.subresource}")


@of_resources({"nodes"})
def through_nodes(case: Case) -> Iterator[Finding]:
    """CONNECT to nodes/proxy: the kubelet's own API runs commands in pods by their paths."""
    asked = case.request
    if (asked.resource, asked.subresource) != ("nodes", "proxy"):
        return
    path = (asked.object or {}).get("path")
    parts = str(path or "").split("?")[0].strip("/").split("/")
    if parts[0] in _KUBELET_VERBS and len(parts) > 2:
        yield from _entered(case, parts[1], parts[2], f"nodes/proxy and {parts[0]}")
        yield from _at_home(case, parts[1], parts[0])


def _at_home(case: Case, namespace: str, verb: str) -> Iterator[Finding]:
    """As ``generated.home`` has it, of a request that has no namespace itself."""
    user, own = case.request.user, case.settings.home
    is_free = user in case.settings.operators or is_machinery(user, case.request.groups)
    if namespace == own and not is_free:
        text = f"`{user}` is no operator and would reach into `{own}` by nodes/proxy and {verb}"
        yield Finding("HOME_PROTECTED", text, is_ratcheted=False)


@of_resources({"services"})
def through_services(case: Case) -> Iterator[Finding]:
    """CONNECT to services/proxy: the API server connects to the Service's pods."""
    asked = case.request
    if (asked.resource, asked.subresource) != ("services", "proxy"):
        return
    name = _proxied(asked.name)
    agents = case.bundle.by_namespace.get(asked.namespace, ())
    service = case.view.get("", "Service", asked.namespace, name)
    if service is None and agents:
        yield _not_known(case, asked.namespace, f"Service `{asked.namespace}/{name}`")
    spec = service.get("spec") if service is not None else None
    selector = spec.get("selector") if isinstance(spec, dict) else None
    if not isinstance(selector, dict) or not selector:
        return
    for agent in agents:
        if any(selector.items() <= labels.items() for labels in label_sets(case.view, agent)):
            yield _into(case, agent, f"services/proxy of `{name}`")


@of_resources({"pods"})
def old_ephemeral_containers(case: Case) -> Iterator[Finding]:
    """Before 1.22 the subresource had a kind of its own, without the pod around it."""
    asked = case.request
    if asked.kind == "EphemeralContainers" and asked.resource == "pods":
        for agent in _agents(case, asked.namespace, asked.name):
            name = agent.name if agent is not None else _strictest(case, asked.namespace)
            text = f"ephemeral containers would be added to pod `{asked.namespace}/{asked.name}`"
            yield Finding("EPHEMERAL", text, "ephemeralContainers", name, is_ratcheted=False)


@of_kinds({BINDING})
def bindings(case: Case) -> Iterator[Finding]:
    """Who else than the scheduler gives an agent's pod a node is recorded.

    What the pod would be with the Binding's labels and annotations is judged as its update;
    of a pod that is not known nobody can say what it would be.
    """
    asked = case.request
    if (asked.group, asked.kind) != BINDING or asked.object is None:
        return
    name = asked.name or key_of(asked.object)[1]
    for agent in _agents(case, asked.namespace, name):
        if agent is None and _rewrites(asked.object):
            yield _not_known(case, asked.namespace, f"pod `{asked.namespace}/{name}`")
        elif agent is not None and asked.user != _SCHEDULER:
            text = f"`{asked.user}` binds pod `{name}` to a node"
            yield Finding("BINDING", text, "target", agent.name, level=Level.NOTE)


def _rewrites(binding: Object) -> bool:
    """Whether the pod gets more than its node, and the labels that the API server adds of it."""
    return bool(annotations_of(binding) or labels_of(binding).keys() - TOPOLOGY)


def _proxied(written: str) -> str:
    """The name in ``scheme:name:port`` or ``name:port``, as proxy requests write it."""
    parts = written.split(":")
    return parts[-2] if len(parts) > 1 else written


def _entered(case: Case, namespace: str, name: str, way: str) -> Iterator[Finding]:
    for agent in _agents(case, namespace, name):
        if agent is not None:
            yield _into(case, agent, way)
        else:
            yield _not_known(case, namespace, f"pod `{namespace}/{name}`")


def _not_known(case: Case, namespace: str, what: str) -> Finding:
    text = f"{what} is not known, and may be or lead to an agent's pod"
    owner = _strictest(case, namespace)
    return Finding("POD_UNKNOWN", text, "", owner, level=_level(case), is_ratcheted=False)


def _into(case: Case, agent: Agent, way: str) -> Finding:
    text = f"`{case.request.user}` would reach into agent `{agent.name}` by {way}"
    return Finding("EXEC", text, agent=agent.name, level=_level(case), is_ratcheted=False)


def _level(case: Case) -> Level:
    return Level.NOTE if case.request.user in case.settings.break_glass else case.settings.exec


def _strictest(case: Case, namespace: str) -> str:
    """The agent of a namespace whose stage weighs most."""
    stages = ("enforce", "audit", "observe")
    return min(case.bundle.by_namespace[namespace], key=lambda a: stages.index(a.stage)).name


def _agents(case: Case, namespace: str, name: str) -> Iterator[Agent | None]:
    """The agent of a pod, nothing when it is nobody's, None when that cannot be known."""
    if namespace not in case.bundle.by_namespace:
        return
    pod = pod_in("", "Pod", case.view.get("", "Pod", namespace, name))
    if pod is None:
        yield None
        return
    agent = agent_of(namespace, pod, case.bundle)
    if agent is not None:
        yield agent


CHECKS = (into_pods, through_nodes, through_services, old_ephemeral_containers, bindings)
