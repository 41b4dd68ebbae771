"""What a value asks for that may be a whole configuration in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from policyc.admission.extract.atoms import plain_asks
from policyc.admission.extract.lists import json_of
from policyc.admission.extract.mcp_config import asks_in
from policyc.admission.extract.names import Meaning, meaning
from policyc.admission.requested import Ask
from policyc.core.canonical import Json

_LONGEST_CACHED = 512


def asks_of(name: str, value: str, path: str, *, has_list: bool) -> Iterator[Ask]:
    """The asks of ``name=value``; ``has_list``: a list of tools stands beside it."""
    if len(name) + len(value) > _LONGEST_CACHED:
        yield from _read(name, value, path, has_list=has_list)
        return
    for ask in _cached(name, value, has_list=has_list):
        yield Ask(ask.domain, ask.text, path + ask.path, ask.capability)


@lru_cache(maxsize=8192)
def _cached(name: str, value: str, *, has_list: bool) -> tuple[Ask, ...]:
    """The asks with paths below the value's own: pods of one workload repeat their variables."""
    return tuple(_read(name, value, "", has_list=has_list))


def _read(name: str, value: str, path: str, *, has_list: bool) -> Iterator[Ask]:
    means = meaning(name)
    document = json_of(value) if means in (Meaning.MCP, Meaning.TOOLS) else None
    if isinstance(document, dict):
        is_whole = any(key.lower().endswith(("servers", "tools")) for key in document)
        whole: Json = document if is_whole else {"mcpServers": document}
        yield from asks_in(whole, path, has_list=has_list)
    elif isinstance(document, list) and means is Meaning.MCP:
        yield from asks_in({"mcpServers": document}, path, has_list=has_list)
    else:
        yield from plain_asks(name, value, path, has_list=has_list)
