"""Assertions, tests, and the lines that silence or approve: what a policy says of itself."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from policyc.catalog.vocabulary import FACETS, STAGES
from policyc.core.diagnostics import Diagnostic
from policyc.core.suggest import did_you_mean
from policyc.envelope.domains import FAMILIES
from policyc.semantics.grants import Grants
from policyc.semantics.model import (
    CheckedAgent,
    Claim,
    Claims,
    Clause,
    ExpectRule,
    NeverRule,
    NoNewRule,
    Rule,
    Waiver,
    Widening,
)
from policyc.semantics.standard import PREFIX, standard_names
from policyc.semantics.symbols import Symbols
from policyc.semantics.words import calendar, known, known_tier
from policyc.syntax import nodes as n

_COMPARE: Mapping[n.Comparison, Callable[[int, int], bool]] = {
    n.Comparison.LESS: operator.lt,
    n.Comparison.LESS_EQUAL: operator.le,
    n.Comparison.EQUAL: operator.eq,
    n.Comparison.NOT_EQUAL: operator.ne,
    n.Comparison.GREATER_EQUAL: operator.ge,
    n.Comparison.GREATER: operator.gt,
}


@dataclass(slots=True)
class AssertionRules:
    symbols: Symbols
    grants: Grants
    tiers: tuple[str, ...]
    agents: tuple[CheckedAgent, ...]
    found: list[Diagnostic]

    def check(self) -> Claims:
        """All of the policy root, in the order of files and lines."""
        claims: list[Claim] = []
        waivers: list[Waiver] = []
        widenings: list[Widening] = []
        for path, file in self.symbols.workspace.files.items():
            for node in file.declarations:
                match node:
                    case n.Assertion():
                        claims.append(self.assertion(node, path))
                    case n.Test():
                        claims.append(self._test(node, path))
                    case n.Waive():
                        waivers += self._waiver(node, path)
                    case n.Widening():
                        widenings += self._widening(node, path)
        return Claims(tuple(claims), tuple(waivers), tuple(widenings))

    def assertion(self, node: n.Assertion, path: str) -> Claim:
        """One assertion with the agents that it is about."""
        tests = [self._condition(condition, path) for condition in node.conditions]
        about = tuple(a.name for a in self.agents if all(t is None or t(a) for t in tests))
        rules = [(rule, about) for item in node.items for rule in self._rule(item, path, node)]
        if not node.items:
            self._empty(node.name, f"assertion `{node.name}`")
        return Claim(str(node.name), node.name.span, tuple(rules))

    def _rule(
        self, item: n.Never | n.Reach | n.NoNew, path: str, node: n.Assertion
    ) -> Iterator[Rule]:
        text = " ".join(item.span.text.split())
        if isinstance(item, n.NoNew):
            if known(item.domain, FAMILIES, "domain", self.found):
                domains = FAMILIES[item.domain.text]
                yield NoNewRule(text, item.span, domains, item.since.value, item.since.span)
        else:
            clauses = self._clauses(item.grant, path, str(node.name))
            yield NeverRule(text, item.span, clauses, isinstance(item, n.Reach))

    def _clauses(self, grant: n.Grant, path: str, holder: str) -> tuple[Clause, ...]:
        return tuple(self.grants.clauses(grant, path, holder, takes_away=True))

    def _test(self, node: n.Test, path: str) -> Claim:
        rules = [
            rule for expectation in node.expectations for rule in self._expected(expectation, path)
        ]
        if not node.expectations:
            self._empty(node.title, f"test `{node.title.value}`")
        return Claim(node.title.value, node.title.span, tuple(rules))

    def _expected(self, node: n.Expectation, path: str) -> Iterator[tuple[Rule, tuple[str, ...]]]:
        is_verdict = known(node.verdict, ("allow", "deny"), "verdict", self.found)
        agent = self.symbols.resolve("agent", node.agent, path)
        clauses = self._clauses(node.grant, path, str(node.agent))
        is_day = node.at is None or calendar(node.at, self.found)
        if is_verdict and agent is not None and is_day:
            rule = ExpectRule(
                " ".join(node.span.text.split()),
                node.span,
                clauses,
                node.verdict.text == "allow",
                node.at.text if node.at is not None else "",
            )
            yield rule, (agent.name,)

    def _empty(self, place: n.Node, what: str) -> None:
        self.found.append(
            Diagnostic(
                "PC3022",
                f"{what} says nothing",
                place.span,
                help="add what it is to hold, or remove it",
            )
        )

    # -- conditions ----------------------------------------------------------------------

    def _condition(self, node: n.Condition, path: str) -> Callable[[CheckedAgent], bool] | None:
        """What a condition asks of an agent; None after an error."""
        if not known(node.subject, ("tier", "class", "stage"), "property of an agent", self.found):
            return None
        value = n.Word(node.value.text, span=node.value.span)
        compare = _COMPARE[node.comparison]
        match node.subject.text:
            case "tier" if known_tier(value, self.tiers, self.found):
                wanted = self.tiers.index(value.text)
                return lambda agent: compare(self._rank(agent), wanted)
            case "stage" if known(value, STAGES, "stage", self.found):
                stage = STAGES.index(value.text)
                return lambda agent: compare(STAGES.index(agent.stage), stage)
            case "class":
                return self._of_class(node, path)
        return None

    def _rank(self, agent: CheckedAgent) -> int:
        """The place of the agent's tier; above all of them where nobody bounded its autonomy."""
        return self.tiers.index(agent.tier) if agent.tier in self.tiers else len(self.tiers)

    def _of_class(self, node: n.Condition, path: str) -> Callable[[CheckedAgent], bool] | None:
        found = self.symbols.resolve("class", node.value, path)
        if node.comparison not in (n.Comparison.EQUAL, n.Comparison.NOT_EQUAL):
            self.found.append(
                Diagnostic(
                    "PC3012",
                    f"classes have no order, so `{node.comparison}` cannot compare them",
                    node.span,
                    help="use `==` or `!=`",
                )
            )
            return None
        if found is None:
            return None
        name, wanted = found.name, node.comparison is n.Comparison.EQUAL
        return lambda agent: (name in agent.ancestry) == wanted

    # -- lines that silence and approve ------------------------------------------------------

    def _waiver(self, node: n.Waive, path: str) -> Iterator[Waiver]:
        assertion = self._asserted(node.assertion, path)
        agents = self._about(node.subject, path)
        if calendar(node.until, self.found) and assertion is not None and agents is not None:
            yield Waiver(assertion, agents, node.until.text, node.because.value, node.span)

    def _asserted(self, name: n.Name, path: str) -> str | None:
        """The assertion of that name, of the policy root or of the standard ones."""
        written = str(name)
        own = self.symbols.find("assertion", name, path)
        if own is not None:
            return own.name
        if written in standard_names():
            return written
        near = did_you_mean(written, [*standard_names(), *self._own_names()])
        self.found.append(
            Diagnostic(
                "PC2001",
                f"there is no assertion `{written}`",
                name.span,
                help=near or f"the standard ones begin with `{PREFIX}`: `policyc prove` names them",
            )
        )
        return None

    def _own_names(self) -> Iterable[str]:
        return [declaration.name for declaration in self.symbols.all("assertion")]

    def _widening(self, node: n.Widening, path: str) -> Iterator[Widening]:
        words = (*FAMILIES, *FACETS)
        are_known = [known(word, words, "domain", self.found) for word in node.domains]
        agents = self._about(node.subject, path)
        if calendar(node.on, self.found) and all(are_known) and agents is not None:
            families = tuple(word.text for word in node.domains)
            yield Widening(
                families,
                node.subject.text,
                agents,
                node.by.value,
                node.on.text,
                node.because.value,
                node.span,
            )

    def _about(self, name: n.Name, path: str) -> tuple[str, ...] | None:
        """The agents that an agent's or a class's name stands for; None when it means nothing."""
        found = self.symbols.resolve("agent", name, path, "class")
        if found is None:
            return None
        if found.kind == "agent":
            return (found.name,)
        return tuple(a.name for a in self.agents if found.name in a.ancestry)


def standard_claim(claim: Claim) -> Claim:
    """The claim under the name that waivers know it by."""
    return replace(claim, name=f"{PREFIX}{claim.name}", is_standard=True)
