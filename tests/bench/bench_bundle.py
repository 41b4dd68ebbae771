"""Envelopes on their way into the webhook: loading, memory and start, by number and by source.

Every figure is one of a fresh process.  The machine's speed is told by a loop of the
interpreter in the same process: a target in seconds is for an idle machine of today.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.admission import cluster
from support.api_server import ApiServer
from support.webhook import Webhook

from policyc.bundle.objects import objects_of
from tests.bench import many

SIZES = (10, 1_000, 10_000)

_LOAD = """
import gc, sys, time
from pathlib import Path
import webhook.service, kubernetes.client, kubernetes.config
from policyc.bundle.load import load_envelopes
from policyc.signing.keys import read_verifiers
from webhook.bundle_store import BundleStore, FolderSource
from webhook.logs import Talk

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

keys = read_verifiers([Path(sys.argv[2])])
before = peak()
start, used = time.perf_counter(), time.process_time()
store = BundleStore(FolderSource(Path(sys.argv[1]), lambda f: load_envelopes(f, keys)), 0, Talk())
store.start()
wall, cpu = time.perf_counter() - start, time.process_time() - used
after, used = peak(), time.process_time()
for agent in list(store.current.agents.values())[:1000]:
    agent.envelope.delegates
opened = (time.process_time() - used) / min(1000, len(store.current.agents))
used = time.process_time()
sum(i for i in range(3_000_000))
loop = time.process_time() - used
print(f"{wall:.2f} {cpu:.2f} {before:.0f} {after:.0f} {opened * 1e6:.0f} {loop:.3f}")
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        keys = root / "bundle.pub"
        keys.write_text(f"{many.KEY.verifier}\n")
        for size in SIZES:
            folder = root / str(size) / "bundle"
            many.write(folder, size)
            _load(folder, keys, size)
            _start(root / str(size), keys, size)
        _start_from_objects(root / "objects", keys, root / "1000" / "bundle", 1_000)


def _load(folder: Path, keys: Path, size: int) -> None:
    command = [sys.executable, "-c", _LOAD, str(folder), str(keys)]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    wall, cpu, before, after, opened, loop = made.stdout.split()
    print(
        f"{size} envelopes, folder: {wall} s ({cpu} s of processor; 3 million turns of a loop: "
        f"{loop} s), memory {before} to {after} MiB at most; opening one {opened} us"
    )


def _start(folder: Path, keys: Path, size: int) -> None:
    webhook = Webhook(folder, bundle=folder / "bundle", unsigned=None, public_keys=[keys])
    _timed(webhook, f"{size} envelopes, folder")


def _start_from_objects(folder: Path, keys: Path, built: Path, size: int) -> None:
    folder.mkdir()
    with ApiServer([*cluster(), *_objects(built)]) as server:
        webhook = Webhook(
            folder,
            cluster=True,
            kubeconfig=server.kubeconfig(folder),
            unsigned=None,
            public_keys=[keys],
            bundle_objects=True,
        )
        _timed(webhook, f"{size} envelopes, objects")


def _objects(built: Path) -> list[many.Json]:
    return list(objects_of(built))


def _timed(webhook: Webhook, what: str) -> None:
    start = time.perf_counter()
    with webhook:
        wall = time.perf_counter() - start
        status = Path(f"/proc/{webhook.pid}/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
        ticks = Path(f"/proc/{webhook.pid}/stat").read_text().rsplit(")", 1)[1].split()
        cpu = (int(ticks[11]) + int(ticks[12])) / 100  # sysconf(SC_CLK_TCK) on Linux
        print(
            f"  {what}: start to ready {wall:.2f} s ({cpu:.2f} s of processor), {peak:.0f} MiB",
            flush=True,
        )
