"""Remembers the last build, so that an unchanged tree is recognised instead of rebuilt.

The stamp is a hint and no more: it says which inputs gave which output, by
digest, and both are hashed again on every run.  It lives in the user's cache
folder, never beside the artifacts.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import grammar
import policyc
from policyc.core.canonical import Json, canonical_json, digest
from policyc.core.source import Source
from policyc.core.strict_json import loads
from policyc.emit.base import Slack
from policyc.pipeline.compile import AgentSummary, Compiled
from policyc.pipeline.output import digests_of, read_tree, tree_digest
from policyc.pipeline.wire import pack, unpack

_ENVELOPE = "/envelope.json"


def fingerprint(root: Path, output: Path, as_of: date) -> str:
    """The digest of all that a build depends on: the inputs, the compiler and the date."""
    total = hashlib.sha256(f"{policyc.__version__} {as_of.isoformat()}".encode())
    for package in (policyc, grammar):
        for folder in package.__path__:
            _add_tree(total, Path(folder), None)
    _add_tree(total, root, output)
    return total.hexdigest()


def _add_tree(total: hashlib._Hash, root: Path, skip: Path | None) -> None:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f != "__pycache__" and Path(folder, f) != skip)
        for name in sorted(names):
            path = Path(folder, name)
            with contextlib.suppress(OSError):  # a fault is the build's to report
                data = path.read_bytes()
                total.update(f"{path.relative_to(root)} {len(data)}\n".encode("utf-8", "replace"))
                total.update(data)


def recall(
    root: Path, output: Path, key: str, output_digest: str, source: Callable[[str], Source]
) -> Compiled | None:
    """The last build's report, when it had these inputs and left this output; else None."""
    try:
        document = loads(_path(root, output).read_bytes())
    except (OSError, ValueError):
        return None
    match document:
        case {
            "key": str(known),
            "output": str(made),
            "diagnostics": list(diagnostics),
            "agents": list(agents),
        } if known == key and made == output_digest:
            summaries = tuple(_read_summary(agent) for agent in agents)
            return Compiled({}, {}, summaries, tuple(unpack(d, source) for d in diagnostics))
    return None


def remember(root: Path, output: Path, key: str, compiled: Compiled) -> None:
    """Keep the report for ``recall``; a cache that cannot be written is no fault."""
    document: Json = {
        "key": key,
        "output": tree_digest(compiled.digests),
        "diagnostics": [pack(d) for d in compiled.diagnostics],
        "agents": [_summary(agent) for agent in compiled.agents],
    }
    path = _path(root, output)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
            stream.write(canonical_json(document))
        Path(stream.name).replace(path)


def compiled_envelopes(root: Path, output: Path, as_of: date) -> dict[str, bytes]:
    """The envelopes of an output folder by agent, if a build of this very tree and day left it.

    Empty where nothing is known of the folder, where a file of it is another one, or where an
    input has changed since.
    """
    files = read_tree(output)
    key = fingerprint(root, output, as_of)
    if (
        recall(root, output, key, tree_digest(digests_of(files)), lambda path: Source(path, ""))
        is None
    ):
        return {}
    return {
        name.removesuffix(_ENVELOPE): data
        for name, data in files.items()
        if name.endswith(_ENVELOPE)
    }


def _path(root: Path, output: Path) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = digest(f"{root.resolve()}\n{output.resolve()}".encode()).removeprefix("sha256:")
    return Path(home) / "policyc" / f"{name}.json"


def _summary(agent: AgentSummary) -> Json:
    slack: list[Json] = [[s.domain, s.message, s.covered_by] for s in agent.slack]
    return {"agent": agent.agent, "files": list(agent.files), "slack": slack}


def _read_summary(value: Json) -> AgentSummary:
    match value:
        case {"agent": str(agent), "files": list(files), "slack": list(slack)}:
            return AgentSummary(
                agent,
                tuple(str(name) for name in files),
                tuple(Slack(*map(str, s)) for s in slack if isinstance(s, list)),
            )
    raise ValueError("not a summary")
