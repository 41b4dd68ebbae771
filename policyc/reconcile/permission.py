"""A permission as the manifests declare it, by name, with everything that grants it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from policyc.core.source import Span
from policyc.envelope.region import Region


class Kind(StrEnum):
    """Whose a permission is that was never used."""

    UNUSED_EXCESS = "Unused Excess"  # granted to this agent alone: take it away here
    INHERITED_OVERREACH = "Inherited Overreach"  # it came with what others share


@dataclass(frozen=True, slots=True)
class Source:
    """What grants a permission: a binding, a NetworkPolicy, a registration of tools, a policy line.

    ``shared`` says why it is not the agent's own, and is empty where it is.
    """

    text: str
    shared: str = ""
    span: Span | None = None

    @property
    def sort_key(self) -> tuple[str, str]:
        return (self.text, self.shared)


@dataclass(frozen=True, slots=True)
class Permission:
    """One line of a policy's language, and the part of a domain that it is."""

    name: str
    region: Region
    sources: tuple[Source, ...]

    @property
    def domain(self) -> str:
        return self.region.domain.name

    @property
    def kind(self) -> Kind:
        """Inherited as soon as one source is shared: to take away the others would change nothing."""
        inherited = any(source.shared for source in self.sources)
        return Kind.INHERITED_OVERREACH if inherited else Kind.UNUSED_EXCESS


def joined(permissions: Iterable[Permission]) -> tuple[Permission, ...]:
    """Each name once, with all that grants it, sorted by name.

    A name of two domains (a peer that is anywhere is an address or a pod) stays two permissions.
    """
    found: dict[tuple[str, str], Permission] = {}
    for one in permissions:
        key = (one.name, one.domain)
        other = found.get(key)
        if other is not None:
            sources = {s.sort_key: s for s in (*other.sources, *one.sources)}
            region = other.region | one.region
            one = replace(one, region=region, sources=tuple(sources[k] for k in sorted(sources)))  # noqa: PLW2901  # the joined one
        found[key] = one
    return tuple(found[key] for key in sorted(found))
