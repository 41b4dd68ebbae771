"""The reconciliation of a policy root's agents with the manifests of a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from policyc.admission.view import View, key_of
from policyc.core.diagnostics import Diagnostic, has_errors, in_order
from policyc.envelope.model import Envelope
from policyc.kube.places import Placed
from policyc.pipeline.agents import chosen
from policyc.pipeline.build import lower_agent
from policyc.pipeline.compile import checked, nothing_to_judge
from policyc.pipeline.inputs import observe
from policyc.reconcile.delegation import Delegation, delegations
from policyc.reconcile.findings import delegated, findings
from policyc.reconcile.reconciliation import Reconciliation, reconcile
from policyc.semantics.model import CheckedAgent, CheckedPolicy


@dataclass(frozen=True, slots=True)
class Reconciled:
    """``bad`` is wrong input: then nothing is judged."""

    agents: tuple[Reconciliation, ...]
    chains: tuple[Delegation, ...]
    found: tuple[Diagnostic, ...]
    bad: tuple[Diagnostic, ...]


def reconcile_root(
    root: Path, manifests: Sequence[Placed], names: Iterable[str], *, as_of: date
) -> Reconciled:
    """Reconcile the named agents, or all; PolicycError PC7057 for an unknown name, PC7056 without any."""
    _, policy, bad = checked(root)
    if has_errors(bad):
        return Reconciled((), (), (), tuple(in_order(bad)))
    if not policy.agents:
        raise nothing_to_judge(root)
    bad, envelopes = _envelopes(root, policy, as_of)
    wanted = chosen(policy, names)
    if has_errors(bad):
        return Reconciled((), (), (), tuple(in_order(bad)))
    view = View.of(one.body for one in manifests)
    places = {_name(one): one.span("metadata.name") for one in manifests}
    agents: list[Reconciliation] = []
    found: list[Diagnostic] = []
    for agent in wanted:
        try:
            seen = observe(root, agent).value
            one = reconcile(agent, policy, view, seen, envelopes[agent.name])
        except ValueError as fault:
            bad.append(_unreadable(agent, str(fault)))
            continue
        agents.append(one)
        found += findings(one, as_of, places)
    chains = [c for c in delegations(envelopes) if c.chain[0] in {a.name for a in wanted}]
    found += delegated(chains, {agent.name: agent for agent in policy.agents})
    if has_errors(bad):
        return Reconciled((), (), (), tuple(in_order(bad)))
    return Reconciled(tuple(agents), tuple(chains), tuple(in_order(found)), ())


def _envelopes(
    root: Path, policy: CheckedPolicy, as_of: date
) -> tuple[list[Diagnostic], dict[str, Envelope]]:
    """Every agent's envelope: also of those that nobody asked for, since others delegate to them."""
    bad: list[Diagnostic] = []
    envelopes: dict[str, Envelope] = {}
    for agent in policy.agents:
        envelope, said = lower_agent(root, agent, policy, as_of)
        bad += said
        if envelope is not None:
            envelopes[agent.name] = envelope
    return bad, envelopes


def _unreadable(agent: CheckedAgent, fault: str) -> Diagnostic:
    return Diagnostic(
        "PC3249",
        f"agent `{agent.name}`: a manifest that concerns it cannot be read: {fault}",
        agent.span,
        help="pass the objects as the API server has them: `kubectl get -o yaml`",
    )


def _name(one: Placed) -> str:
    space, name = key_of(one.body)
    return (
        f"{one.body.get('kind', '')} {space}/{name}"
        if space
        else f"{one.body.get('kind', '')} {name}"
    )
