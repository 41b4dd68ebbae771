"""What reaches agents from outside of their namespaces, by what the cluster's objects say now.

Which roles agents have, and by which labels their NetworkPolicies choose other namespaces,
stands in no table: it is read from the cluster, and written into match conditions, so that
what concerns no agent is never held up while no webhook answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from policyc.admission.bundle import Bundle
from policyc.admission.checks.namespaces import peers
from policyc.admission.flows import KINDS as POLICIES
from policyc.admission.grants import KINDS as GRANTS
from policyc.admission.grants import bindings, members
from policyc.admission.view import RBAC, View, key_of
from policyc.core.canonical import Json
from policyc.denote.network_policy import NAMESPACE_LABEL
from policyc.deploy.conditions import texts, texts_in
from policyc.envelope.domains import EGRESS_PEER, INGRESS_PEER

ALL = "*"
"""In the place of names that are too many for an expression: all there are.

``namespace/*`` stands for all Roles of one namespace: whoever binds many roles of his own
namespace to an agent closes that namespace, and no other.
"""
_MOST_CHARACTERS = 20_000
"""Of all names together: cel-go refuses expressions of more than 100,000 characters."""
_OF_NAMESPACE = "namespace:"
"""Begins the name of an axis that is a namespace's label."""
_ROLES = re.compile(r"\.exists\(x, x in \[([^\]]*)\]\)")
_LABELS = re.compile(r"\[([^\]]*)\]\.exists\(k, ")


@dataclass(frozen=True, slots=True)
class Reach:
    """``roles``: a ClusterRole's name, a Role's ``namespace/name``; ``labels``: keys.

    ``is_whole`` says that the agents and all of the cluster were known: only then is missing
    what is not here.
    """

    roles: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    is_whole: bool = field(default=True, compare=False)

    @classmethod
    def of(cls, roles: Iterable[str], labels: Iterable[str], *, is_whole: bool = True) -> Reach:
        return cls(_bounded(frozenset(roles)), _bounded(frozenset(labels)), is_whole)

    @property
    def wildcards(self) -> frozenset[str]:
        """Where all there are stand in the place of names."""
        found = {name for name in self.roles if name == ALL or name.endswith(f"/{ALL}")}
        return frozenset(found | ({ALL} & self.labels))

    def __or__(self, other: Reach) -> Reach:
        return Reach.of(self.roles | other.roles, self.labels | other.labels)

    def __and__(self, other: Reach) -> Reach:
        return Reach.of(self.roles & other.roles, self.labels & other.labels)

    def __sub__(self, other: Reach) -> Reach:
        return Reach.of(self.roles - other.roles, self.labels - other.labels)

    def __le__(self, other: Reach) -> bool:
        return self | other == other


def _bounded(names: frozenset[str]) -> frozenset[str]:
    """As few wildcards as fit, those of the namespaces first that have most to say."""
    if ALL in names:
        return frozenset({ALL})
    of_namespace: dict[str, set[str]] = {}
    for name in names:
        space, slash, _ = name.partition("/")
        of_namespace.setdefault(space + slash if slash else "", set()).add(name)
    kept = {s: {s + ALL} if s + ALL in of_s else of_s for s, of_s in of_namespace.items()}
    sizes = {space: len(texts(listed)) for space, listed in kept.items()}
    # What has no namespace, ClusterRoles and labels, comes last.
    for space in sorted(kept, key=lambda s: (s == "", -sizes[s], s)):
        if sum(sizes.values()) <= _MOST_CHARACTERS:
            break
        kept[space] = {space + ALL}
        sizes[space] = len(texts(kept[space]))
    found = frozenset().union(*kept.values())
    is_short = sum(sizes.values()) <= _MOST_CHARACTERS and ALL not in found
    return found if is_short else frozenset({ALL})


def reach_of(view: View, bundle: Bundle | None) -> Reach:
    """What the cluster's bindings and NetworkPolicies make of it; without a bundle nothing is known."""
    if bundle is None:
        return Reach(is_whole=False)
    return view.memo(
        ("reach", bundle.digest),
        lambda: Reach.of(
            _roles(view, bundle),
            _labels(view, bundle),
            is_whole=view.unknown.isdisjoint(GRANTS | POLICIES),
        ),
        GRANTS | POLICIES,
    )


def reach_of_envelopes(bundle: Bundle) -> Reach:
    """What the compiler's own NetworkPolicies choose namespaces by: all that is known without a cluster."""
    envelopes = [agent.envelope for agent in bundle.agents.values()]
    axes = {
        axis
        for envelope in envelopes
        for name in (EGRESS_PEER.name, INGRESS_PEER.name)
        for box in envelope.domains[name].boxes()
        for axis in box
    }
    keys = {axis.removeprefix(_OF_NAMESPACE) for axis in axes if axis.startswith(_OF_NAMESPACE)}
    return Reach.of((), keys - {NAMESPACE_LABEL})


def _roles(view: View, bundle: Bundle) -> Iterator[str]:
    """The roles of agents' accounts, and those that flow into them, outside of agents' namespaces."""
    for binding in bindings(view):
        if not any(_is_of_agents(bundle, key) for key in binding.accounts):
            continue
        kind, name = binding.role
        if kind == "ClusterRole":
            yield from _parts(view, name)
        elif binding.namespace not in bundle.by_namespace:
            yield f"{binding.namespace}/{name}"


def _is_of_agents(bundle: Bundle, key: str) -> bool:
    """Whether accounts as ``denote.rbac.bound`` has them could be an agent's."""
    space, _, name = key.partition("/")
    if not key:
        return bool(bundle.by_account)
    return key in bundle.by_account if name else space in bundle.by_namespace


def _parts(view: View, name: str) -> Iterator[str]:
    yield name  # it may be written after its binding
    role = view.get(RBAC, "ClusterRole", "", name)
    if role is None:
        return
    try:
        yield from (key_of(part)[1] for part in members(view, role))
    except ValueError:
        yield ALL


def _labels(view: View, bundle: Bundle) -> Iterator[str]:
    for extents, policy in peers(view):
        if policy.namespace in bundle.by_namespace:
            yield from extents.keys() - {NAMESPACE_LABEL}


def written(configuration: dict[str, Json]) -> Reach:
    """The names that a configuration's match conditions hold, whoever wrote them."""
    text = "\n".join(_expressions(configuration))
    roles, labels = (
        {name for inner in form.findall(text) for name in texts_in(inner)}
        for form in (_ROLES, _LABELS)
    )
    return Reach.of(roles, labels)


def _expressions(configuration: dict[str, Json]) -> Iterator[str]:
    listed = configuration.get("webhooks")
    for entry in listed if isinstance(listed, list) else ():
        conditions = entry.get("matchConditions") if isinstance(entry, dict) else None
        for one in conditions if isinstance(conditions, list) else ():
            if isinstance(one, dict):
                yield str(one.get("expression", ""))
