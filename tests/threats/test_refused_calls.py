"""A system call that seccomp refused, as a recorder writes it, is evidence of a try and of nothing else."""

from __future__ import annotations

import json

from policyc.catalog.signals import SIGNALS
from policyc.core.canonical import Json
from policyc.threats.records import read_records

RUN: Json = {"id": "r"}


def fired(call: dict[str, Json]) -> set[str]:
    document = {
        "apiVersion": "policyc.dev/v1",
        "kind": "AgentProfile",
        "metadata": {"name": "bot"},
        "spec": {
            "identity": "demo/bot",
            "source": {"tool": "recorder"},
            "runs": [RUN],
            "syscalls": [{"architecture": "amd64", "runs": ["r"], "phase": "application", **call}],
        },
    }
    (record,) = read_records("bot.json", json.dumps(document).encode()).value
    return {s.name for s in SIGNALS.values() if s.fires(record.kind, record.fields)}


def test_the_signal_of_a_refused_call() -> None:
    assert fired({"name": "read"}) == set()
    assert fired({"name": "read", "denied": False}) == set()
    assert fired({"name": "read", "denied": True}) == {"syscall.denied.none"}
    assert fired({"name": "unshare", "denied": True}) > {"syscall.denied.none"}
