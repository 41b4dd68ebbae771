"""What two agents cannot have in common: a pod, a selector's pods, a ServiceAccount.

An envelope is one container's, and the network and the API know no containers: a
NetworkPolicy selects pods, all policies that select a pod add up
(https://kubernetes.io/docs/concepts/services-networking/network-policies/), and a pod has
one ServiceAccount, of its own namespace.  Two agents in one pod would have each other's rights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policyc.core.diagnostics import Diagnostic, Related
from policyc.semantics.model import CheckedAgent


def refuse_shared(agents: Sequence[CheckedAgent], found: list[Diagnostic]) -> None:
    """PC3005 for two agents in one pod, PC3006 for a ServiceAccount that is not the agent's alone."""
    pods: dict[tuple[str, str, str, str], CheckedAgent] = {}
    accounts: dict[str, CheckedAgent] = {}
    for agent in agents:
        if (ref := agent.workload) is not None:
            first = pods.setdefault((ref.kind, ref.group, ref.namespace, ref.name), agent)
            if first is not agent:
                found.append(_in_one_pod(first, agent))
        if agent.service_account:
            first = accounts.setdefault(agent.service_account, agent)
            if first is not agent:
                found.extend(_of_one_account(first, agent))
        found.extend(_elsewhere(agent))
    found.extend(_overlapping(tuple(pods.values())))


def _in_one_pod(first: CheckedAgent, agent: CheckedAgent) -> Diagnostic:
    assert agent.workload is not None
    assert agent.workload_span is not None
    assert first.workload_span is not None
    is_same = first.workload == agent.workload
    return Diagnostic(
        "PC3005",
        f"agents `{first.name}` and `{agent.name}` are bound to one {'container' if is_same else 'pod'}",
        agent.workload_span,
        (Related(first.workload_span, f"`{first.name}` is bound to it here"),),
        help="an agent is one container of one workload, and the only agent in its pods",
    )


def _of_one_account(first: CheckedAgent, agent: CheckedAgent) -> Iterator[Diagnostic]:
    if agent.identity_span is not None and first.identity_span is not None:
        yield Diagnostic(
            "PC3006",
            f"agents `{first.name}` and `{agent.name}` share the ServiceAccount `{agent.service_account}`",
            agent.identity_span,
            (Related(first.identity_span, f"`{first.name}` uses it here"),),
            help="give each agent a ServiceAccount of its own",
        )


def _elsewhere(agent: CheckedAgent) -> Iterator[Diagnostic]:
    """A ServiceAccount of another namespace: the pod would run with its namesake beside it."""
    space, _, name = agent.service_account.partition("/")
    if agent.workload is None or not name or agent.identity_span is None:
        return
    if space != agent.workload.namespace and agent.workload_span is not None:
        yield Diagnostic(
            "PC3006",
            f"the pods of agent `{agent.name}` cannot use `{agent.service_account}`: "
            "a ServiceAccount is of the pods' own namespace",
            agent.identity_span,
            (Related(agent.workload_span, f"its pods are in `{agent.workload.namespace}`"),),
            help=f"write `identity {agent.workload.namespace}/{name}`",
        )


def _overlapping(agents: Sequence[CheckedAgent]) -> Iterator[Diagnostic]:
    """Agents whose pods another agent's labels select too."""
    bearing: dict[tuple[str, str, str], list[CheckedAgent]] = {}
    for agent in agents:
        for key in _labels(agent):
            bearing.setdefault(key, []).append(agent)
    for agent in agents:
        wanted = _labels(agent)
        # The rarest label leaves the fewest to compare, so a fleet is not compared pair by pair.
        for other in min((bearing[key] for key in wanted), key=len, default=[]):
            both = wanted <= _labels(other)
            # Equal labels select both ways: said once, at the later name.
            if (
                both
                and other is not agent
                and (wanted != _labels(other) or other.name > agent.name)
            ):
                yield _selected(agent, other)


def _labels(agent: CheckedAgent) -> frozenset[tuple[str, str, str]]:
    space = agent.workload.namespace if agent.workload is not None else ""
    return frozenset((space, key, value) for key, value in agent.pod_labels)


def _selected(agent: CheckedAgent, other: CheckedAgent) -> Diagnostic:
    assert agent.workload_span is not None
    assert other.workload_span is not None
    labels = ", ".join(f"{key}={value}" for key, value in agent.pod_labels)
    return Diagnostic(
        "PC3005",
        f"the labels of agent `{agent.name}` ({labels}) select the pods of agent `{other.name}` too",
        other.workload_span,
        (Related(agent.workload_span, f"`{agent.name}` is bound here"),),
        help="NetworkPolicies add up: give the pods of each agent a label of their own",
    )
