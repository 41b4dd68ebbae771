"""Threats, their closures and acceptances: complete, and about things that exist."""

from __future__ import annotations

import re
from dataclasses import dataclass

from policyc.catalog.vocabulary import AMBIGUOUS, BLAST, COMPONENTS, EVENTS, SIGNALS, TAXONOMIES
from policyc.core.diagnostics import Diagnostic, Related
from policyc.semantics.symbols import Symbols
from policyc.semantics.words import calendar, known, missing, single
from policyc.syntax import nodes as n


@dataclass(slots=True)
class ThreatRules:
    symbols: Symbols
    found: list[Diagnostic]

    def check(self) -> None:
        for declaration in self.symbols.all("threat"):
            assert isinstance(declaration.node, n.Threat)
            self._threat(declaration.node)
        for path, file in self.symbols.workspace.files.items():
            for node in file.declarations:
                if isinstance(node, n.Close):
                    self._close(node, path)
                elif isinstance(node, n.Accept):
                    self._accept(node, path)

    def _threat(self, node: n.Threat) -> None:
        known(node.kind, ("coercion", "compromise"), "class of threat", self.found)
        on = single(node.members, n.ThreatOn, "on", self.found)
        refs = single(node.members, n.Refs, "refs", self.found)
        blast = single(node.members, n.Blast, "blast", self.found)
        scope = single(node.members, n.Scope, "scope", self.found)
        if single(node.members, n.Says, "says", self.found) is None:
            missing(node.id, "threat", "says", 'says "what the attacker does"', self.found)
        if on is None:
            missing(node.id, "threat", "on", f"on {', '.join(COMPONENTS[:2])}", self.found)
        for word in on.components if on is not None else ():
            known(word, COMPONENTS, "component", self.found)
        for word in refs.refs if refs is not None else ():
            self._reference(word)
        if blast is not None:
            known(blast.level, BLAST, "blast score", self.found)
        if scope is not None:
            known(scope.scope, ("artifact",), "scope", self.found)

    def _reference(self, word: n.Word) -> None:
        if any(re.fullmatch(pattern, word.text) for pattern in TAXONOMIES):
            return
        if word.text in AMBIGUOUS:
            first, second = AMBIGUOUS[word.text]
            self.found.append(
                Diagnostic(
                    "PC3015",
                    f"`{word.text}` could be `{first}` or `{second}`, which number differently",
                    word.span,
                    help="write the year of the list",
                )
            )
            return
        self.found.append(
            Diagnostic(
                "PC3015",
                f"`{word.text}` is no reference into a known taxonomy",
                word.span,
                help="write one such as LLM01:2025, ASI02:2026, MCP03:2025, AML.T0053 or T1611",
            )
        )

    def _close(self, node: n.Close, path: str) -> None:
        threat = self.symbols.resolve("threat", node.threat, path)
        self.symbols.resolve("class", node.subject, path, "agent")
        if single(node.members, n.By, "by", self.found) is None:
            missing(node.threat, "the closure of", "by", 'by "what closes it"', self.found)
        evidence = [m for m in node.members if isinstance(m, n.Evidence)]
        if not evidence:
            form = "evidence signal envelope.deviation.none holds for 14d"
            missing(node.threat, "the closure of", "evidence", form, self.found)
        known_signals = [e for e in evidence if known(e.signal, SIGNALS, "signal", self.found)]
        self._events(node.members)
        if threat is None or not known_signals:
            return
        assert isinstance(threat.node, n.Threat)
        if threat.node.kind.text == "coercion" and all(
            SIGNALS[e.signal.text] == "syscall" for e in known_signals
        ):
            self.found.append(
                Diagnostic(
                    "PC3016",
                    f"`{node.threat}` is coercion, and syscalls alone cannot show that it is closed",
                    known_signals[0].span,
                    (Related(threat.node.kind.span, "the threat's class"),),
                    help="a coerced agent makes its usual syscalls: add an envelope, mcp or sdk signal",
                )
            )

    def _events(self, members: tuple[n.Node, ...]) -> None:
        reopen = single(members, n.Reopen, "reopen", self.found)
        for word in reopen.events if reopen is not None else ():
            known(word, EVENTS, "event", self.found)

    def _accept(self, node: n.Accept, path: str) -> None:
        self.symbols.resolve("threat", node.threat, path)
        self.symbols.resolve("class", node.subject, path, "agent")
        calendar(node.until, self.found)
        if single(node.members, n.Because, "because", self.found) is None:
            missing(
                node.threat,
                "the acceptance of",
                "because",
                'because "why it may stay open"',
                self.found,
            )
        if single(node.members, n.Approver, "approver", self.found) is None:
            missing(
                node.threat,
                "the acceptance of",
                "approver",
                'approver "ciso@corp.example"',
                self.found,
            )
        self._events(node.members)
