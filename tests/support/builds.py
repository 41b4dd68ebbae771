"""Builds of the example agents as objects of a cluster, one for each serial."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from policyc.bundle.objects import objects_of
from policyc.bundle.sign import sign_folder
from policyc.core.canonical import canonical_json, digest, pretty_json
from policyc.core.strict_json import loads
from policyc.envelope.codec import decode
from policyc.envelope.index import PATH as INDEX
from policyc.envelope.index import entry_of, read_index, write_index
from policyc.signing.keys import Signer
from support.admission import files
from support.webhook import write_bundle

KEY = Signer("policy.example.com/bundles", bytes(range(32)))
STRANGER = Signer("policy.example.com/bundles", bytes(range(1, 33)))

Json = Any


@cache
def built(serial: int, key: Signer = KEY) -> tuple[Json, ...]:
    """The objects of a build whose agents' owner is the serial; the EnvelopeBundle last."""
    made = dict(files())
    entries = []
    for entry in read_index(made[INDEX]):
        document: Json = loads(made[entry.path])
        if entry.subject.agent != "digest":  # one envelope is in all builds
            document["spec"]["subject"]["owner"] = f"team-{serial}@corp.example"
        document["digest"] = digest(canonical_json(document["spec"]))
        made[entry.path] = pretty_json(document)
        entries.append(
            entry_of(decode(document), document["digest"], entry.declared_at, entry.caps_at)
        )
    made[INDEX] = write_index(entries)
    del made["manifest.json"]
    manifest: Json = {
        "apiVersion": "policyc.dev/v1",
        "kind": "Manifest",
        "files": {path: digest(data) for path, data in made.items()},
    }
    with TemporaryDirectory() as name:
        folder = write_bundle(Path(name) / "b", {**made, "manifest.json": pretty_json(manifest)})
        sign_folder(folder, key, serial)
        return tuple(objects_of(folder))
