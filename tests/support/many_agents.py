"""A bundle of as many agents as a test needs."""

from __future__ import annotations

from dataclasses import replace

from policyc.admission.bundle import Bundle, assemble
from policyc.core.canonical import pretty_json
from policyc.envelope.codec import encode
from policyc.envelope.index import entry_of
from policyc.envelope.model import Expiry
from policyc.envelope.sealed import Packed
from support.admission import bundle

UNTIL = "2026-09-02"


def many(count: int) -> Bundle:
    """Agents of one namespace and as they are loaded; a part of each other one has ended."""
    known = bundle().agents["research"]
    subject = known.envelope.subject
    assert subject.workload is not None
    tools = known.envelope.domains["tools"]
    entries, packed = [], {}
    for i in range(count):
        own = replace(
            subject,
            agent=f"bot-{i}",
            service_account=f"agents/bot-{i}",
            pod_labels=(("policyc.dev/agent", f"bot-{i}"),),
            workload=replace(subject.workload, name=f"bot-{i}"),
        )
        expiries = (Expiry(UNTIL, "tools", tools),) if i % 2 else ()
        envelope = replace(known.envelope, subject=own, expiries=expiries)
        document = encode(envelope)
        entries.append(entry_of(envelope, str(document["digest"]), "a.agentpol:1:1", {}))
        packed[own.agent] = Packed.of(pretty_json(document), b"")
    return assemble(entries, packed, "sha256:0", 1)
