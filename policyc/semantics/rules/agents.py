"""Agents: bound to one workload and one identity, within the cap of their class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from policyc.catalog.vocabulary import MANAGED_PROVIDERS, STAGES
from policyc.core.diagnostics import Diagnostic, Related, Severity
from policyc.core.suggest import did_you_mean
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import ManagedRef, WorkloadRef
from policyc.envelope.region import Region
from policyc.kube.names import fault_of_label, fault_of_subdomain
from policyc.kube.workloads import WORKLOAD_KINDS, workload_kind
from policyc.semantics.cluster import Inventory
from policyc.semantics.grants import Grants
from policyc.semantics.model import ApprovalRule, CheckedAgent, Clause, Disposition, Learning
from policyc.semantics.rules.classes import CheckedClass, rungs, spoken_of
from policyc.semantics.rules.dispositions import dispositions
from policyc.semantics.rules.sharing import refuse_shared
from policyc.semantics.symbols import Declaration, Symbols
from policyc.semantics.words import calendar, known, known_tier, missing, single
from policyc.syntax import nodes as n

AGENT_LABEL = "policyc.dev/agent"
"""Selects an agent's pods where the cluster's manifests do not say how they are labelled."""

CALL_DOMAINS = frozenset({"tools", "models", "memory", "egress_host", "identity"})
"""What a managed agent has: no container of ours, so no kernel, network or API server domain."""


@dataclass(slots=True)
class AgentRules:
    """Checks the agents of a policy root against their classes."""

    symbols: Symbols
    grants: Grants
    inventory: Inventory
    classes: Mapping[str, CheckedClass]
    tiers: tuple[str, ...]
    found: list[Diagnostic]

    def check(self) -> list[CheckedAgent]:
        """The agents whose class is known, by name."""
        agents = [a for d in self.symbols.all("agent") if (a := self._agent(d)) is not None]
        refuse_shared(agents, self.found)
        return agents

    def _agent(self, declaration: Declaration) -> CheckedAgent | None:
        node, path = declaration.node, declaration.path
        assert isinstance(node, n.Agent)
        found_class = self.symbols.resolve("class", node.class_name, path)
        base = self.classes.get(found_class.name) if found_class is not None else None
        members = node.members
        workload = single(members, n.Workload, "workload", self.found)
        managed = single(members, n.Managed, "managed", self.found)
        identity = single(members, n.Identity, "identity", self.found)
        self._placed(node, workload, managed, identity)
        if base is None:
            return None
        ref = self._workload(workload) if workload is not None else None
        allows, denies = self._lines(declaration, node)
        agent = CheckedAgent(
            name=declaration.name,
            span=node.name.span,
            class_name=base.name,
            ancestry=base.ancestry,
            stage=self._stage(node),
            tier=self._tier(node, base),
            owner=self._owner(node, base),
            workload=ref,
            managed=self._managed(managed),
            service_account=self._identity(identity),
            identity_span=identity.span if identity is not None else None,
            pod_labels=self._pod_labels(declaration.name, ref),
            cloud=self._cloud(identity, declaration),
            caps=base.levels,
            nevers=base.nevers,
            allows=allows,
            denies=denies,
            approvals=(*base.approvals, *self._approvals(declaration, node)),
            learning=self._learning(declaration, node, base),
            rungs=(*base.rungs, *rungs(members, self.found)),
            delegates=self._delegates(declaration, node),
            pod=base.pod,
            pod_span=base.pod_span,
            workload_span=workload.span if workload is not None else None,
            window=self._window(declaration, node) or base.window,
            dispositions=self._dispositions(declaration, node),
            stage_span=next((m.span for m in members if isinstance(m, n.Stage)), None),
        )
        self._within(agent)
        return agent

    # -- members -------------------------------------------------------------------

    def _placed(
        self,
        node: n.Agent,
        workload: n.Workload | None,
        managed: n.Managed | None,
        identity: n.Identity | None,
    ) -> None:
        if workload is None and managed is None:
            form = "workload Deployment namespace/name container name"
            missing(node.name, "agent", "workload", form, self.found)
        if workload is not None and managed is not None:
            self.found.append(
                Diagnostic(
                    "PC3013",
                    f"agent `{node.name}` has a workload and is managed by a cloud",
                    managed.span,
                    (Related(workload.span, "the workload"),),
                    help="keep the one that runs the agent",
                )
            )
        if workload is not None and identity is None:
            missing(
                node.name, "agent", "identity", "identity namespace/service-account", self.found
            )

    def _workload(self, node: n.Workload) -> WorkloadRef:
        row = workload_kind(node.kind.text)
        if row is None:
            kinds = [k.kind for k in WORKLOAD_KINDS]
            self.found.append(
                Diagnostic(
                    "PC2010",
                    f"`{node.kind.text}` is no kind that starts pods",
                    node.kind.span,
                    help=did_you_mean(node.kind.text, kinds) or f"one of {', '.join(kinds)}",
                )
            )
        self._refuse_name(node.ref.namespace, fault_of_label(node.ref.namespace.text), "namespace")
        self._refuse_name(node.ref.name, fault_of_subdomain(node.ref.name.text), "workload name")
        self._refuse_name(node.container, fault_of_label(node.container.text), "container name")
        kind, group = (row.kind, row.group) if row is not None else (node.kind.text, "")
        namespace, name = node.ref.namespace.text, node.ref.name.text
        containers = self.inventory.containers.get((kind, namespace, name))
        if containers is None:
            self._warn_of_unknown(node.ref, kind)
        if containers is not None and node.container.text not in containers:
            self.found.append(
                Diagnostic(
                    "PC2013",
                    f"the {kind} `{namespace}/{name}` has no container `{node.container.text}`",
                    node.container.span,
                    help=did_you_mean(node.container.text, tuple(containers))
                    or f"its containers: {', '.join(containers)}",
                )
            )
        # Without manifests nobody knows the list; most agents are no init containers.
        is_init = (containers or {}).get(node.container.text, False)
        return WorkloadRef(kind, group, namespace, name, node.container.text, is_init)

    def _warn_of_unknown(self, ref: n.ObjectRef, kind: str) -> None:
        """PC2014 where the manifests hold others of the kind and namespace, so this one is missed."""
        name = f"{ref.namespace.text}/{ref.name.text}"
        near = [
            f"{space}/{other}"
            for known_kind, space, other in self.inventory.containers
            if (known_kind, space) == (kind, ref.namespace.text)
        ]
        if near:
            self.found.append(
                Diagnostic(
                    "PC2014",
                    f"there is no {kind} `{name}` in the cluster's manifests",
                    ref.span,
                    help=did_you_mean(name, near) or f"they hold {', '.join(sorted(near)[:6])}",
                    severity=Severity.WARNING,
                )
            )

    def _refuse_name(self, word: n.Word, fault: str | None, what: str) -> None:
        if fault:
            message = f"Kubernetes would refuse the {what} `{word.text}`"
            self.found.append(Diagnostic("PC3008", message, word.span, help=fault))

    def _identity(self, node: n.Identity | None) -> str:
        if node is None:
            return ""
        self._refuse_name(node.ref.namespace, fault_of_label(node.ref.namespace.text), "namespace")
        self._refuse_name(
            node.ref.name, fault_of_subdomain(node.ref.name.text), "ServiceAccount name"
        )
        if node.ref.name.text == "default":
            self.found.append(
                Diagnostic(
                    "PC3007",
                    "an agent may not use the `default` ServiceAccount",
                    node.ref.span,
                    help="give the agent a ServiceAccount of its own: every other pod shares `default`",
                )
            )
        return f"{node.ref.namespace.text}/{node.ref.name.text}"

    def _cloud(self, node: n.Identity | None, declaration: Declaration) -> tuple[Clause, ...]:
        if node is None:
            return ()
        return tuple(
            clause
            for grant in node.cloud
            for clause in self.grants.clauses(grant, declaration.path, declaration.name)
        )

    def _managed(self, node: n.Managed | None) -> ManagedRef | None:
        if node is None or not known(
            node.provider, MANAGED_PROVIDERS, "managed platform", self.found
        ):
            return None
        return ManagedRef(node.provider.text, node.resource.value)

    def _stage(self, node: n.Agent) -> str:
        stage = single(node.members, n.Stage, "stage", self.found)
        if stage is None:
            return "observe"
        return stage.name.text if known(stage.name, STAGES, "stage", self.found) else "observe"

    def _tier(self, node: n.Agent, base: CheckedClass) -> str:
        tier = single(node.members, n.Tier, "tier", self.found)
        if tier is None:
            return base.tier
        word = n.Word(tier.name.text, span=tier.name.span)
        if not known_tier(word, self.tiers, self.found):
            return base.tier
        if base.tier in self.tiers and self.tiers.index(word.text) > self.tiers.index(base.tier):
            related = (Related(base.tier_span, "the class's tier"),) if base.tier_span else ()
            self.found.append(
                Diagnostic(
                    "PC3001",
                    f"agent `{node.name}` would be more autonomous than its class `{base.name}`",
                    tier.span,
                    related,
                    help=f"at most `{base.tier}`, or another class",
                )
            )
        return word.text

    def _owner(self, node: n.Agent, base: CheckedClass) -> str:
        owner = single(node.members, n.Owner, "owner", self.found)
        return owner.contact.value if owner is not None else base.owner

    def _pod_labels(self, name: str, ref: WorkloadRef | None) -> tuple[tuple[str, str], ...]:
        if ref is None:
            return ()
        labels = self.inventory.pod_labels.get((ref.kind, ref.namespace, ref.name))
        return labels or ((AGENT_LABEL, name),)

    def _approvals(self, declaration: Declaration, node: n.Agent) -> list[ApprovalRule]:
        return [
            ApprovalRule(clause, member.by.value)
            for member in node.members
            if isinstance(member, n.Approve)
            for clause in self.grants.clauses(
                member.grant, declaration.path, declaration.name, takes_away=True
            )
        ]

    def _learning(
        self, declaration: Declaration, node: n.Agent, base: CheckedClass
    ) -> Learning | None:
        learn = single(node.members, n.Learn, "learn", self.found)
        staged = single(node.members, n.PreEnforced, "pre-enforced", self.found)
        own = self._window(declaration, node) or base.window
        if learn is not None and staged is not None:
            self.found.append(
                Diagnostic(
                    "PC3010",
                    "an agent learns, or is enforced from staging, and not both",
                    staged.span,
                    (Related(learn.span, "it learns here"),),
                    help="keep one of the lines",
                )
            )
        if learn is not None:
            window = self.symbols.resolve("window", learn.window, declaration.path)
            calendar(learn.since, self.found)
            files = self._patterns(learn.files)
            return Learning(window.name if window else "", learn.since.text, files, learn.span)
        if staged is not None:
            files = self._patterns(staged.files)
            return Learning(own, "", files, staged.span, staged.environment.text)
        return None

    def _window(self, declaration: Declaration, node: n.Agent) -> str:
        """The agent's own `window` line; empty without one."""
        line = single(node.members, n.UseWindow, "window", self.found)
        if line is None:
            return ""
        window = self.symbols.resolve("window", line.name, declaration.path)
        return window.name if window is not None else ""

    def _patterns(self, files: tuple[n.String, ...]) -> tuple[str, ...]:
        for pattern in files:
            if (
                pattern.value.startswith("/")
                or ".." in pattern.value.split("/")
                or not pattern.value
            ):
                self.found.append(
                    Diagnostic(
                        "PC3021",
                        f"`{pattern.value}` leads out of the policy root",
                        pattern.span,
                        help="patterns are relative to the policy root, without `..`",
                    )
                )
        return tuple(
            p.value
            for p in files
            if p.value and not p.value.startswith("/") and ".." not in p.value
        )

    def _delegates(self, declaration: Declaration, node: n.Agent) -> tuple[str, ...]:
        names: set[str] = set()
        for member in node.members:
            if not isinstance(member, n.Delegates):
                continue
            for name in member.agents:
                target = self.symbols.resolve("agent", name, declaration.path)
                if target is not None and target.name == declaration.name:
                    self.found.append(
                        Diagnostic(
                            "PC3020",
                            f"agent `{declaration.name}` delegates to itself",
                            name.span,
                            help="name another agent, or remove it",
                        )
                    )
                elif target is not None:
                    names.add(target.name)
        return tuple(sorted(names))

    def _dispositions(self, declaration: Declaration, node: n.Agent) -> tuple[Disposition, ...]:
        def clauses(grant: n.Grant) -> Iterable[Clause]:
            return self.grants.clauses(grant, declaration.path, declaration.name, takes_away=True)

        return dispositions(node.members, clauses, self.found)

    # -- grants --------------------------------------------------------------------

    def _lines(
        self, declaration: Declaration, node: n.Agent
    ) -> tuple[tuple[Clause, ...], tuple[Clause, ...]]:
        allows: list[Clause] = []
        denies: list[Clause] = []
        for member in node.members:
            if isinstance(member, n.Allow):
                allows += self._allow(member, declaration)
            elif isinstance(member, n.Deny):
                denies += self.grants.clauses(
                    member.grant, declaration.path, declaration.name, takes_away=True
                )
        return tuple(allows), tuple(denies)

    def _allow(self, member: n.Allow, declaration: Declaration) -> list[Clause]:
        if member.because is None:
            self.found.append(
                Diagnostic(
                    "PC3009",
                    "an `allow` line gives no reason",
                    member.span,
                    help='add: because "who wants it, and why"',
                )
            )
        until = ""
        if member.until is not None and calendar(member.until, self.found):
            until = member.until.text
        because = member.because.value if member.because is not None else ""
        clauses = self.grants.clauses(member.grant, declaration.path, declaration.name)
        return [replace(clause, because=because, until=until) for clause in clauses]

    def _within(self, agent: CheckedAgent) -> None:
        """Each allow lies in the cap (PC3002), and something of it survives never and deny (PC3003)."""
        if agent.managed is not None:
            self._call_envelope(agent)
        for clause in agent.allows:
            limit = agent.cap(clause.domain)
            excess = clause.region - limit if limit is not None else clause.region
            if excess:
                self.found.append(self._outside(agent, clause, limit is None))
                continue
            for taker in (*agent.nevers, *agent.denies):
                if taker.domain == clause.domain and clause.region <= taker.region:
                    self.found.append(
                        Diagnostic(
                            "PC3003",
                            f"`{clause.text}` is allowed and taken away again",
                            clause.span,
                            (
                                Related(
                                    taker.span,
                                    f"`{taker.text}` of `{taker.declared_in}` takes all of it",
                                ),
                            ),
                            help="remove one of the two lines",
                        )
                    )
                    break

    def _outside(self, agent: CheckedAgent, clause: Clause, unmentioned: bool) -> Diagnostic:
        """PC3002 at the caps that stop the line; those of other classes permit it and are not shown."""
        limit = agent.cap(clause.domain) or DOMAINS[clause.domain].empty
        excess = clause.region - limit
        stops = [
            level
            for level in agent.caps
            if clause.domain in level.regions and not clause.region <= level.regions[clause.domain]
        ]
        places = (
            Related(other.span, f"the cap of `{level.class_name}`")
            for level in stops
            for other in level.clauses
            if clause.domain in spoken_of(other.domain)
        )
        related = list(dict.fromkeys(places))[:2]
        if unmentioned:
            root = agent.caps[0]
            message = f"`{root.class_name}` does not mention `{clause.domain}`"
            related = [Related(root.span, message)]
        why = (
            "its root class does not mention the domain"
            if unmentioned
            else f"beyond it: {'; '.join(excess.describe()[:2])}"
        )
        name = agent.class_name if unmentioned or not stops else stops[0].class_name
        hint = "widen the cap in review with its owner, or narrow the line"
        near = _permitted_name(excess, limit)
        return Diagnostic(
            "PC3002",
            f"`{clause.text}` lies outside the cap of `{name}`: {why}",
            clause.span,
            tuple(related),
            help=f"{near} Else {hint}" if near else hint,
        )

    def _call_envelope(self, agent: CheckedAgent) -> None:
        for clause in agent.allows:
            if clause.domain not in CALL_DOMAINS:
                self.found.append(
                    Diagnostic(
                        "PC3013",
                        f"agent `{agent.name}` is managed by a cloud and has no `{clause.domain}`",
                        clause.span,
                        help="a managed agent has tools, models, memory, hosts and an identity",
                    )
                )


