"""Signed output folders of any size: one compiled agent, copied under other names.

Only what a loader of envelopes reads is written; the manifest lists the other artifacts too.
"""

from __future__ import annotations

import json
import tempfile
from datetime import date
from pathlib import Path

from policyc.bundle.sign import sign_folder
from policyc.core.canonical import Json, canonical_json, digest, pretty_json
from policyc.pipeline.compile import compile_root
from policyc.signing.keys import Signer
from tests.bench import scale

KEY = Signer("policy.example.com/bench", bytes(range(32)))
_AS_OF = date(2026, 9, 1)


def write(folder: Path, agents: int) -> None:
    """A folder of that many agents, each in a namespace of its own, and its signature."""
    model = _model()
    listed: dict[str, Json] = {}
    for i in range(agents):
        own = folder / f"bot-{i}"
        own.mkdir(parents=True)
        for name in model:
            data = _copy(model[name], i) if name in _READ else b""
            if name in _READ:
                (own / name).write_bytes(data)
            listed[f"bot-{i}/{name}"] = digest(data)
    manifest = {"apiVersion": "policyc.dev/v1", "kind": "Manifest", "files": listed}
    (folder / "manifest.json").write_bytes(pretty_json(manifest))


_READ = ("envelope.json",)


def _model() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as root:
        scale.write(Path(root), 1)
        files = compile_root(Path(root), as_of=_AS_OF).files
    return {
        name.removeprefix("bot-0/"): data
        for name, data in files.items()
        if name.startswith("bot-0/")
    }


def _copy(data: bytes, i: int) -> bytes:
    text = data.decode().replace("bot-0", f"bot-{i}").replace("team-0", f"team-{i}")
    document = json.loads(text)
    document["digest"] = digest(canonical_json(document["spec"]))
    return pretty_json(document)
