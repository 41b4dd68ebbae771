"""What `diff` says of a change: nothing of layout and order, and of one atom exactly that atom."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import fields
from functools import cache

import pytest
from support.agents import AS_OF, WIDE, lowered, policy, policy_of, written
from support.scale import MANY

from policyc.core.source import Source
from policyc.diff.compare import Change, Relation, compare
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Envelope
from policyc.envelope.observation import Observed
from policyc.syntax.format import format_source

DAY = str(AS_OF)
EDITS = max(500, MANY // 2)
ATOMS = {
    "exec": ('exec "/usr/bin/{n}"', {"path": "/usr/bin/{n}"}),
    "files": ('files read "/etc/app/{n}"', {"mode": "read", "path": "/etc/app/{n}"}),
    "egress_ip": (
        "egress tcp 443 to cidr 192.0.2.{n}/32",
        {"protocol": "tcp", "address": "192.0.2.{n}", "port": "443"},
    ),
    "egress_host": (
        "egress tcp 443 to host a{n}.example.com",
        {"protocol": "tcp", "port": "443", "host": "a{n}.example.com"},
    ),
    "egress_peer": (
        "egress tcp {n} to pods labeled app=kb in namespace demo",
        {
            "protocol": "tcp",
            "port": "{n}",
            "namespace:kubernetes.io/metadata.name": "=demo",
            "pod:app": "=kb",
        },
    ),
    "ingress_ip": (
        "ingress tcp 8080 from cidr 192.0.2.{n}/32",
        {"protocol": "tcp", "address": "192.0.2.{n}", "port": "8080"},
    ),
    "ingress_peer": (
        "ingress tcp {n} from pods labeled app=gw in namespace web",
        {
            "protocol": "tcp",
            "port": "{n}",
            "namespace:kubernetes.io/metadata.name": "=web",
            "pod:app": "=gw",
        },
    ),
    "models": ("model anthropic/m{n}", {"model": "anthropic/m{n}", "gateway": ""}),
    "kube": (
        "kube get on configmaps in namespace demo named c{n}",
        {
            "group": "",
            "resource": "configmaps",
            "verb": "get",
            "namespace": "demo",
            "name": "c{n}",
        },
    ),
    "kube_url": ('kube get on url "/x/{n}"', {"verb": "get", "url": "/x/{n}"}),
}
"""Domain -> a grant of one atom, and the atom."""


def line(domain: str, n: int) -> str:
    return f'allow {ATOMS[domain][0].format(n=n)} because "x"'


def built(lines: list[str]) -> Envelope:
    return lowered(policy(lines="\n".join(lines)), Observed(()))[0]


@cache
def base() -> tuple[tuple[str, ...], Envelope]:
    lines = tuple(line(domain, n) for domain in ATOMS for n in range(1, 4))
    return lines, built(list(lines))


def changed(before: Envelope, now: Envelope) -> list[Change]:
    return [c for c in compare(before, now, DAY) if c.relation is not Relation.EQUIVALENT]


def test_one_atom_more_or_less_is_reported_exactly() -> None:
    lines, whole = base()
    rng = random.Random(1)
    for _ in range(EDITS):
        domain, n = rng.choice(sorted(ATOMS)), rng.randrange(1, 8)
        mine = line(domain, n)
        is_removal = mine in lines
        edited = [other for other in lines if other != mine] + ([] if is_removal else [mine])
        (change,) = changed(whole, built(edited))
        assert (change.agent, change.what) == ("bot", domain)
        assert change.relation is (Relation.TIGHTER if is_removal else Relation.WIDER)
        (part,) = change.removed if is_removal else change.added
        atom = {axis: value.format(n=n) for axis, value in ATOMS[domain][1].items()}
        assert part.point == atom
        assert part.boxes == tuple(DOMAINS[domain].single(atom).describe())


def laid_out(rng: random.Random, lines: Sequence[str]) -> str:
    """The policy with its lines, its caps, its blocks and their blanks in another order and form."""
    cap = WIDE.splitlines()
    text = written(
        cap="\n".join(rng.sample(cap, len(cap))),
        lines="\n".join(" " * rng.randrange(1, 9) + one for one in rng.sample(lines, len(lines))),
    )
    edition, *blocks = re.split(r"\n(?=[a-z])", text)
    rng.shuffle(blocks)
    between = "\n" * rng.randrange(1, 4) + ("# a remark\n" if rng.random() < 0.3 else "")
    text = between.join(block.rstrip("\n") + "\n" for block in (edition, *blocks))
    return format_source(Source("p.agentpol", text)).value if rng.random() < 0.5 else text


def test_order_and_layout_mean_nothing() -> None:
    lines, whole = base()
    rng = random.Random(2)
    texts = set()
    for _ in range(EDITS):
        text = laid_out(rng, lines)
        texts.add(text)
        again = lowered(policy_of(text), Observed(()))[0]
        assert changed(whole, again) == []
    assert len(texts) > EDITS * 9 // 10


def test_a_longer_allowance_is_wider_on_its_days() -> None:
    dated = 'allow exec "/usr/bin/x" until {} because "x"'
    (change,) = changed(built([dated.format("2026-12-31")]), built([dated.format("2027-06-30")]))
    (part,) = change.added
    assert change.relation is Relation.WIDER
    assert part.when == "2027-01-01 to 2027-06-30"


def test_both_ways_is_incomparable() -> None:
    (change,) = changed(built([line("exec", 1)]), built([line("exec", 2)]))
    assert change.relation is Relation.INCOMPARABLE


@pytest.mark.parametrize(
    ("before", "now", "what", "relation"),
    [
        ("stage enforce", "stage audit", "stage", Relation.WIDER),
        ("stage observe", "stage enforce", "stage", Relation.TIGHTER),
        ('approve exec "/usr/bin/1" by "a"', "", "approvals", Relation.WIDER),
        ("", 'approve exec "/usr/bin/1" by "a"', "approvals", Relation.TIGHTER),
    ],
)
def test_what_is_beside_the_domains(before: str, now: str, what: str, relation: Relation) -> None:
    always = line("exec", 1)
    (change,) = changed(built([always, before]), built([always, now]))
    assert (change.what, change.relation) == (what, relation)


PINNED = tuple(
    f"""mcp hub {{
  at stdio
  tools a
  {pin}
  reviewed by "a@corp.example" on 2026-08-01 because "R-1"
}}
"""
    for pin in ("", f"pin a sha256:{'a' * 64}", f"pin a sha256:{'b' * 64}")
)


def pinned(number: int, lines: str = 'allow tool hub: a because "x"') -> Envelope:
    return lowered(policy(more=PINNED[number], lines=lines), Observed(()))[0]


@pytest.mark.parametrize(
    ("before", "now", "relation"),
    [(1, 0, Relation.WIDER), (0, 1, Relation.TIGHTER), (1, 2, Relation.INCOMPARABLE)],
)
def test_a_pin_that_goes_is_wider(before: int, now: int, relation: Relation) -> None:
    (change,) = changed(pinned(before), pinned(now))
    assert (change.what, change.relation) == ("pins", relation)


def test_a_server_that_is_used_no_more_takes_its_pins_along() -> None:
    assert {c.what for c in changed(pinned(1), pinned(1, lines=""))} == {"tools"}


@pytest.mark.parametrize(
    ("more", "relation"),
    [("dns pods labeled k8s-app=kube-dns in namespace kube-system\n  node-local-dns 169.254.20.11", Relation.INCOMPARABLE),
     ("dns pods labeled k8s-app=other-dns in namespace kube-system", Relation.INCOMPARABLE),
     ("runtimes runc", Relation.TIGHTER)],
)  # fmt: skip
def test_the_servers_that_all_may_ask_are_compared(more: str, relation: Relation) -> None:
    lines = line("egress_ip", 1)
    text = written(lines=lines).replace("cluster {\n", f"cluster {{\n  {more}\n")
    now = lowered(policy_of(text), Observed(()))[0]
    (change,) = changed(built([lines]), now)
    assert (change.what, change.relation) == ("cluster", relation)


def test_every_part_of_an_envelope_is_compared_or_is_no_right() -> None:
    no_right = {
        "grants",  # the reasons of the domains
        "threats",  # what waits for evidence: it has its own gate
    }
    by_domain = {"domains", "resolutions", "expiries"}
    beside = {"subject", "approvals", "delegates", "pod", "cluster", "pins"}
    assert {f.name for f in fields(Envelope)} == no_right | by_domain | beside


def test_a_new_agent_is_wider_in_what_it_has_and_a_removed_one_tighter() -> None:
    now = built([line("exec", 1)])
    new = {c.what: c.relation for c in compare(None, now, DAY)}
    gone = {c.what: c.relation for c in compare(now, None, DAY)}
    assert {w for w, r in new.items() if r is Relation.WIDER} == {"exec", "identity"}
    assert {w for w, r in gone.items() if r is Relation.TIGHTER} == {"exec", "identity"}