_NAMED_BY = {"egress_host": "host", "models": "model"}
"""The axis that holds the name where it is written by hand, and mistyped."""


def _permitted_name(excess: Region, limit: Region) -> str | None:
    """A name that the cap permits literally and that is near to one beyond it, as a question."""
    axis = _NAMED_BY.get(excess.domain.name)
    if axis is None:
        return None
    permitted = _literals(limit, axis)
    endings = _endings(limit, axis)
    for name in _literals(excess, axis):
        if hint := did_you_mean(name, [*permitted, *_grafted(name, endings)]):
            return hint
    return None


def _grafted(name: str, endings: Iterable[str]) -> Iterator[str]:
    """``hooks.slack.com`` of ``hooks.slak.com`` and ``*.slack.com``: what a pattern might have meant."""
    labels = name.split(".")
    for ending in endings:
        front = labels[: -ending.count(".")]
        if front:
            yield ".".join(front) + ending


def _endings(region: Region, axis: str) -> list[str]:
    """``.slack.com`` of each pattern ``*.slack.com`` of a region."""
    return [
        text.removeprefix("*")
        for box in region.boxes()
        if axis in box
        for text in region.domain.axis(axis).write(box[axis])
        if text.startswith("*.")
    ]


def _literals(region: Region, axis: str) -> list[str]:
    """The names of a region that are written without a pattern."""
    return [
        text
        for box in region.boxes()
        if axis in box
        for text in region.domain.axis(axis).write(box[axis])
        if not text.startswith("!") and "*" not in text
    ]
