"""Proving: 1,000 agents, 50 assertions of the policy and the standard ones.

Two times, since they are two questions: from the recordings, which lowers every agent,
and from the envelopes that `compile` has left, which CI has compiled before.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

from policyc.pipeline.compile import compile_root
from policyc.pipeline.judge import Judged, judge
from policyc.pipeline.output import replace_tree
from policyc.pipeline.stamp import compiled_envelopes, fingerprint, remember
from tests.bench.scale import write

AGENTS, ASSERTIONS = 1_000, 50
DAY = date(2026, 9, 1)
_ALL_CALLS = "syscalls profile runtime-default"
_BUT = " except ptrace, process_vm_readv, process_vm_writev, pidfd_getfd, kcmp"
_RULES = (
    "never egress tcp * to cidr 10.{n}.0.0/16",
    "never kube delete on configmaps in namespace team-{n}",
    "never syscalls ptrace, bpf, mount",
    'never exec "/opt/{n}/**"',
    "never reach egress tcp 443 to host h{n}.example.org",
)


def assertions() -> str:
    return "".join(
        f"\nassert rule-{n} for every agent {{\n  {_RULES[n % len(_RULES)].format(n=n)}\n}}\n"
        for n in range(ASSERTIONS)
    )


def timed(what: str, root: Path, compiled: dict[str, bytes] | None) -> Judged:
    start, used = time.perf_counter(), processor_seconds()
    judged = judge(root, as_of=DAY, compiled=compiled)
    wall, spent = time.perf_counter() - start, processor_seconds() - used
    failing = sum(ruling.fails for ruling in judged.rulings)
    print(
        f"{what}: {wall:.1f} s, {spent:.1f} s of processors for {len(judged.rulings)} rulings, "
        f"{failing} of which fail"
    )
    return judged


def processor_seconds() -> float:
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, both))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        root, out = Path(folder) / "root", Path(folder) / "out"
        write(root, AGENTS)
        policy = root / "bots.agentpol"
        # Of what fails the reasons are lowering's: agents that keep all assertions are measured.
        text = policy.read_text().replace(_ALL_CALLS, _ALL_CALLS + _BUT)
        policy.write_text(text + assertions())
        timed("from the recordings", root, None)
        made = compile_root(root, as_of=DAY)
        replace_tree(out, made.files)
        remember(root, out, fingerprint(root, out, DAY), made)
        start = time.perf_counter()
        compiled = compiled_envelopes(root, out, DAY)
        assert len(compiled) == AGENTS
        print(f"looking whether the envelopes are those of the tree: {time.perf_counter() - start:.1f} s")  # fmt: skip
        timed("from the compiled envelopes", root, compiled)


if __name__ == "__main__":
    main()
