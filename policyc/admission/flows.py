"""What the cluster's NetworkPolicies let a pod's traffic through, together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.pods import account_of
from policyc.admission.request import Object
from policyc.admission.view import View, key_of, labels_of
from policyc.core.canonical import Json
from policyc.denote.network_policy import FLOW_DOMAINS, flow_ceiling, permitted
from policyc.denote.selectors import admits, selected
from policyc.envelope.axes import Extent
from policyc.envelope.domains import DOMAINS
from policyc.envelope.region import Region

GROUP = "networking.k8s.io"
KINDS = frozenset({(GROUP, "NetworkPolicy")})
DIRECTIONS = {"egress": FLOW_DOMAINS[:2], "ingress": FLOW_DOMAINS[2:]}
"""Direction -> its domains."""

Flows = Mapping[str, Region]
"""Domain -> region; a domain that is absent is empty."""


class Policy:
    """One NetworkPolicy as read; what cannot be read selects all and lets everything through."""

    def __init__(self, body: Object) -> None:
        self.body = body
        self.namespace, self.name = key_of(body)
        spec = body.get("spec")
        self._spec: dict[str, Json] = spec if isinstance(spec, dict) else {}

    @cached_property
    def selected(self) -> Mapping[str, Extent]:
        """What it asks of pods' labels."""
        try:
            return selected(self._spec.get("podSelector") or {})
        except ValueError:
            return {}

    @cached_property
    def flows(self) -> Flows:
        """The domains of the directions that it isolates, and what it lets through."""
        try:
            return permitted(self.body.get("spec"), self.namespace)
        except ValueError:
            return {name: DOMAINS[name].full for name in FLOW_DOMAINS}

    @property
    def asked_label(self) -> tuple[str, str] | None:
        """A label that every selected pod has, where the selector says so plainly."""
        match self._spec.get("podSelector"):
            case {"matchLabels": dict(labels), **rest} if labels and not rest:
                key, value = next(iter(labels.items()))
                return key, str(value)
        return None

    def isolates(self, direction: str) -> bool:
        return DIRECTIONS[direction][0] in self.flows

    def selects(self, labels: Mapping[str, str]) -> bool:
        return admits(self.selected, labels)


@dataclass(frozen=True, slots=True)
class _Index:
    """The policies of one namespace, by one label that they ask for."""

    by_label: Mapping[tuple[str, str], list[Policy]]
    others: list[Policy]

    def selecting(self, labels: Mapping[str, str]) -> list[Policy]:
        found = [p for pair in labels.items() for p in self.by_label.get(pair, ())]
        return [p for p in (*found, *self.others) if p.selects(labels)]


def policies(view: View, namespace: str) -> list[Policy]:
    """The NetworkPolicies of a namespace."""
    return view.memo("policies", lambda: _by_namespace(view), KINDS).get(namespace, [])


def selecting(view: View, namespace: str, labels: Mapping[str, str]) -> list[Policy]:
    """The NetworkPolicies that select a pod with these labels."""
    made = view.memo(("index", namespace), lambda: _index(policies(view, namespace)), KINDS)
    return made.selecting(labels)


def _by_namespace(view: View) -> Mapping[str, list[Policy]]:
    found: dict[str, list[Policy]] = {}
    for body in view.all(GROUP, "NetworkPolicy"):
        policy = view.reading((GROUP, "NetworkPolicy"), body, Policy)
        found.setdefault(policy.namespace, []).append(policy)
    return found


def _index(listed: Iterable[Policy]) -> _Index:
    by_label: dict[tuple[str, str], list[Policy]] = {}
    others = []
    for policy in listed:
        label = policy.asked_label
        if label is None:
            others.append(policy)
        else:
            by_label.setdefault(label, []).append(policy)
    return _Index(by_label, others)


def ceiling(bundle: Bundle, agent: Agent) -> Flows:
    """The most that the network may let an agent do; ``agent`` is that of today."""
    return bundle.memo(("flows", agent.name, agent.ends), lambda: flow_ceiling(agent.envelope))


@dataclass(frozen=True, slots=True)
class Excess:
    """What policies let through beyond a ceiling.

    ``open`` are directions that no policy isolates: everything is let through.
    ``wider`` are the policies that let too much through, each with how much.
    """

    open: tuple[str, ...]
    wider: tuple[tuple[str, Flows], ...]

    def __bool__(self) -> bool:
        return bool(self.open or self.wider)

    def flows(self) -> Flows:
        found: dict[str, Region] = {}
        for direction in self.open:
            found |= {name: DOMAINS[name].full for name in DIRECTIONS[direction]}
        for _, flows in self.wider:
            for name, region in flows.items():
                found[name] = found.get(name, DOMAINS[name].empty) | region
        return found

    def __le__(self, other: Excess) -> bool:
        most = other.flows()
        return all(
            region <= most.get(name, DOMAINS[name].empty) for name, region in self.flows().items()
        )


def excess(view: View, namespace: str, labels: Mapping[str, str], most: Flows) -> Excess:
    """What a pod with these labels is let do beyond ``most``."""
    chosen = selecting(view, namespace, labels)
    key = ("excess", namespace, tuple(p.name for p in chosen), tuple(most.values()))
    return view.memo(key, lambda: _excess(chosen, most), KINDS)


def _excess(chosen: list[Policy], most: Flows) -> Excess:
    wider = [(p.name, over) for p in chosen if (over := minus(p.flows, most))]
    opened = [
        direction
        for direction, names in DIRECTIONS.items()
        if not any(p.isolates(direction) for p in chosen)
        and not all(DOMAINS[name].full <= most[name] for name in names)
    ]
    return Excess(tuple(opened), tuple(wider))


def minus(flows: Flows, *less: Flows) -> Flows:
    """What is left of flows when others are taken out."""
    found = {}
    for name, region in flows.items():
        for other in less:
            region -= other.get(name, DOMAINS[name].empty)  # noqa: PLW2901  # the rest of it
        if region:
            found[name] = region
    return found


def label_sets(view: View, agent: Agent) -> list[Mapping[str, str]]:
    """The labels of an agent's pods: those that select it, and those that its pods carry now."""
    subject = agent.envelope.subject
    index = view.memo("labels by account", lambda: _by_account(view), frozenset({("", "Pod")}))
    return [dict(subject.pod_labels), *map(dict, index.get(subject.service_account, ()))]


def _by_account(view: View) -> Mapping[str, set[frozenset[tuple[str, str]]]]:
    found: dict[str, set[frozenset[tuple[str, str]]]] = {}
    for pod in view.all("", "Pod"):
        spec = pod.get("spec")
        account = account_of(spec if isinstance(spec, dict) else {})
        labels = frozenset(labels_of(pod).items())
        found.setdefault(f"{key_of(pod)[0]}/{account}", set()).add(labels)
    return found
