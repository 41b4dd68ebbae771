"""Files of a ConfigMap that say which servers and tools an agent has, whatever they are called.

Programs read JSON, TOML and YAML.  What looks like a configuration and cannot be read is
refused: a client may be more lenient than we are (comments, a key twice, a trailing comma).
"""

from __future__ import annotations

import re
import tomllib
from base64 import b64decode
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import lru_cache
from json import detect_encoding

from policyc.admission.extract.mcp_config import asks_in
from policyc.admission.request import Object
from policyc.admission.requested import Ask, Unknown
from policyc.catalog.agent_signs import MCP_FILES
from policyc.core.canonical import Json
from policyc.core.strict_json import loads
from policyc.kube.yaml import YamlError, load_all

_MARKS = ("mcp", "tool", "servers", "model", "agent")
_SERVERS = re.compile(
    r"(mcp[-_]?servers|context_servers|(http|sse|stdio)_tools)[\"']?\s*([\]:=]|\.\s*[\"'\w])"
)
"""A key that only such files have, in JSON, TOML, YAML or what resembles them."""
_ESCAPE = re.compile(
    r"\\(?:[uU]([0-9a-fA-F]{4})(?![0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(\r?\n[ \t]*))"
)
"""What a letter may be written as in a quoted text, and a line that goes on."""
_LONGEST = 1 << 20
_SHORT = 1 << 14
_SEPARATORS = ":,-[{?"
_OF_TOML = ".=[{,"
_LINES = ('"""', "'''")
"""What begins a text of several lines in TOML."""
_MOST_VALUES = 5_000
"""Of a YAML text: some 50 ms."""


def files_of(body: Object | None) -> dict[str, str | None]:
    """Key -> text of every file; None for what is no text."""
    found: dict[str, str | None] = {}
    for field in ("data", "binaryData"):
        entries = body.get(field) if body is not None else None
        for key, value in entries.items() if isinstance(entries, dict) else ():
            if isinstance(value, str):
                found[key] = value if field == "data" else _decoded(value)
    return found


def _decoded(written: str) -> str | None:
    """Bytes as programs read them that look for UTF-16, as RFC 4627 has it."""
    with suppress(ValueError):
        data = b64decode(written)
        return data.decode(detect_encoding(data))
    return None


def is_tool_file(name: str) -> bool:
    """Whether a file of that name says which tools an agent has."""
    return name.lower() in MCP_FILES


def file_asks(names: Collection[str], text: str | None, path: str) -> Iterator[Ask]:
    """The asks of one file, by all names that it has; Unknown when one of tools cannot be read."""
    named = next(filter(is_tool_file, names), "")
    plain = unescaped(text or "").lower()
    if not named and not any(mark in plain for mark in _MARKS):
        return
    documents = parsed(text) if text is not None else None
    if documents is None:
        if named or _SERVERS.search(plain):
            shown = named or next(iter(names))
            why = f"`{shown}` is neither JSON nor TOML nor YAML"
            yield Ask("tools", shown, path, Unknown("NOT_A_LIST", why))
        return
    for document in documents:
        if named and isinstance(document, list):
            document = {"tools": document}  # noqa: PLW2901  # a bare list of tools
        yield from asks_in(document, path, is_named=bool(named))


def unescaped(text: str) -> str:
    """The text with its escaped letters as they are read, wherever they stand."""
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    with suppress(ValueError):
        return chr(int(code, 16)) if code else ""
    return ""


def parsed(text: str) -> tuple[Json, ...] | None:
    """The documents of a text; None when it is none of the forms, or too much to read."""
    if len(text) > _LONGEST:
        return None
    return _short(text) if len(text) <= _SHORT else _long(text)


def _read(text: str) -> tuple[Json, ...] | None:
    with suppress(ValueError):
        return (loads(text.encode("utf-8", "replace")),)
    toml, yaml = _toml(text), _yaml(text)
    # What a reader of YAML takes for keys may be one text of TOML's.
    if yaml is None and any(mark in text for mark in _LINES):
        return None
    return None if toml is None and yaml is None else (toml or ()) + (yaml or ())


def _toml(text: str) -> tuple[Json, ...] | None:
    """None also for an empty document, which a comment is."""
    # Its time grows with the square of what a key or a table has of these.
    if "=" not in text or sum(map(text.count, _OF_TOML)) > _MOST_VALUES:
        return None
    with suppress(ValueError, RecursionError):
        return (tomllib.loads(text),)
    return None


def _yaml(text: str) -> tuple[Json, ...] | None:
    # YAML takes a hundred times as long as JSON, and whoever may write a ConfigMap could keep
    # the webhook busy with it.  No value is without one of these characters before it.
    if sum(map(text.count, _SEPARATORS)) > _MOST_VALUES:
        return None
    try:
        return tuple(load_all(text))
    except YamlError:
        return None


# ConfigMaps are read again with every pod, so what they say is kept; of long ones only a few.
_short = lru_cache(maxsize=256)(_read)
_long = lru_cache(maxsize=4)(_read)
