"""The blocks of the language: which statements each may hold, and which open another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from policyc.core.suggest import closest

BLOCKS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "file": {
            word: word
            for word in (
                "cluster",
                "window",
                "mcp",
                "gateway",
                "store",
                "class",
                "agent",
                "threat",
                "signal",
                "close",
                "accept",
                "assert",
                "test",
            )
        },
        "class": {"cap": "cap", "pod": "pod"},
    }
    | {
        block: {}
        for block in (
            "cluster",
            "window",
            "mcp",
            "gateway",
            "store",
            "agent",
            "threat",
            "signal",
            "close",
            "accept",
            "assert",
            "test",
            "cap",
            "pod",
            "unknown",
        )
    }
)
"""Block -> keyword that opens a block in it -> that block."""

HEADS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "file": (),
        "cluster": ("cluster {",),
        "window": ("window x {",),
        "mcp": ("mcp x {",),
        "gateway": ("gateway x {",),
        "store": ("store x {",),
        "class": ("class x {",),
        "cap": ("class x {", "cap {"),
        "pod": ("class x {", "pod {"),
        "agent": ("agent x is x {",),
        "threat": ("threat x x x {",),
        "signal": ("signal x x {",),
        "close": ("close x on x {",),
        "accept": ("accept x on x until 2026-01-01 {",),
        "assert": ("assert x for every agent {",),
        "test": ('test "x" {',),
    }
)
"""Lines that lead into a block: a statement is judged by parsing it behind them."""

_GRANTS = frozenset(
    "egress ingress kube syscalls capabilities exec files tool model memory identity image".split()
)

STARTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "file": frozenset(
            {"edition", "import", "tiers", "events", "waive", "approve", *BLOCKS["file"]}
        ),
        "cluster": frozenset("manifests dns node-local-dns runtimes architectures".split()),
        "window": frozenset("at expect must quiet".split()),
        "mcp": frozenset("image at tools pin reviewed owner".split()),
        "gateway": frozenset("at models reviewed owner".split()),
        "store": frozenset("at kind reviewed owner".split()),
        "class": frozenset("tier owner window cap never approve pod widen without".split()),
        "cap": _GRANTS | {"never"},
        "pod": frozenset("security read-only-root run-as-user runtime-class apparmor".split()),
        "agent": frozenset(
            "tier owner window workload managed identity learn pre-enforced stage widen allow deny"
            " dormant approve delegates without".split()
        ),
        "threat": frozenset(
            "on says refs blast scope applies rights example shown layer mitigation".split()
        ),
        "signal": frozenset("says fires".split()),
        "close": frozenset("by evidence reopen replay".split()),
        "accept": frozenset("because approver reopen".split()),
        "assert": frozenset({"never", "no"}),
        "test": frozenset({"expect"}),
        "unknown": frozenset(),
    }
)
"""Block -> the words that its statements begin with; a test compares them with the grammar."""


def block_of(outer: str, head: str, body: Sequence[str] = ()) -> str:
    """The block that a statement opens; ``unknown`` if nothing tells.

    Its first word tells; where that is wrong, the first words of the statements in its
    ``body`` do, and then the nearest keyword.
    """
    inner = BLOCKS.get(outer, {})
    if head in inner:
        return inner[head]
    near = [inner[word] for word in closest(head, inner)]
    scores = {
        block: (sum(word in STARTS[block] for word in body), block in near)
        for block in sorted(inner.values(), key=lambda block: len(STARTS[block]))
    }
    best = max(scores, key=lambda block: scores[block], default="unknown")
    return best if best in scores and any(scores[best]) else "unknown"
