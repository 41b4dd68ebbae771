"""Proving: 1,000 agents x 50 assertions, and the same with the standard assertions besides.

From the recordings, which lowers every agent, and from the envelopes that `compile` has left,
which CI has compiled before.  The target of 10 s on two processors is about the 50: 20 s of
processor time, since wall time on a busy machine says little.
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
TARGET_SECONDS = 2 * 10  # of processor time: 10 s on two processors
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


def timed(
    what: str, root: Path, compiled: dict[str, bytes] | None, *, standard: bool = True
) -> Judged:
    start, used = time.perf_counter(), processor_seconds()
    judged = judge(root, as_of=DAY, compiled=compiled, standard=standard)
    wall, spent = time.perf_counter() - start, processor_seconds() - used
    failing = sum(ruling.fails for ruling in judged.rulings)
    rules = len(judged.rulings) // AGENTS
    print(
        f"{what}: {AGENTS:,} agents x {rules} rules: {wall:.1f} s, {spent:.1f} s of processors, "
        f"{failing} rulings fail, {spent / TARGET_SECONDS:.2f} of the target"
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
        timed("from the recordings", root, None, standard=False)
        timed("from the recordings", root, None)
        made = compile_root(root, as_of=DAY)
        replace_tree(out, made.files)
        remember(root, out, fingerprint(root, out, DAY), made)
        start = time.perf_counter()
        compiled = compiled_envelopes(root, out, DAY)
        assert len(compiled) == AGENTS
        print(f"looking whether the envelopes are those of the tree: {time.perf_counter() - start:.1f} s")  # fmt: skip
        timed("from the compiled envelopes", root, compiled, standard=False)
        timed("from the compiled envelopes", root, compiled)


if __name__ == "__main__":
    main()
