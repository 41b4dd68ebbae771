"""Threats, their closures and acceptances: complete, and about things that exist."""

from __future__ import annotations

from dataclasses import dataclass, field

from policyc.catalog.signals import FIELDS, KINDS, SIGNALS, Condition, Signal
from policyc.catalog.taxonomies import meanings, references, title
from policyc.catalog.vocabulary import (
    BLAST,
    COMPONENTS,
    EVENTS,
    FACTS,
    LAYERS,
    MITIGATIONS,
    RIGHTS,
)
from policyc.core.diagnostics import Diagnostic, Related
from policyc.core.suggest import did_you_mean
from policyc.semantics.catalogue import (
    Acceptance,
    Catalogue,
    Closure,
    Needed,
    Subject,
    ThreatSpec,
)
from policyc.semantics.symbols import Declaration, Symbols
from policyc.semantics.words import calendar, known, missing, refuse_future, seconds_of, single
from policyc.syntax import nodes as n

_COMPROMISE_ONLY = frozenset({"syscall"})
"""Kinds of signals that a coerced agent does not set off: it makes its usual syscalls."""


@dataclass(slots=True)
class ThreatRules:
    symbols: Symbols
    found: list[Diagnostic]
    signals: dict[str, Signal] = field(default_factory=lambda: dict(SIGNALS))
    closures: list[Closure] = field(default_factory=list)
    acceptances: list[Acceptance] = field(default_factory=list)
    withouts: dict[Subject, dict[str, str]] = field(default_factory=dict)

    def check(self) -> Catalogue:
        """The catalogue of the policy root, as far as it is in order."""
        declarations = [
            (path, node)
            for path, file in self.symbols.workspace.files.items()
            for node in file.declarations
        ]
        self._signals([node for _, node in declarations if isinstance(node, n.Signal)])
        threats = {d.name: self._threat(d) for d in self.symbols.all("threat")}
        for path, node in declarations:
            if isinstance(node, n.Close):
                self._close(node, path)
            elif isinstance(node, n.Accept):
                self._accept(node, path)
            elif isinstance(node, (n.Class, n.Agent)):
                self._without(node)
        logs = tuple(
            (file.value, file.span)
            for _, node in declarations
            if isinstance(node, n.Events)
            for file in node.files
        )
        return Catalogue(
            threats,
            tuple(self.closures),
            tuple(self.acceptances),
            self.signals,
            logs,
            self.withouts,
        )

    # -- signals -------------------------------------------------------------------

    def _signals(self, nodes: list[n.Signal]) -> None:
        """Declared signals belong to the whole policy root, as the built-in ones do."""
        first: dict[str, n.Signal] = {}
        for node in nodes:
            name = str(node.name)
            if name in SIGNALS or name in first:
                place = (Related(first[name].name.span, "first declared here"),) if name in first else ()  # fmt: skip
                self.found.append(
                    Diagnostic(
                        "PC2002",
                        f"the signal `{name}` is declared twice",
                        node.name.span,
                        place,
                        help="rename it: a signal has one meaning in a policy root",
                    )
                )
                continue
            first[name] = node
            self.signals[name] = self._signal(node)

    def _signal(self, node: n.Signal) -> Signal:
        says = single(node.members, n.Says, "says", self.found)
        fires = [member for member in node.members if isinstance(member, n.Fires)]
        if known(node.kind, KINDS, "kind of record", self.found):
            for line in fires:
                self._field(line, node.kind)
        if not fires:
            self.found.append(
                Diagnostic(
                    "PC3108",
                    f"the signal `{node.name}` names no field, so nothing can show it",
                    node.name.span,
                    help='add: fires when objectRef.resource == "secrets"',
                )
            )
        conditions = tuple(
            Condition(line.field.text, line.is_equal, tuple(v.value for v in line.values))
            for line in fires
        )
        said = says.text.value if says is not None else ""
        return Signal(str(node.name), node.kind.text, said, conditions)

    def _field(self, line: n.Fires, kind: n.Word) -> None:
        fields = FIELDS[kind.text]
        if line.field.text not in fields:
            self.found.append(
                Diagnostic(
                    "PC3109",
                    f"records of kind `{kind.text}` have no field `{line.field.text}`",
                    line.field.span,
                    (Related(kind.span, "the kind of record"),),
                    help=did_you_mean(line.field.text, fields)
                    or f"they have {', '.join(f'`{name}`' for name in fields)}",
                )
            )

    # -- threats -------------------------------------------------------------------

    def _threat(self, declaration: Declaration) -> ThreatSpec:
        node = declaration.node
        assert isinstance(node, n.Threat)
        known(node.kind, ("coercion", "compromise"), "class of threat", self.found)
        on = single(node.members, n.ThreatOn, "on", self.found)
        refs = single(node.members, n.Refs, "refs", self.found)
        blast = single(node.members, n.Blast, "blast", self.found)
        scope = single(node.members, n.Scope, "scope", self.found)
        says = single(node.members, n.Says, "says", self.found)
        applies = single(node.members, n.Applies, "applies", self.found)
        rights = single(node.members, n.Rights, "rights", self.found)
        example = single(node.members, n.Example, "example", self.found)
        shown = single(node.members, n.Shown, "shown", self.found)
        layer = single(node.members, n.Layer, "layer", self.found)
        mitigation = single(node.members, n.Mitigation, "mitigation", self.found)
        if says is None:
            missing(node.id, "threat", "says", 'says "what the attacker does"', self.found)
        if on is None:
            missing(node.id, "threat", "on", f"on {', '.join(COMPONENTS[:2])}", self.found)
        for words, choices, what in (
            (on.components if on else (), COMPONENTS, "component"),
            (applies.facts if applies else (), FACTS, "fact about an envelope"),
            ((rights.state,) if rights else (), RIGHTS, "authorisation state"),
            (shown.signals if shown else (), tuple(self.signals), "signal"),
            ((layer.name,) if layer else (), LAYERS, "detection layer"),
            ((mitigation.name,) if mitigation else (), MITIGATIONS, "mitigation class"),
            ((blast.level,) if blast else (), BLAST, "blast score"),
            ((scope.scope,) if scope else (), ("artifact",), "scope"),
        ):
            for word in words:
                known(word, choices, what, self.found)
        taken = [w for w in (refs.refs if refs else ()) if self._reference(w)]
        if scope is None:
            self._refuse_artifacts(node, taken)
        return ThreatSpec(
            id=declaration.name,
            name=str(node.name),
            kind=node.kind.text,
            span=node.id.span,
            components=tuple(w.text for w in on.components) if on else (),
            says=says.text.value if says else "",
            refs=tuple(w.text for w in taken),
            blast=blast.level.text if blast else "",
            is_artifact=scope is not None,
            facts=tuple(w.text for w in applies.facts) if applies else (),
            rights=rights.state.text if rights else "",
            example=example.text.value if example else "",
            shown=tuple(w.text for w in shown.signals) if shown else (),
            layer=layer.name.text if layer else "",
            mitigation=mitigation.name.text if mitigation else "",
        )

    def _refuse_artifacts(self, node: n.Threat, refs: list[n.Word]) -> None:
        for word in refs:
            if word.text in references()[word.text].artifacts:
                self.found.append(
                    Diagnostic(
                        "PC3114",
                        f"`{word.text}` ({title(word.text)}) is about the model itself, "
                        f"and threat `{node.id}` does not say so",
                        word.span,
                        help="add `scope artifact`: no policy of an agent closes it",
                    )
                )

    def _reference(self, word: n.Word) -> bool:
        if word.text in references():
            return True
        years = meanings(word.text)
        if years:
            shown = " or ".join(f"`{id_}` ({title(id_)})" for id_ in years)
            message = f"`{word.text}` could be {shown}"
            hint = "write the year of the list: the lists number differently"
        else:
            message = f"`{word.text}` is no reference into a known taxonomy"
            hint = (
                did_you_mean(word.text, references())
                or "write one such as LLM01:2025, ASI02:2026, MCP03:2025, AML.T0053 or T1611"
            )
        self.found.append(Diagnostic("PC3015", message, word.span, help=hint))
        return False

    # -- closures and acceptances ----------------------------------------------------

    def _close(self, node: n.Close, path: str) -> None:
        threat = self.symbols.resolve("threat", node.threat, path)
        subject = self.symbols.resolve("class", node.subject, path, "agent")
        by = single(node.members, n.By, "by", self.found)
        replay = single(node.members, n.Replay, "replay", self.found)
        if by is None:
            missing(node.threat, "the closure of", "by", 'by "what closes it"', self.found)
        evidence = [m for m in node.members if isinstance(m, n.Evidence)]
        if not evidence:
            form = "evidence signal envelope.deviation.none holds for 14d"
            missing(node.threat, "the closure of", "evidence", form, self.found)
        usable = [e for e in evidence if known(e.signal, self.signals, "signal", self.found)]
        reopens = self._events(node.members)
        if node.since is not None:
            calendar(node.since, self.found)
        if threat is None or subject is None or not usable:
            return
        self._refuse_blind(node, threat, usable)
        self.closures.append(
            Closure(
                threat.name,
                (subject.kind, subject.name),
                node.threat.span,
                node.since.text if node.since else "",
                by.text.value if by else "",
                tuple(
                    Needed(e.signal.text, seconds_of(e.holds, self.found), e.signal.span)
                    for e in usable
                ),
                tuple(file.value for file in replay.files) if replay else (),
                reopens,
                replay_spans=tuple(file.span for file in replay.files) if replay else (),
            )
        )

    def _refuse_blind(self, node: n.Close, threat: Declaration, usable: list[n.Evidence]) -> None:
        assert isinstance(threat.node, n.Threat)
        kinds = {self.signals[e.signal.text].kind for e in usable}
        if threat.node.kind.text == "coercion" and kinds <= _COMPROMISE_ONLY:
            self.found.append(
                Diagnostic(
                    "PC3016",
                    f"`{node.threat}` is coercion, and syscalls alone cannot show that it is closed",
                    usable[0].span,
                    (Related(threat.node.kind.span, "the threat's class"),),
                    help="a coerced agent makes its usual syscalls: add an envelope, mcp or sdk signal",
                )
            )

    def _events(self, members: tuple[n.Node, ...]) -> tuple[str, ...] | None:
        reopen = single(members, n.Reopen, "reopen", self.found)
        if reopen is None:
            return None
        return tuple(w.text for w in reopen.events if known(w, EVENTS, "event", self.found))

    def _accept(self, node: n.Accept, path: str) -> None:
        threat = self.symbols.resolve("threat", node.threat, path)
        subject = self.symbols.resolve("class", node.subject, path, "agent")
        is_day = calendar(node.until, self.found)
        because = single(node.members, n.Because, "because", self.found)
        approver = single(node.members, n.Approver, "approver", self.found)
        if node.since is not None and calendar(node.since, self.found) and is_day:
            self._refuse_backwards(node, node.since)
        if because is None:
            form = 'because "why it may stay open"'
            missing(node.threat, "the acceptance of", "because", form, self.found)
        else:
            refuse_future(because.text, self.found)
        if approver is None or not approver.contact.value.strip():
            self.found.append(
                Diagnostic(
                    "PC3120",
                    f"nobody approved the acceptance of `{node.threat}`",
                    node.threat.span,
                    help='add: approver "ciso@corp.example"',
                )
            )
        reopens = self._events(node.members)
        if threat is None or subject is None or because is None or approver is None or not is_day:
            return
        self.acceptances.append(
            Acceptance(
                threat.name,
                (subject.kind, subject.name),
                node.until.text,
                node.threat.span,
                node.since.text if node.since else "",
                because.text.value,
                approver.contact.value,
                reopens,
            )
        )

    def _refuse_backwards(self, node: n.Accept, since: n.Date) -> None:
        if since.text > node.until.text:
            self.found.append(
                Diagnostic(
                    "PC3012",
                    f"the acceptance ends on {node.until.text}, before it begins",
                    node.until.span,
                    help=f"it begins on {since.text}: write a later day, or an earlier beginning",
                )
            )

    def _without(self, node: n.Class | n.Agent) -> None:
        kind = "class" if isinstance(node, n.Class) else "agent"
        for member in node.members:
            if not isinstance(member, n.Without):
                continue
            refuse_future(member.because, self.found)
            if known(member.component, COMPONENTS, "component", self.found):
                reasons = self.withouts.setdefault((kind, str(node.name)), {})
                reasons[member.component.text] = member.because.value
