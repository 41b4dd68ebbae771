"""Annotations under ``policyc.dev/``: what a workload says that it asks for.

A claim may only be the whole truth or more than it, and never more than the envelope:
claiming less than what was found is a denial, since somebody would rely on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from policyc.admission.extract.atoms import model_asks, plain_asks, tool_asks
from policyc.admission.extract.lists import words_of
from policyc.admission.pods import Pod
from policyc.admission.readings import Reading
from policyc.admission.requested import Ask, Delegate, Endpoint, Known, Model, Region, Tool
from policyc.envelope.domains import MODELS, TOOLS
from policyc.envelope.region import Region as EnvelopeRegion

TOOLS_CLAIM = "policyc.dev/tools"
MODELS_CLAIM = "policyc.dev/models"
EGRESS_CLAIM = "policyc.dev/egress"
SERVERS_CLAIM = "policyc.dev/mcp-servers"
_NAMES = {"tools": TOOLS_CLAIM, "models": MODELS_CLAIM, "egress": EGRESS_CLAIM, "proxy": EGRESS_CLAIM}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claims:
    """The asks of the claims, and those of each domain that is claimed at all."""

    asks: tuple[Ask, ...]
    by_domain: Mapping[str, tuple[Ask, ...]]
    servers: tuple[str, ...] | None = None
    servers_path: str = ""
    _readings: dict[str, Reading] = field(default_factory=dict, compare=False, repr=False)

    def name_of(self, domain: str) -> str:
        """The annotation that speaks of a domain."""
        return _NAMES.get(domain, "")

    def covers(self, ask: Ask, region: Region) -> bool:
        """Whether the claims of the ask's domain, where there are any, hold it too."""
        claimed = self.by_domain.get(self.name_of(ask.domain))
        if claimed is None:
            return True
        regions = [a.capability.region for a in claimed if isinstance(a.capability, Known)]
        match region:
            case Tool():
                return self._reading(TOOLS_CLAIM, regions).holds_tool(region)
            case Model():
                return self._reading(MODELS_CLAIM, regions).holds_model(region)
            case Endpoint():
                return any(_is_same_place(region, other) for other in regions)
            case Delegate():
                return True

    def _reading(self, name: str, regions: list[Region]) -> Reading:
        """What a claim holds, put together once: asks are many, and so are claims."""
        if name not in self._readings:
            made = _claimed_tools(regions) if name == TOOLS_CLAIM else _claimed_models(regions)
            self._readings[name] = Reading(made)
        return self._readings[name]


_NONE = Claims((), {})


def claims_of(pod: Pod, most: int) -> Claims:
    """The claims of a pod's annotations, of each at most so many."""
    annotations = pod.annotations
    by_domain: dict[str, tuple[Ask, ...]] = {}
    for name in (TOOLS_CLAIM, MODELS_CLAIM, EGRESS_CLAIM):
        text = annotations.get(name)
        if text is not None:
            path = pod.at(f"metadata.annotations['{name}']")
            by_domain[name] = tuple(islice(_asks(name, text, path), most))
    servers = annotations.get(SERVERS_CLAIM)
    if not by_domain and servers is None:
        return _NONE
    return Claims(
        tuple(a for asks in by_domain.values() for a in asks),
        by_domain,
        None if servers is None else words_of(servers) or (),
        pod.at(f"metadata.annotations['{SERVERS_CLAIM}']"),
    )


def _asks(name: str, text: str, path: str) -> Iterator[Ask]:
    if name == TOOLS_CLAIM:
        return tool_asks(text, path)
    if name == MODELS_CLAIM:
        return model_asks(text, path)
    return plain_asks("EGRESS", text, path, has_list=True)


def _claimed_tools(regions: list[Region]) -> EnvelopeRegion:
    """The claimed tools as a region: a name without a server is that tool of every server."""
    parts = []
    for region in regions:
        if isinstance(region, Tool):
            server, slash, tool = region.name.partition("/")
            point = {"server": server, "tool": tool} if slash else {"tool": region.name}
            parts.append(TOOLS.single(point))
    return TOOLS.union(parts)


def _claimed_models(regions: list[Region]) -> EnvelopeRegion:
    names = [region.name for region in regions if isinstance(region, Model)]
    return MODELS.union(MODELS.single({"model": name}) for name in names)


def _is_same_place(one: Endpoint, other: Region) -> bool:
    return (
        isinstance(other, Endpoint)
        and (one.host, one.network) == (other.host, other.network)
        and other.port in (None, one.port)
    )
