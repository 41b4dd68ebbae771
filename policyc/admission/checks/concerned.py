"""Findings about agents that a request concerns without being theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from policyc.admission.bundle import Agent
from policyc.admission.case import Case
from policyc.admission.request import Operation
from policyc.admission.verdict import Finding
from policyc.admission.view import Kind
from policyc.catalog.machinery import controller

_ORDER = ("enforce", "audit", "observe")


def strictest(case: Case, agents: Iterable[Agent | str]) -> Iterator[Case]:
    """The case, looked at for one agent after the other, in the order in which findings weigh."""
    known = [case.bundle.agents[a] if isinstance(a, str) else a for a in agents]
    for agent in sorted(known, key=lambda agent: (_ORDER.index(agent.stage), agent.name)):
        yield case.about(agent)


SHOWN = 3
"""How much of an excess a message shows; it takes one more to know that there is more."""
MOST_AGENTS = 20
"""How many agents one request is reported for: the strictest stages come first."""


def brief(lines: Sequence[str]) -> str:
    """The first lines, and whether there are more."""
    return "; ".join(lines[:SHOWN]) + ("; and more" if len(lines) > SHOWN else "")


_EMPTIES = ("*", "namespace-controller")
"""Controllers that empty a namespace; ``*`` is whichever, where all share one user."""


def is_emptied(case: Case) -> bool:
    """Whether the object goes because its namespace is being deleted: by the controller of those."""
    request = case.request
    if request.operation is not Operation.DELETE or controller(request.user) not in _EMPTIES:
        return False
    body = case.view.get("", "Namespace", "", request.namespace)
    metadata = body.get("metadata") if body is not None else None
    return isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))


def unknown(case: Case, kinds: Iterable[Kind]) -> Finding:
    """What the decision rests on is not known, so it is no."""
    missing = sorted(kind for _, kind in case.view.unknown & frozenset(kinds))
    return case.finding(
        "STATE_UNKNOWN",
        f"the cluster's {' and '.join(missing)} objects are not known now",
        is_ratcheted=False,
    )
