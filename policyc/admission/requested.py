"""What a workload asks for beyond the pod's security, and where it says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as written: ``web/search``, or a name that does not say its server.

    ``servers`` are names of the server that the place of the ask gives (the entry of a
    configuration, the Service of its URL): any of them may be the policy's name for it.
    """

    name: str
    servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A model as written; ``provider`` is what its place says (``OPENAI_MODEL``), or empty."""

    name: str
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where it connects: a host pattern in lower case, or an address or network.

    Exactly one of ``host`` and ``network`` is set.  ``port`` is None where none is said.
    """

    host: str = ""
    network: str = ""
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Delegate:
    """Another agent as a tool: the namespace and name of its workload."""

    namespace: str
    name: str


Region: TypeAlias = Tool | Model | Endpoint | Delegate


@dataclass(frozen=True, slots=True)
class Known:
    """Exactly this."""

    region: Region


@dataclass(frozen=True, slots=True)
class All:
    """Every tool of a server: it is named, by one of these names, without a list of its tools."""

    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """It cannot be known: ``reason`` is a word of ``reasons.REASONS``, ``why`` says it."""

    reason: str
    why: str


Capability: TypeAlias = Known | All | Unknown


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that is asked for; ``text`` is shown, ``path`` is its JSON path.

    ``domain`` is ``tools``, ``models``, ``egress`` or ``delegates``.
    """

    domain: str
    text: str
    path: str
    capability: Capability
