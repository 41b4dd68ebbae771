"""One agent reconciled: what is declared, what of it was used, and what follows from the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from policyc.admission.grants import Binding
from policyc.admission.view import View
from policyc.envelope.model import Envelope
from policyc.envelope.observation import Observed
from policyc.reconcile.amplify import Amplification, amplifications
from policyc.reconcile.blast import downstream
from policyc.reconcile.dormant import Dormant, declared, dormant
from policyc.reconcile.frameworks import Framework, frameworks
from policyc.reconcile.observed import use
from policyc.reconcile.permission import Permission
from policyc.reconcile.rbac import dangling
from policyc.reconcile.reach import Capability, reachable
from policyc.reconcile.rights import rights
from policyc.semantics.model import CheckedAgent, CheckedPolicy, Disposition


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """``declared`` by name; ``dormant`` by blast score; ``idle`` are decisions on nothing that is dormant.

    ``dangling`` are bindings whose role the manifests do not have.
    """

    agent: CheckedAgent
    declared: tuple[Permission, ...]
    dormant: tuple[Dormant, ...]
    idle: tuple[Disposition, ...]
    capabilities: tuple[Capability, ...]
    amplifications: tuple[Amplification, ...]
    frameworks: tuple[Framework, ...]
    downstream: tuple[str, ...]
    dangling: tuple[Binding, ...] = ()

    @property
    def used(self) -> int:
        """How many of the declared permissions were seen used."""
        return len(self.declared) - len(self.dormant)


def reconcile(
    agent: CheckedAgent,
    policy: CheckedPolicy,
    view: View,
    observed: Observed,
    envelope: Envelope,
) -> Reconciliation:
    """Declared by ``view`` (the manifests) and the policy, against ``observed``.

    ValueError for a manifest that cannot be read.
    """
    below = downstream(agent.name, _delegates(policy))
    permissions = declared(view, agent, policy)
    unused = dormant(permissions, use(observed, agent, policy, envelope), agent, len(below))
    decided = [one.disposition for one in unused]
    own_rights = rights(view, agent.service_account, envelope.domains["tools"], policy)
    delegators = [other.name for other in policy.agents if agent.name in other.delegates]
    return Reconciliation(
        agent,
        permissions,
        unused,
        tuple(d for d in agent.dispositions if d not in decided),
        tuple(reachable(envelope, policy, own_rights, delegators)),
        _first_of_each(amplifications(agent, own_rights, policy.agents, view)),
        tuple(frameworks(view, agent)),
        tuple(sorted(below)),
        tuple(dangling(view, agent.service_account)) if agent.service_account else (),
    )


def overdue(agent: CheckedAgent, as_of: date) -> tuple[Disposition, ...]:
    """The decisions whose day has passed; a decision holds to the end of its day, in UTC."""
    return tuple(d for d in agent.dispositions if date.fromisoformat(d.clause.until) < as_of)


def _delegates(policy: CheckedPolicy) -> Mapping[str, tuple[str, ...]]:
    return {agent.name: agent.delegates for agent in policy.agents}


def _first_of_each(found: Iterable[Amplification]) -> tuple[Amplification, ...]:
    """One for each target, surface and right: the further requests say nothing more."""
    kept: dict[tuple[object, ...], Amplification] = {}
    for one in found:
        kept.setdefault((one.target, one.surface, str(one.right)), one)
    return tuple(kept.values())
