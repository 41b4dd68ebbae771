"""What an agent is made of, in five categories, and what of it nobody trusts, hears or bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from policyc.catalog.signals import SIGNALS
from policyc.catalog.vocabulary import COMPONENTS
from policyc.core.diagnostics import Diagnostic, Severity
from policyc.envelope.domains import MEMORY, MODELS, TOOLS
from policyc.envelope.index import servers_of
from policyc.envelope.model import Envelope
from policyc.envelope.region import Region
from policyc.semantics.catalogue import Closure
from policyc.semantics.model import CheckedAgent, CheckedPolicy, Declared
from policyc.threats.applies import FACTS
from policyc.threats.covers import covering

_SHOWN = 6
"""Lines of a blast surface that are written out."""


@dataclass(frozen=True, slots=True)
class Component:
    """One part of an agent.

    ``trust`` says why it is trusted, ``signal`` what would show that it is not to be,
    ``blast`` what is lost with it.  Empty: nobody says.
    """

    category: str
    kind: str
    name: str
    trust: str
    signal: str
    blast: str

    @property
    def empty(self) -> tuple[str, ...]:
        """The fields that say nothing."""
        return tuple(f.name for f in fields(self) if not getattr(self, f.name))


def components(
    agent: CheckedAgent, envelope: Envelope, policy: CheckedPolicy
) -> tuple[Component, ...]:
    """All components of an agent, category by category."""
    parts = _Parts(agent, envelope, policy)
    return (
        *parts.inference(),
        *parts.tools(),
        *parts.edges(),
        *parts.memory(),
        *parts.identity(),
        *parts.substrate(),
    )


def gaps(agent: CheckedAgent, envelope: Envelope, policy: CheckedPolicy) -> Iterator[Diagnostic]:
    """PC3103 for each category that has no component and no `without` line that says why."""
    there = {part.category for part in components(agent, envelope, policy)}
    for category in COMPONENTS:
        if category not in there and not without(agent, policy, category):
            yield Diagnostic(
                "PC3103",
                f"agent `{agent.name}` has no component of category `{category}`, and no line says why",
                agent.span,
                help=f'grant what it uses, or add: without {category} because "..."',
            )


def unsaid(agent: CheckedAgent, envelope: Envelope, policy: CheckedPolicy) -> Iterator[Diagnostic]:
    """PC3102 for each component with an empty field."""
    hints = {
        "trust": "declare and review what it is",
        "signal": "record it with `learn`, or close one of its threats with a signal",
        "blast": "grant what it is for, or remove it",
    }
    for part in components(agent, envelope, policy):
        if part.empty:
            yield Diagnostic(
                "PC3102",
                f"agent `{agent.name}`: nothing is said of the {', '.join(part.empty)} of "
                f"{part.kind} `{part.name}`",
                agent.span,
                help=hints[part.empty[0]],
                severity=Severity.WARNING,
            )


def without(agent: CheckedAgent, policy: CheckedPolicy, category: str) -> str:
    """Why the agent has no component of a category: its own line's words, or a class's."""
    subjects = [("agent", agent.name), *(("class", name) for name in reversed(agent.ancestry))]
    reasons = (policy.catalogue.withouts.get(subject, {}).get(category, "") for subject in subjects)
    return next(filter(None, reasons), "")


@dataclass(frozen=True, slots=True)
class _Parts:
    agent: CheckedAgent
    envelope: Envelope
    policy: CheckedPolicy

    def inference(self) -> Iterator[Component]:
        models = self.envelope.domains["models"]
        for gateway in _written(models, "gateway"):
            part = models & MODELS.single({"gateway": gateway})
            declared = self.policy.declared.get(f"gateway {gateway}")
            name = f"models via {gateway}" if gateway else "models, called directly"
            can = " and ".join(
                word
                for word in ("tools", "memory", "kube", "delegates")
                if FACTS[word](self.envelope)
            )
            blast = f"decides on {can or 'its answers alone'}: {_brief(part)}"
            yield self._part("inference", "model", name, _trust(declared), blast)

    def tools(self) -> Iterator[Component]:
        tools = self.envelope.domains["tools"]
        for server in sorted(servers_of(tools)):
            declared = self.policy.declared.get(f"mcp {server}")
            blast = _brief(tools & TOOLS.single({"server": server}))
            yield self._part("tools", "mcp server", server, _trust(declared), blast)

    def edges(self) -> Iterator[Component]:
        """Delegation: whom the agent hands work to, and what that one may do."""
        by_name = {agent.name: agent for agent in self.policy.agents}
        for name in self.envelope.delegates:
            other = by_name.get(name)
            trust = f"class {other.class_name}, owner {other.owner}" if other else ""
            blast = f"the envelope of {name}, tier {other.tier or 'none'}" if other else ""
            yield self._part("tools", "delegation", f"{self.agent.name} -> {name}", trust, blast)

    def memory(self) -> Iterator[Component]:
        memory = self.envelope.domains["memory"]
        for store in _written(memory, "store"):
            declared = self.policy.declared.get(f"store {store}")
            blast = _brief(memory & MEMORY.single({"store": store}))
            yield self._part("memory", "store", store, _trust(declared), blast)

    def identity(self) -> Iterator[Component]:
        account = self.agent.service_account
        if account:
            rights = _brief(self.envelope.domains["kube"]) or "no right of the Kubernetes API"
            trust = f"its own ServiceAccount, class {self.agent.class_name}"
            yield self._part("identity", "service account", account, trust, rights)
        for clause in self.agent.cloud:
            trust = f"its own role, {clause.span.label()}"
            blast = "whatever the cloud lets the role do"
            yield self._part("identity", "cloud role", clause.text, trust, blast)

    def substrate(self) -> Iterator[Component]:
        if self.envelope.subject.managed is not None:
            managed = self.envelope.subject.managed
            blast = "the call envelope only: its kernel and network are the cloud's"
            yield Component(
                "substrate",
                "managed runtime",
                managed.resource,
                managed.provider,
                "iam.role.unchanged",
                blast,
            )
            return
        pod, network = self.envelope.pod, self.envelope.domains
        level = f"pod security {pod.level}"
        calls = _brief(self.envelope.domains["syscalls"], 1) or "no syscall"
        peers = "; ".join(
            filter(None, (_brief(network[d], 2) for d in ("egress_ip", "egress_peer")))
        )
        for kind, name, trust, signal, blast in (
            ("kernel", "the node's kernel", f"{level}, seccomp", "syscall.kernel.none", calls),
            ("kubelet", "the node's kubelet", level, "audit.kubelet.access.none", "every pod of its node"),
            ("network plugin", "CNI", "NetworkPolicy of the envelope", "egress.denied.logged", peers or "no peer"),
            ("metadata service", "169.254.169.254", _metadata_trust(self.envelope), "metadata.access.none", "the node's cloud identity"),
            ("api server", "the Kubernetes API", "RBAC of the envelope", "audit.rbac.unchanged", _brief(network["kube"]) or "no right"),
        ):  # fmt: skip
            assert signal in SIGNALS
            yield Component("substrate", kind, name, trust, signal, blast)

    def _part(self, category: str, kind: str, name: str, trust: str, blast: str) -> Component:
        return Component(category, kind, name, trust, self._signal(category), blast)

    def _signal(self, category: str) -> str:
        """Where the category is heard: recordings, and the evidence of closures of its threats."""
        heard: list[str] = []
        if self.agent.learning is not None:
            heard.append(f"recordings {', '.join(self.agent.learning.files)}")
        catalogue = self.policy.catalogue
        for spec in catalogue.threats.values():
            if category in spec.components:
                for cover in covering(spec, self.agent, catalogue):
                    if isinstance(cover, Closure) and cover.is_shown:
                        heard += [needed.signal for needed in cover.evidence]
        return ", ".join(dict.fromkeys(heard))


def _written(region: Region, axis: str) -> list[str]:
    """The names that a region has on an axis."""
    found = {
        name
        for box in region.boxes()
        if axis in box
        for name in region.domain.axis(axis).write(box[axis])
    }
    return sorted(found)


def _trust(declared: Declared | None) -> str:
    """Who reviewed it and how it is pinned; empty for what nobody declared or reviewed."""
    if declared is None or not declared.is_reviewed:
        return ""
    pins = f", {len(declared.pins)} tools pinned" if declared.pins else ""
    image = f", image {declared.image}" if declared.image else ""
    return f"reviewed at {declared.span.label()}{image}{pins}"


def _metadata_trust(envelope: Envelope) -> str:
    address = envelope.domains["egress_ip"].domain.written({"address": "169.254.169.254/32"})
    reached = bool(envelope.domains["egress_ip"] & address)
    return "" if reached else "the envelope does not reach it"


def _brief(region: Region, most: int = _SHOWN) -> str:
    words = region.describe(most + 1)
    return "; ".join(words[:most]) + (" ..." if len(words) > most else "")
