"""Classes: a root sets the cap, and every class below it may only narrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policyc.core.diagnostics import Diagnostic, Related
from policyc.core.source import Span
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import PodSecurity
from policyc.envelope.region import Region
from policyc.semantics.grants import Grants
from policyc.semantics.model import ApprovalRule, CapLevel, Clause, Rung
from policyc.semantics.symbols import Declaration, Symbols
from policyc.semantics.words import known, known_tier, seconds_of, single
from policyc.syntax import nodes as n


@dataclass(frozen=True, slots=True)
class CheckedClass:
    """A class with all that it inherits; levels and clauses run from the root down."""

    name: str
    ancestry: tuple[str, ...]
    levels: tuple[CapLevel, ...]
    nevers: tuple[Clause, ...]
    approvals: tuple[ApprovalRule, ...]
    rungs: tuple[Rung, ...]
    tier: str
    tier_span: Span | None
    owner: str
    window: str
    pod: PodSecurity
    pod_span: Span | None

    @property
    def caps(self) -> Mapping[str, Region]:
        """The meet of the levels, for each domain that the root mentions."""
        if not self.levels:
            return {}
        result = dict(self.levels[0].regions)
        for level in self.levels[1:]:
            for domain, region in level.regions.items():
                if domain in result:
                    result[domain] &= region
        return result


def checked_classes(
    symbols: Symbols, grants: Grants, tiers: tuple[str, ...], found: list[Diagnostic]
) -> dict[str, CheckedClass]:
    """Every class by name, parents before children; a class in a circle is left out."""
    done: dict[str, CheckedClass] = {}
    lost: set[str] = set()
    for declaration in symbols.all("class"):
        chain = _chain(declaration, symbols, done, lost, found)
        for link in reversed(chain):
            node = link.node
            assert isinstance(node, n.Class)
            parent = _parent(link, symbols, done)
            done[link.name] = _checked(link, node, parent, symbols, grants, tiers, found)
    return done


def _chain(
    declaration: Declaration,
    symbols: Symbols,
    done: Mapping[str, CheckedClass],
    lost: set[str],
    found: list[Diagnostic],
) -> list[Declaration]:
    """The class and its ancestors that are not checked yet; a circle is PC3014 and goes to ``lost``."""
    chain: list[Declaration] = []
    here: Declaration | None = declaration
    while here is not None and here.name not in done and here.name not in lost:
        if here in chain:
            first = chain.index(here)
            circle = " -> ".join(c.name for c in [*chain[first:], here])
            lost.update(c.name for c in chain[first:])
            found.append(
                Diagnostic(
                    "PC3014",
                    f"the classes extend each other in a circle: {circle}",
                    here.node.span if isinstance(here.node, n.Threat) else here.node.name.span,
                    help="one of them must be a root: remove its `extends`",
                )
            )
            return chain[:first]
        chain.append(here)
        node = here.node
        assert isinstance(node, n.Class)
        here = symbols.resolve("class", node.parent, here.path) if node.parent else None
    return chain


def _parent(
    link: Declaration, symbols: Symbols, done: Mapping[str, CheckedClass]
) -> CheckedClass | None:
    assert isinstance(link.node, n.Class)
    if link.node.parent is None:
        return None
    target = symbols.find("class", link.node.parent, link.path)
    return done.get(target.name) if target is not None else None


def _checked(
    link: Declaration,
    node: n.Class,
    parent: CheckedClass | None,
    symbols: Symbols,
    grants: Grants,
    tiers: tuple[str, ...],
    found: list[Diagnostic],
) -> CheckedClass:
    level, nevers = _own_caps(link, node, grants, found)
    if parent is not None:
        _refuse_widening(node, level, parent, found)
    tier = single(node.members, n.Tier, "tier", found)
    if tier is not None:
        known_tier(n.Word(tier.name.text, span=tier.name.span), tiers, found)
    owner = single(node.members, n.Owner, "owner", found)
    window = single(node.members, n.UseWindow, "window", found)
    resolved = symbols.resolve("window", window.name, link.path) if window is not None else None
    pod = single(node.members, n.PodBaseline, "pod", found)
    inherited = parent.pod if parent is not None else PodSecurity()
    secured = _pod(pod, inherited, found) if pod is not None else inherited
    if pod is not None and parent is not None and _is_looser(secured, inherited):
        above = parent.pod_span or parent.levels[-1].span
        found.append(
            Diagnostic(
                "PC3001",
                f"class `{node.name}` would loosen the pod security of its parent",
                pod.span,
                (Related(above, "the parent's baseline"),),
                help="a class may only narrow: loosen the parent, or tighten this block",
            )
        )
    approvals = tuple(
        ApprovalRule(clause, member.by.value)
        for member in node.members
        if isinstance(member, n.Approve)
        for clause in grants.clauses(member.grant, link.path, link.name, takes_away=True)
    )
    return CheckedClass(
        link.name,
        (*(parent.ancestry if parent else ()), link.name),
        (*(parent.levels if parent else ()), level),
        (*(parent.nevers if parent else ()), *nevers),
        (*(parent.approvals if parent else ()), *approvals),
        (*(parent.rungs if parent else ()), *rungs(node.members, found)),
        tier.name.text if tier else (parent.tier if parent else ""),
        tier.span if tier else (parent.tier_span if parent else None),
        owner.contact.value if owner else (parent.owner if parent else ""),
        resolved.name if resolved else (parent.window if parent else ""),
        secured,
        pod.span if pod is not None else (parent.pod_span if parent else None),
    )


def _own_caps(
    link: Declaration, node: n.Class, grants: Grants, found: list[Diagnostic]
) -> tuple[CapLevel, list[Clause]]:
    cap = single(node.members, n.Cap, "cap", found)
    clauses: list[Clause] = []
    nevers: list[Clause] = []
    outside = [m for m in node.members if isinstance(m, n.Never)]
    for item in [*(cap.items if cap is not None else ()), *outside]:
        if isinstance(item, n.Never):
            nevers += grants.clauses(item.grant, link.path, link.name, takes_away=True)
        else:
            clauses += grants.clauses(item, link.path, link.name)
    regions = {
        domain: DOMAINS[domain].union(c.region for c in clauses if c.domain == domain)
        for domain in dict.fromkeys(d for c in clauses for d in spoken_of(c.domain))
    }
    span = cap.span if cap is not None else node.name.span
    return CapLevel(link.name, span, tuple(clauses), regions), nevers


_TOGETHER = (
    ("egress_ip", "egress_host", "egress_peer"),
    ("ingress_ip", "ingress_peer"),
    ("kube", "kube_url"),
)
"""Domains that one keyword speaks of."""


def spoken_of(domain: str) -> tuple[str, ...]:
    """The domains that a grant in ``domain`` narrows: who names hosts means no address."""
    return next((group for group in _TOGETHER if domain in group), (domain,))


def _refuse_widening(
    node: n.Class, level: CapLevel, parent: CheckedClass, found: list[Diagnostic]
) -> None:
    """PC3001 for each line beyond the inherited cap, PC3004 where nothing is left of a domain."""
    inherited = parent.caps
    for clause in level.clauses:
        limit = inherited.get(clause.domain, DOMAINS[clause.domain].empty)
        if clause.region <= limit:
            continue
        excess = "; ".join((clause.region - limit).describe()[:2])
        above = [
            Related(other.span, f"the cap of `{up.class_name}` ends here")
            for up in parent.levels
            for other in up.clauses
            if other.domain == clause.domain
        ][:2]
        if not clause.region & limit and clause.domain in inherited:
            found.append(
                Diagnostic(
                    "PC3004",
                    f"`{clause.text}` has nothing in common with the inherited cap",
                    clause.span,
                    tuple(above),
                    help="widen the cap of the parent class, or remove the line",
                )
            )
            continue
        found.append(
            Diagnostic(
                "PC3001",
                f"class `{node.name}` would permit more than its parent: {excess}",
                clause.span,
                tuple(above)
                or (Related(parent.levels[0].span, f"`{clause.domain}` is not mentioned here"),),
                help="a class may only narrow: widen the parent's cap, or narrow this line",
            )
        )


def rungs(
    members: tuple[n.ClassMember, ...] | tuple[n.AgentMember, ...], found: list[Diagnostic]
) -> list[Rung]:
    """The `widen` lines."""
    result: list[Rung] = []
    for member in members:
        if not isinstance(member, n.Widen):
            continue
        ok = known(member.domain, ("egress",), "domain that can be widened", found)
        if not 8 <= member.prefix <= 128 or member.seen < 2:
            found.append(
                Diagnostic(
                    "PC3012",
                    f"`{' '.join(member.span.text.split())}` widens too easily",
                    member.span,
                    help="use a prefix from /8 to /128 and at least 2 sightings",
                )
            )
            ok = False
        if ok:
            result.append(
                Rung(member.prefix, member.seen, seconds_of(member.within, found), member.span)
            )
    return result


_LEVELS = ("restricted", "baseline")


def _is_looser(mine: PodSecurity, above: PodSecurity) -> bool:
    """Whether something is given up; which of two runtime classes isolates better nobody here knows."""
    return (
        (mine.level == "baseline" and above.level == "restricted")
        or (above.read_only_root and not mine.read_only_root)
        or (bool(above.runtime_class) and mine.runtime_class != above.runtime_class)
    )


def _pod(node: n.PodBaseline, inherited: PodSecurity, found: list[Diagnostic]) -> PodSecurity:
    level, read_only = inherited.level, inherited.read_only_root
    user, runtime, apparmor = inherited.run_as_user, inherited.runtime_class, inherited.apparmor
    for line in node.lines:
        value = line.value
        match line.setting.text:
            case "security":
                if known(value, _LEVELS, "security level", found):
                    level = value.text
            case "read-only-root":
                if known(value, ("true", "false"), "truth value", found):
                    read_only = value.text == "true"
            case "run-as-user":
                if value.text.isdigit() and int(value.text) > 0:
                    user = int(value.text)
                else:
                    found.append(
                        Diagnostic(
                            "PC3012",
                            f"`{value.text}` is no user id above 0",
                            value.span,
                            help="root is refused: write a number such as 10001",
                        )
                    )
            case "runtime-class":
                runtime = value.text
            case "apparmor" if value.text.lower() == "unconfined":
                found.append(
                    Diagnostic(
                        "PC3012",
                        f"the AppArmor profile `{value.text}` confines nothing",
                        value.span,
                        help="write `runtime-default`, or the name of a profile on the node",
                    )
                )
            case "apparmor":
                apparmor = value.text
    return PodSecurity(level, read_only, user, runtime, apparmor)
