"""What the name of a variable or a flag says about its value."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from policyc.catalog.agent_signs import MODEL_KEYS, MODEL_PROVIDERS, RUNTIME_OVERRIDES


class Meaning(Enum):
    """What a value is read as."""

    TOOLS = "a list of tools"
    TOOLSETS = "a list of sets of tools"
    MCP = "MCP servers"
    MODEL = "models"
    EGRESS = "a list of hosts and networks"
    PEER = "a host"
    PROXY = "a proxy"
    NO_PROXY = "hosts without a proxy"
    RUNTIME = "what a program runs, finds or trusts"


_LONGEST_CACHED = 200
"""Of names: what is kept must not grow with what is sent."""
_PERHAPS = re.compile(
    r"tool|mcp|model|egress|proxy|ur[li]|endpoint|host|addr|server|broker|dsn|upstream|api.?base",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NARROWS = re.compile(r"DENY|DENIED|DISABLE|EXCLUDE|BLOCK|FORBID|DISALLOW|IGNORE")
_TOOLS = re.compile(
    r"(.*_)?(TOOLS?|TOOL_?NAMES?|TOOL_?LIST)(_(LIST|NAMES|ALLOWLIST|WHITELIST|ENABLED|ALLOWED|FILTER))?"
)
_ALLOWED_TOOLS = re.compile(r"(ALLOWED|ENABLED|INCLUDE|INCLUDED)TOOLS")
_MCP_ENDS = frozenset(
    "MCP SERVER SERVERS URL URLS URI URIS CONFIG CONFIGS ENDPOINT ENDPOINTS GATEWAY HOST HOSTS JSON".split()
)
_MODEL = re.compile(r"(.*_)?MODELS?(_(NAMES?|IDS?|DEFAULT))?")
_PEER_ENDS = frozenset(
    "URL URLS URI URIS ENDPOINT ENDPOINTS HOST HOSTS ADDR SERVER SERVERS BROKER BROKERS DSN UPSTREAM".split()
)
_LISTENS = re.compile(r"(ALLOWED|TRUSTED|BIND|LISTEN|CORS|CSRF)(_.*)?")


def meaning(name: str) -> Meaning | None:
    """What a variable ``AGENT_TOOLS`` or a flag ``--allowedTools`` holds; None: nothing of ours."""
    return _cached(name) if len(name) <= _LONGEST_CACHED else _meaning(name)


@lru_cache(maxsize=4096)
def _cached(name: str) -> Meaning | None:
    return _meaning(name)


def _meaning(name: str) -> Meaning | None:
    if name not in RUNTIME_OVERRIDES and not _PERHAPS.search(name):
        return None
    upper = _CAMEL.sub("_", name.lstrip("-")).replace("-", "_").replace(".", "_").upper()
    if upper in RUNTIME_OVERRIDES:
        return Meaning.RUNTIME
    if upper.endswith("NO_PROXY"):
        return Meaning.NO_PROXY
    if upper.endswith("_PROXY"):
        return Meaning.PROXY
    if _NARROWS.search(upper):
        return None
    parts = upper.split("_")
    if "EGRESS" in parts:
        return Meaning.EGRESS
    if parts[-1] in ("TOOLSET", "TOOLSETS"):
        return Meaning.TOOLSETS
    if _TOOLS.fullmatch(upper) or _ALLOWED_TOOLS.fullmatch(upper):
        return Meaning.TOOLS
    if any(part in ("MCP", "MCPSERVERS") for part in parts) and (
        parts[-1] in _MCP_ENDS or parts[-1] == "MCPSERVERS"
    ):
        return Meaning.MCP
    if _MODEL.fullmatch(upper):
        return Meaning.MODEL
    if _is_peer(upper, parts):
        return Meaning.PEER
    return None


def _is_peer(upper: str, parts: list[str]) -> bool:
    if _LISTENS.fullmatch(upper):
        return False
    return parts[-1] in _PEER_ENDS or upper.endswith("API_BASE")


def provider(name: str) -> str:
    """The model vendor that a variable's name begins with; empty when it is none."""
    return _cached_provider(name) if len(name) <= _LONGEST_CACHED else _provider(name)


@lru_cache(maxsize=1024)
def _cached_provider(name: str) -> str:
    return _provider(name)


def _provider(name: str) -> str:
    first = _CAMEL.sub("_", name.lstrip("-")).replace("-", "_").lower().partition("_")[0]
    if first in MODEL_PROVIDERS:
        return first
    return (
        next((word for key, word in MODEL_KEYS.items() if key.lower().startswith(first + "_")), "")
        if first
        else ""
    )
