"""Assertions and tests: about agents, tiers, classes and grants that exist."""

from __future__ import annotations

from dataclasses import dataclass

from policyc.catalog.vocabulary import RATED, STAGES
from policyc.core.diagnostics import Diagnostic, Severity
from policyc.semantics.grants import Grants
from policyc.semantics.symbols import Symbols
from policyc.semantics.words import calendar, known, known_tier
from policyc.syntax import nodes as n


@dataclass(slots=True)
class AssertionRules:
    symbols: Symbols
    grants: Grants
    tiers: tuple[str, ...]
    found: list[Diagnostic]

    def check(self) -> None:
        for path, file in self.symbols.workspace.files.items():
            self._undecided(file)
            for node in file.declarations:
                if isinstance(node, n.Assertion):
                    self._assertion(node, path)
                elif isinstance(node, n.Test):
                    self._test(node, path)

    def _undecided(self, file: n.File) -> None:
        """PC3023, once a file: whether its assertions and tests hold is not decided yet."""
        blocks = [node for node in file.declarations if isinstance(node, n.Assertion | n.Test)]
        if blocks:
            first = blocks[0]
            self.found.append(
                Diagnostic(
                    "PC3023",
                    "`assert` and `test` blocks are checked for their form only: "
                    "whether they hold is not decided",
                    (first.name if isinstance(first, n.Assertion) else first.title).span,
                    help="see what an agent may do with `policyc list --flat`",
                    severity=Severity.NOTE,
                )
            )

    def _assertion(self, node: n.Assertion, path: str) -> None:
        for condition in node.conditions:
            self._condition(condition, path)
        for item in node.items:
            if isinstance(item, n.NoNew):
                known(item.domain, RATED, "domain", self.found)
            else:
                self.grants.clauses(item.grant, path, str(node.name), takes_away=True)
        if not node.items:
            self._empty(node.name, f"assertion `{node.name}`")

    def _test(self, node: n.Test, path: str) -> None:
        for expectation in node.expectations:
            known(expectation.verdict, ("allow", "deny"), "verdict", self.found)
            self.symbols.resolve("agent", expectation.agent, path)
            self.grants.clauses(expectation.grant, path, node.title.value, takes_away=True)
            if expectation.at is not None:
                calendar(expectation.at, self.found)
        if not node.expectations:
            self._empty(node.title, f"test `{node.title.value}`")

    def _empty(self, place: n.Node, what: str) -> None:
        self.found.append(
            Diagnostic(
                "PC3022",
                f"{what} says nothing",
                place.span,
                help="add what it is to hold, or remove it",
            )
        )

    def _condition(self, node: n.Condition, path: str) -> None:
        if not known(node.subject, ("tier", "class", "stage"), "property of an agent", self.found):
            return
        value = n.Word(node.value.text, span=node.value.span)
        match node.subject.text:
            case "tier":
                known_tier(value, self.tiers, self.found)
            case "stage":
                known(value, STAGES, "stage", self.found)
            case "class":
                self.symbols.resolve("class", node.value, path)
                if node.comparison not in (n.Comparison.EQUAL, n.Comparison.NOT_EQUAL):
                    self.found.append(
                        Diagnostic(
                            "PC3012",
                            f"classes have no order, so `{node.comparison}` cannot compare them",
                            node.span,
                            help="use `==` or `!=`",
                        )
                    )
