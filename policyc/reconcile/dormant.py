"""Dormant permissions: declared and never observed, by name, in two kinds, with what is decided on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from policyc.admission.view import View
from policyc.reconcile import network, rbac, tools
from policyc.reconcile.blast import Blast, blast
from policyc.reconcile.observed import Use
from policyc.reconcile.permission import Kind, Permission, joined
from policyc.semantics.model import CheckedAgent, CheckedPolicy, Disposition


@dataclass(frozen=True, slots=True)
class Dormant:
    """A permission that nobody saw used.

    ``is_certain``: a recording looked at its domain and lost nothing there.  Without that
    its absence proves nothing, and nothing is asked of anybody.
    """

    permission: Permission
    blast: Blast
    is_certain: bool
    disposition: Disposition | None

    @property
    def kind(self) -> Kind:
        return self.permission.kind


def declared(view: View, agent: CheckedAgent, policy: CheckedPolicy) -> tuple[Permission, ...]:
    """All permissions that the manifests and registrations give an agent, by name.

    ValueError for a manifest that cannot be read: nothing may be called undeclared then.
    """
    servers = {d.name: d for d in policy.declared.values() if d.kind == "mcp"}
    return joined(
        [
            *(rbac.declared(view, agent.service_account) if agent.service_account else ()),
            *network.declared(view, agent, policy.cluster),
            *tools.declared(view, agent, servers),
        ]
    )


def dormant(
    permissions: Sequence[Permission], use: Use, agent: CheckedAgent, downstream: int
) -> tuple[Dormant, ...]:
    """The permissions of which nothing was used, the greatest blast score first, then by name."""
    return tuple(sorted(_unused(permissions, use, agent, downstream), key=_order))


def _unused(
    permissions: Iterable[Permission], use: Use, agent: CheckedAgent, downstream: int
) -> Iterator[Dormant]:
    namespace = agent.service_account.partition("/")[0]
    for one in permissions:
        if not use.is_used(one.region):
            yield Dormant(
                one,
                blast(one.region, namespace, downstream),
                one.domain in use.looked_at,
                _disposition(one, agent.dispositions),
            )


def _order(one: Dormant) -> tuple[int, str]:
    return (-one.blast.score, one.permission.name)


def _disposition(permission: Permission, dispositions: Iterable[Disposition]) -> Disposition | None:
    """The first line that is about all of the permission."""
    return next(
        (
            d
            for d in dispositions
            if d.clause.domain == permission.domain and permission.region <= d.clause.region
        ),
        None,
    )
