"""Rules to nodes: one function for each rule of the grammar, by its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from policyc.core.source import Source, Span
from policyc.syntax import nodes as n
from policyc.syntax.lalr import Reduce, Token

Children = list[Any]  # Any: tokens and nodes, by the rule
T = TypeVar("T")

_COUNTS = {
    word: str(i)
    for i, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=1
    )
}
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t"}


def unquote(text: str) -> str:
    r"""The value of a quoted string: ``\\n`` and ``\\t``, else the escaped character itself."""
    if "\\" not in text:
        return text[1:-1]
    return _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1])


class Builder:
    """Makes the nodes of one source; ``reducers`` maps rule names to its methods."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.reducers: dict[str, Reduce] = {rule: getattr(self, name) for rule, name in _RULES}

    # -- tokens --------------------------------------------------------------

    def _at(self, token: Token) -> Span:
        return Span(self.source, token[2], token[3])

    def _span(self, children: Children) -> Span:
        first, last = children[0], children[-1]
        start = first[2] if type(first) is tuple else first.span.start
        end = last[3] if type(last) is tuple else last.span.end
        return Span(self.source, start, end)

    def _name(self, token: Token) -> n.Name:
        qualifier, dot, text = token[1].rpartition(".")
        return n.Name(text, qualifier if dot else None, span=self._at(token))

    def _whole_name(self, token: Token) -> n.Name:
        """A name whose dots are its own: stores, servers' tools, behaviours."""
        return n.Name(token[1], span=self._at(token))

    def _word(self, token: Token) -> n.Word:
        return n.Word(token[1], span=self._at(token))

    def _string(self, token: Token) -> n.String:
        return n.String(unquote(token[1]), span=self._at(token))

    def _pattern(self, token: Token) -> n.Pattern:
        text = unquote(token[1]) if token[0] == "STRING" else token[1]
        return n.Pattern(text, span=self._at(token))

    def _number(self, token: Token) -> n.Number:
        return n.Number(_COUNTS.get(token[1], token[1]), span=self._at(token))

    def _date(self, token: Token) -> n.Date:
        return n.Date(token[1], span=self._at(token))

    def _duration(self, token: Token) -> n.Duration:
        return n.Duration(token[1], span=self._at(token))

    def _object(self, token: Token) -> n.ObjectRef:
        namespace, _, name = token[1].partition("/")
        cut = token[2] + len(namespace)
        return n.ObjectRef(
            n.Word(namespace, span=Span(self.source, token[2], cut)),
            n.Word(name, span=Span(self.source, cut + 1, token[3])),
            span=self._at(token),
        )

    def _label(self, token: Token) -> n.Label:
        key, _, value = token[1].partition("=")
        cut = token[2] + len(key)
        return n.Label(
            n.Word(key, span=Span(self.source, token[2], cut)),
            n.Word(value, span=Span(self.source, cut + 1, token[3])),
            span=self._at(token),
        )

    def _port(self, token: Token) -> n.PortRange:
        if token[1] == "*":
            return n.PortRange(0, 65535, span=self._at(token))
        first, _, last = token[1].partition("-")
        return n.PortRange(int(first), int(last or first), span=self._at(token))

    def _all(self, children: Children, terminal: str, make: Callable[[Token], T]) -> tuple[T, ...]:
        return tuple(make(c) for c in children if type(c) is tuple and c[0] == terminal)

    def _one(self, children: Children, terminal: str, make: Callable[[Token], T]) -> T | None:
        for child in children:
            if type(child) is tuple and child[0] == terminal:
                return make(child)
        return None

    def _patterns(self, children: Children) -> tuple[n.Pattern, ...]:
        return tuple(
            self._pattern(c) for c in children if type(c) is tuple and c[0] in ("STRING", "PATTERN")
        )

    def _after(self, children: Children, terminal: str) -> Children:
        """The children behind the first ``terminal``; none when it is absent."""
        for i, child in enumerate(children):
            if type(child) is tuple and child[0] == terminal:
                return children[i + 1 :]
        return []

    def _before(self, children: Children, *terminals: str) -> Children:
        for i, child in enumerate(children):
            if type(child) is tuple and child[0] in terminals:
                return children[:i]
        return children

    def _nodes(self, children: Children) -> tuple[Any, ...]:  # Any: by the rule
        return tuple(c for c in children if type(c) is not tuple)

    # -- file ------------------------------------------------------------------

    def on_file(self, children: Children) -> n.File:
        made = self._nodes(children)
        editions = [node for node in made if isinstance(node, n.Edition)]
        return n.File(
            editions[0] if editions else None,
            tuple(node for node in made if isinstance(node, n.Import)),
            tuple(node for node in made if not isinstance(node, (n.Edition, n.Import))),
            span=Span(self.source, 0, len(self.source.text)),
        )

    def on_edition(self, c: Children) -> n.Edition:
        return n.Edition(self._number(c[1]), span=self._span(c))

    def on_import_(self, c: Children) -> n.Import:
        return n.Import(self._string(c[1]), self._name(c[3]), span=self._span(c))

    def on_tiers(self, c: Children) -> n.Tiers:
        return n.Tiers(self._all(c, "NAME", self._name), span=self._span(c))

    # -- cluster -----------------------------------------------------------------

    def on_cluster(self, c: Children) -> n.Cluster:
        return n.Cluster(self._nodes(c), span=self._span(c))

    def on_manifests(self, c: Children) -> n.ClusterManifests:
        return n.ClusterManifests(self._all(c, "STRING", self._string), span=self._span(c))

    def on_dns(self, c: Children) -> n.ClusterDns:
        return n.ClusterDns(c[1], span=self._span(c))

    def on_node_local_dns(self, c: Children) -> n.ClusterNodeLocalDns:
        return n.ClusterNodeLocalDns(self._all(c, "ADDRESS", self._word), span=self._span(c))

    def on_runtimes(self, c: Children) -> n.ClusterRuntimes:
        return n.ClusterRuntimes(self._all(c, "WORD", self._word), span=self._span(c))

    def on_architectures(self, c: Children) -> n.ClusterArchitectures:
        return n.ClusterArchitectures(self._all(c, "ARCH", self._word), span=self._span(c))

    # -- window --------------------------------------------------------------------

    def on_window(self, c: Children) -> n.Window:
        return n.Window(self._name(c[1]), self._nodes(c), span=self._span(c))

    def on_at_least(self, c: Children) -> n.AtLeast:
        return n.AtLeast(
            self._duration(c[2]), self._one(c, "INT", self._number), span=self._span(c)
        )

    def on_at_least_sessions(self, c: Children) -> n.AtLeast:
        return n.AtLeast(None, self._number(c[2]), span=self._span(c))

    def on_expect_fewer(self, c: Children) -> n.ExpectFewer:
        return n.ExpectFewer(self._nodes(c), span=self._span(c))

    def on_rate(self, c: Children) -> n.ExpectRate:
        return n.ExpectRate(self._number(c[0]), self._word(c[2]), span=self._span(c))

    def on_must_see(self, c: Children) -> n.MustSee:
        return n.MustSee(self._nodes(c), span=self._span(c))

    def on_behaviour(self, c: Children) -> n.Behaviour:
        words = c[1:]
        what = n.Word(" ".join(token[1] for token in words), span=self._span(words))
        return n.Behaviour(self._number(c[0]), what, span=self._span(c))

    def on_quiet(self, c: Children) -> n.Quiet:
        return n.Quiet(self._duration(c[2]), span=self._span(c))

    # -- declared things -------------------------------------------------------------

    def on_mcp(self, c: Children) -> n.Mcp:
        return n.Mcp(self._name(c[1]), self._nodes(c), span=self._span(c))

    def on_image(self, c: Children) -> n.Image:
        return n.Image(self._word(c[1]), span=self._span(c))

    def on_at_service(self, c: Children) -> n.At:
        return n.At(
            self._word(c[1]), service=self._object(c[2]), port=int(c[4][1]), span=self._span(c)
        )

    def on_at_host(self, c: Children) -> n.At:
        return n.At(self._word(c[1]), host=self._word(c[2]), port=int(c[4][1]), span=self._span(c))

    def on_at_stdio(self, c: Children) -> n.At:
        return n.At(self._word(c[1]), span=self._span(c))

    def on_tools(self, c: Children) -> n.Tools:
        return n.Tools(self._patterns(c), span=self._span(c))

    def on_pin(self, c: Children) -> n.Pin:
        return n.Pin(self._pattern(c[1]), self._word(c[2]), span=self._span(c))

    def on_review(self, c: Children) -> n.Review:
        return n.Review(
            self._string(c[2]), self._date(c[4]), self._string(c[6]), span=self._span(c)
        )

    def on_owner(self, c: Children) -> n.Owner:
        return n.Owner(self._string(c[1]), span=self._span(c))

    def on_gateway(self, c: Children) -> n.Gateway:
        return n.Gateway(self._name(c[1]), self._nodes(c), span=self._span(c))

    def on_models(self, c: Children) -> n.ModelNames:
        return n.ModelNames(self._patterns(c), span=self._span(c))

    def on_store(self, c: Children) -> n.Store:
        return n.Store(self._whole_name(c[1]), self._nodes(c), span=self._span(c))

    def on_store_kind(self, c: Children) -> n.StoreKind:
        return n.StoreKind(self._word(c[1]), span=self._span(c))

    # -- classes and agents --------------------------------------------------------------

    def on_class_(self, c: Children) -> n.Class:
        names = self._all(c, "NAME", self._name)
        parent = names[1] if len(names) > 1 else None
        return n.Class(names[0], parent, self._nodes(c), span=self._span(c))

    def on_tier(self, c: Children) -> n.Tier:
        return n.Tier(self._name(c[1]), span=self._span(c))

    def on_use_window(self, c: Children) -> n.UseWindow:
        return n.UseWindow(self._name(c[1]), span=self._span(c))

    def on_cap(self, c: Children) -> n.Cap:
        return n.Cap(self._nodes(c), span=self._span(c))

    def on_never(self, c: Children) -> n.Never:
        return n.Never(c[1], span=self._span(c))

    def on_approve(self, c: Children) -> n.Approve:
        return n.Approve(c[1], self._string(c[3]), span=self._span(c))

    def on_pod(self, c: Children) -> n.PodBaseline:
        return n.PodBaseline(self._nodes(c), span=self._span(c))

    def on_pod_line(self, c: Children) -> n.PodLine:
        return n.PodLine(self._word(c[0]), self._word(c[1]), span=self._span(c))

    def on_agent(self, c: Children) -> n.Agent:
        return n.Agent(self._name(c[1]), self._name(c[3]), self._nodes(c), span=self._span(c))

    def on_workload(self, c: Children) -> n.Workload:
        return n.Workload(
            self._word(c[1]), self._object(c[2]), self._word(c[4]), span=self._span(c)
        )

    def on_managed(self, c: Children) -> n.Managed:
        return n.Managed(self._word(c[1]), self._string(c[2]), span=self._span(c))

    def on_identity(self, c: Children) -> n.Identity:
        return n.Identity(self._object(c[1]), self._nodes(c), span=self._span(c))

    def on_cloud(self, c: Children) -> n.IdentityGrant:
        return n.IdentityGrant(self._word(c[0]), (self._pattern(c[1]),), span=self._span(c))

    def on_learn(self, c: Children) -> n.Learn:
        return n.Learn(
            self._name(c[2]),
            self._date(c[4]),
            self._all(c, "STRING", self._string),
            span=self._span(c),
        )

    def on_pre_enforced(self, c: Children) -> n.PreEnforced:
        return n.PreEnforced(
            self._word(c[2]), self._all(c, "STRING", self._string), span=self._span(c)
        )

    def on_stage(self, c: Children) -> n.Stage:
        return n.Stage(self._word(c[1]), span=self._span(c))

    def on_widen(self, c: Children) -> n.Widen:
        return n.Widen(
            self._word(c[1]),
            int(c[3][1][1:]),
            int(c[7][1]),
            self._duration(c[9]),
            span=self._span(c),
        )

    def on_allow(self, c: Children) -> n.Allow:
        return n.Allow(
            c[1],
            self._one(c, "STRING", self._string),
            self._one(c, "DATE", self._date),
            span=self._span(c),
        )

    def on_deny(self, c: Children) -> n.Deny:
        return n.Deny(c[1], self._one(c, "STRING", self._string), span=self._span(c))

    def on_dormant(self, c: Children) -> n.Dormant:
        return n.Dormant(
            self._word(c[1]),
            c[2],
            self._one(c, "STRING", self._string),
            self._one(c, "DATE", self._date),
            span=self._span(c),
        )

    def on_delegates(self, c: Children) -> n.Delegates:
        return n.Delegates(self._all(c, "NAME", self._name), span=self._span(c))

    def on_without(self, c: Children) -> n.Without:
        return n.Without(self._word(c[1]), self._string(c[3]), span=self._span(c))

    # -- threats ------------------------------------------------------------------------

    def on_threat(self, c: Children) -> n.Threat:
        return n.Threat(
            self._name(c[1]),
            self._name(c[2]),
            self._word(c[3]),
            self._nodes(c),
            span=self._span(c),
        )

    def on_threat_on(self, c: Children) -> n.ThreatOn:
        return n.ThreatOn(self._all(c, "WORD", self._word), span=self._span(c))

    def on_says(self, c: Children) -> n.Says:
        return n.Says(self._string(c[1]), span=self._span(c))

    def on_refs(self, c: Children) -> n.Refs:
        return n.Refs(self._all(c, "REF", self._word), span=self._span(c))

    def on_blast(self, c: Children) -> n.Blast:
        return n.Blast(self._word(c[1]), span=self._span(c))

    def on_scope(self, c: Children) -> n.Scope:
        return n.Scope(self._word(c[1]), span=self._span(c))

    def on_applies(self, c: Children) -> n.Applies:
        return n.Applies(self._all(c, "WORD", self._word), span=self._span(c))

    def on_rights(self, c: Children) -> n.Rights:
        return n.Rights(self._word(c[1]), span=self._span(c))

    def on_example(self, c: Children) -> n.Example:
        return n.Example(self._string(c[1]), span=self._span(c))

    def on_shown(self, c: Children) -> n.Shown:
        return n.Shown(self._all(c, "WORD", self._word), span=self._span(c))

    def on_layer(self, c: Children) -> n.Layer:
        return n.Layer(self._word(c[1]), span=self._span(c))

    def on_mitigation(self, c: Children) -> n.Mitigation:
        return n.Mitigation(self._word(c[1]), span=self._span(c))

    def on_signal(self, c: Children) -> n.Signal:
        return n.Signal(
            self._whole_name(c[1]), self._word(c[2]), self._nodes(c), span=self._span(c)
        )

    def on_fires(self, c: Children) -> n.Fires:
        return n.Fires(
            self._word(c[2]),
            c[3][0] == "EQUAL",
            self._all(c, "STRING", self._string),
            span=self._span(c),
        )

    def on_events(self, c: Children) -> n.Events:
        return n.Events(self._all(c, "STRING", self._string), span=self._span(c))

    def on_close(self, c: Children) -> n.Close:
        return n.Close(
            self._name(c[1]),
            self._name(c[3]),
            self._nodes(c),
            self._one(c, "DATE", self._date),
            span=self._span(c),
        )

    def on_replay(self, c: Children) -> n.Replay:
        return n.Replay(self._all(c, "STRING", self._string), span=self._span(c))

    def on_by(self, c: Children) -> n.By:
        return n.By(self._string(c[1]), span=self._span(c))

    def on_evidence(self, c: Children) -> n.Evidence:
        return n.Evidence(self._word(c[2]), self._duration(c[5]), span=self._span(c))

    def on_reopen(self, c: Children) -> n.Reopen:
        return n.Reopen(self._all(c, "WORD", self._word), span=self._span(c))

    def on_accept(self, c: Children) -> n.Accept:
        dates = self._all(c, "DATE", self._date)
        return n.Accept(
            self._name(c[1]),
            self._name(c[3]),
            dates[-1],
            self._nodes(c),
            dates[0] if len(dates) > 1 else None,
            span=self._span(c),
        )

    def on_because(self, c: Children) -> n.Because:
        return n.Because(self._string(c[1]), span=self._span(c))

    def on_approver(self, c: Children) -> n.Approver:
        return n.Approver(self._string(c[1]), span=self._span(c))

    # -- assertions and tests -------------------------------------------------------------

    def on_assertion(self, c: Children) -> n.Assertion:
        made = self._nodes(c)
        return n.Assertion(
            self._name(c[1]),
            tuple(node for node in made if isinstance(node, n.Condition)),
            tuple(node for node in made if not isinstance(node, n.Condition)),
            span=self._span(c),
        )

    def on_condition(self, c: Children) -> n.Condition:
        return n.Condition(
            self._word(c[0]), n.Comparison(c[1][1]), self._name(c[2]), span=self._span(c)
        )

    def on_comparison(self, c: Children) -> Token:
        token: Token = c[0]
        return token

    def on_reach(self, c: Children) -> n.Reach:
        return n.Reach(c[2], span=self._span(c))

    def on_no_new(self, c: Children) -> n.NoNew:
        return n.NoNew(self._word(c[2]), self._string(c[4]), span=self._span(c))

    def on_test(self, c: Children) -> n.Test:
        return n.Test(self._string(c[1]), self._nodes(c), span=self._span(c))

    def on_expectation(self, c: Children) -> n.Expectation:
        return n.Expectation(
            self._word(c[1]),
            self._name(c[2]),
            c[3],
            self._one(c, "DATE", self._date),
            span=self._span(c),
        )

    def on_waive(self, c: Children) -> n.Waive:
        return n.Waive(
            self._name(c[1]),
            self._name(c[3]),
            self._date(c[5]),
            self._string(c[7]),
            span=self._span(c),
        )

    def on_widening(self, c: Children) -> n.Widening:
        return n.Widening(
            self._all(c, "WORD", self._word),
            self._name(self._after(c, "ON")[0]),
            self._string(c[-5]),
            self._date(c[-3]),
            self._string(c[-1]),
            span=self._span(c),
        )

    # -- grants ------------------------------------------------------------------------------

    def _flow(
        self, make: type[n.EgressGrant | n.IngressGrant], c: Children
    ) -> n.EgressGrant | n.IngressGrant:
        ports: tuple[n.PortRange, ...] = c[2]
        return make(self._word(c[1]), ports, self._nodes(c[3:]), span=self._span(c))

    def on_egress(self, c: Children) -> n.EgressGrant | n.IngressGrant:
        return self._flow(n.EgressGrant, self._with_ports(c))

    def on_ingress(self, c: Children) -> n.EgressGrant | n.IngressGrant:
        return self._flow(n.IngressGrant, self._with_ports(c))

    def _with_ports(self, c: Children) -> Children:
        at = next(i for i, x in enumerate(c) if type(x) is tuple and x[0] in ("TO", "FROM"))
        return [c[0], c[1], self._all(c[2:at], "PORT", self._port), *c[at:]]

    def on_host_peer(self, c: Children) -> n.HostPeer:
        return n.HostPeer(self._word(c[1]), span=self._span(c))

    def on_cidr_peer(self, c: Children) -> n.CidrPeer:
        cidrs = self._all(c, "CIDR_BLOCK", self._word)
        return n.CidrPeer(cidrs[0], cidrs[1:], span=self._span(c))

    def on_service_peer(self, c: Children) -> n.ServicePeer:
        return n.ServicePeer(self._object(c[1]), span=self._span(c))

    def on_pods(self, c: Children) -> n.PodsPeer:
        pods, scope = self._before(c, "IN"), self._after(c, "IN")
        return n.PodsPeer(
            self._all(pods, "LABEL", self._label),
            self._all(scope, "WORD", self._word),
            self._all(scope, "LABEL", self._label),
            any_namespace=any(type(x) is tuple and x[0] == "ANY" for x in scope),
            span=self._span(c),
        )

    def on_anywhere(self, c: Children) -> n.AnyPeer:
        return n.AnyPeer(span=self._span(c))

    def on_kube(self, c: Children) -> n.KubeGrant:
        head = self._before(c, "IN", "NAMED")
        scope = self._before(self._after(c, "IN"), "NAMED")
        return n.KubeGrant(
            self._all(self._before(head, "ON"), "KUBE_WORD", self._word),
            self._all(self._after(head, "ON"), "KUBE_WORD", self._word),
            self._all(scope, "WORD", self._word),
            cluster_scope=any(x[0] == "CLUSTER" for x in scope),
            names=self._patterns(self._after(c, "NAMED")),
            span=self._span(c),
        )

    def on_kube_url(self, c: Children) -> n.KubeUrlGrant:
        return n.KubeUrlGrant(
            self._all(c, "KUBE_WORD", self._word), self._patterns(c), span=self._span(c)
        )

    def on_syscall_profile(self, c: Children) -> n.SyscallGrant:
        return n.SyscallGrant(
            profile=n.Word(c[2][1], span=self._at(c[2])),
            excepts=self._all(c, "WORD", self._word),
            architectures=self._all(c, "ARCH", self._word),
            span=self._span(c),
        )

    def on_syscall_names(self, c: Children) -> n.SyscallGrant:
        return n.SyscallGrant(
            names=self._all(c, "WORD", self._word),
            architectures=self._all(c, "ARCH", self._word),
            span=self._span(c),
        )

    def on_capabilities(self, c: Children) -> n.CapabilityGrant:
        return n.CapabilityGrant(self._all(c, "WORD", self._word), span=self._span(c))

    def on_exec(self, c: Children) -> n.ExecGrant:
        return n.ExecGrant(self._all(c, "STRING", self._string), span=self._span(c))

    def on_files(self, c: Children) -> n.FileGrant:
        return n.FileGrant(
            self._all(c, "WORD", self._word),
            self._all(c, "STRING", self._string),
            span=self._span(c),
        )

    def on_tool(self, c: Children) -> n.ToolGrant:
        return n.ToolGrant(self._name(c[1]), self._patterns(c), span=self._span(c))

    def on_model(self, c: Children) -> n.ModelGrant:
        return n.ModelGrant(self._patterns(c), self._one(c, "NAME", self._name), span=self._span(c))

    def on_memory(self, c: Children) -> n.MemoryGrant:
        return n.MemoryGrant(
            self._all(c, "WORD", self._word),
            self._all(c, "NAME", self._whole_name),
            self._all(c, "STRING", self._string),
            span=self._span(c),
        )

    def on_identity_grant(self, c: Children) -> n.IdentityGrant:
        return n.IdentityGrant(self._word(c[1]), self._patterns(c[2:]), span=self._span(c))

    def on_image_grant(self, c: Children) -> n.ImageGrant:
        return n.ImageGrant(self._patterns(c), span=self._span(c))


_RULES = tuple((name.removeprefix("on_"), name) for name in vars(Builder) if name.startswith("on_"))
