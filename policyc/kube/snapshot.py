"""All objects of some kinds, listed once from a live cluster."""

from __future__ import annotations

from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Protocol

from policyc.core.errors import PolicycError
from policyc.kube.client import ApiFault, Object, Resource

Kind = tuple[str, str]
"""API group (empty: core) and kind."""
Step = Callable[[int, int], None]
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class Source(Protocol):
    """A cluster as policyc.kube.client has it."""

    def resource(self, group: str, kind: str) -> Resource | None: ...
    def list(self, resource: Resource) -> tuple[list[Object], str]: ...


def snapshot(source: Source, kinds: Collection[Kind], step: Step | None) -> list[Object]:
    """The objects of every kind that the cluster serves; ``step`` is told of each kind.

    PolicycError PC7117 names every resource that may not be listed: a scan that passed one
    over would call a cluster clean that it has not seen.  PC7118 when the server does not answer.
    """
    found: list[Object] = []
    refused: dict[str, ApiFault] = {}
    for done, kind in enumerate(sorted(kinds), 1):
        name = f"{kind[1]}.{kind[0]}".rstrip(".")
        try:
            if resource := source.resource(*kind):
                name = f"{resource.plural}.{resource.group}".rstrip(".")
                found += source.list(resource)[0]
        except ApiFault as fault:
            if fault.status not in _REFUSED:
                raise PolicycError("PC7118", f"cannot list `{name}`: {fault.message}") from fault
            refused[name] = fault
        if step:
            step(done, len(kinds))
    if refused:
        first = next(iter(refused.values()))
        raise PolicycError(
            "PC7117",
            f"no right to list {', '.join(f'`{name}`' for name in refused)}: {first.message}",
            help="list them all: the ClusterRole that `policyc webhook manifests` prints is a start",
        ) from first
    return found
