"""The recording formats, and the door through which every file comes in."""

from __future__ import annotations

from policyc.core.canonical import Json
from policyc.core.diagnostics import Outcome
from policyc.core.strict_json import loads
from policyc.kube.yaml import YamlError, load_all
from policyc.profiles import agent_profile, kube_audit, kubescape
from policyc.profiles.base import AgentProfile, ProfileSource, fault

SOURCES: tuple[ProfileSource, ...] = (agent_profile, kubescape, kube_audit)
"""One module each; the first whose ``sniff`` recognises the first document reads the file."""

LARGEST_BYTES = 64 << 20


def read_profiles(label: str, data: bytes) -> Outcome[tuple[AgentProfile, ...]]:
    """The profiles of a file in any known format; ``label`` is its path below the policy root.

    PC5001 when it is no JSON, JSON lines or YAML, or of no known format.
    """
    if len(data) > LARGEST_BYTES:
        message = f"{len(data)} bytes are more than the {LARGEST_BYTES} that are read"
        return Outcome((), [fault(label, "PC5001", message, "split or merge the recording")])
    try:
        documents = _documents(data)
    except ValueError as broken:
        hint = "recordings are JSON, JSON lines or YAML"
        return Outcome((), [fault(label, "PC5001", f"it cannot be read: {broken}", hint)])
    for source in SOURCES:
        if documents and source.sniff(documents[0]):
            return source.read(label, documents)
    known = ", ".join(source.name for source in SOURCES)
    return Outcome(
        (), [fault(label, "PC5001", "its format is not known", f"known formats: {known}")]
    )


def _documents(data: bytes) -> list[Json]:
    """JSON, JSON lines or YAML, in this order; ValueError when it is none."""
    text = data.lstrip()
    if text[:1] in (b"{", b"["):
        try:
            return [loads(data)]
        except ValueError as broken:
            lines = [line for line in data.splitlines() if line.strip()]
            if len(lines) < 2 or not all(line.lstrip()[:1] == b"{" for line in lines):  # two lines
                raise
            try:
                return [loads(line) for line in lines]
            except ValueError:
                raise broken from None
    try:
        return load_all(data.decode("utf-8"))
    except (YamlError, UnicodeDecodeError) as broken:
        raise ValueError(str(broken)) from None
