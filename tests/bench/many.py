"""Signed output folders of any size: one compiled agent, copied under other names.

Only what a loader of envelopes reads is written; the manifest lists the other artifacts too.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from policyc.bundle.statement import Statement, signature_path
from policyc.core.canonical import Json, canonical_json, digest, pretty_json
from policyc.envelope.codec import decode_subject
from policyc.envelope.index import PATH as INDEX
from policyc.envelope.index import read_index, write_index
from policyc.pipeline.compile import compile_root
from policyc.signing.keys import Signer
from policyc.signing.notes import sign_note
from tests.bench import scale

KEY = Signer("policy.example.com/bench", bytes(range(32)))
_AS_OF = date(2026, 9, 1)


def write(folder: Path, agents: int, serial: int = 1) -> None:
    """A folder of that many agents, each in a namespace of its own, and its signature.

    Deterministic; ``serial`` is also the number that is in every agent's owner.
    """
    model = _model()
    entry = read_index(model.pop(INDEX))[0]
    listed: dict[str, Json] = {}
    entries = []
    for i in range(agents):
        document = _copy(model["envelope.json"], i, serial)
        data = pretty_json(document)
        own = folder / f"bot-{i}"
        own.mkdir(parents=True, exist_ok=True)
        (own / "envelope.json").write_bytes(data)
        listed |= {f"bot-{i}/{name}": digest(model[name]) for name in model}
        listed[f"bot-{i}/envelope.json"] = digest(data)
        subject = decode_subject(document["spec"]["subject"])
        entries.append(replace(entry, subject=subject, digest=document["digest"]))
    index = write_index(entries)
    listed[INDEX] = digest(index)
    manifest = pretty_json({"apiVersion": "policyc.dev/v1", "kind": "Manifest", "files": listed})
    (folder / INDEX).write_bytes(index)
    (folder / "manifest.json").write_bytes(manifest)
    statement = Statement(serial, digest(manifest), digest(index))
    signature_path(folder).write_bytes(sign_note(statement.to_text(), KEY))


def _model() -> dict[str, bytes]:
    """The one agent's files by name, and the index."""
    with tempfile.TemporaryDirectory() as root:
        scale.write(Path(root), 1)
        files = compile_root(Path(root), as_of=_AS_OF).files
    own = {n.removeprefix("bot-0/"): data for n, data in files.items() if n.startswith("bot-0/")}
    return {**own, INDEX: files[INDEX]}


def _copy(data: bytes, i: int, serial: int) -> Any:
    text = data.decode().replace("bot-0", f"bot-{i}").replace("team-0", f"team-{i}")
    document = json.loads(text)
    document["spec"]["subject"]["owner"] = f"team-{serial}@corp.example"
    document["digest"] = digest(canonical_json(document["spec"]))
    return document
