"""MCP configurations: ``mcp.json`` and its relatives, and what kagent renders.

Where servers stand (each client's configuration page, 2026-06): ``mcpServers`` (Claude Desktop
and Code, Cursor, Cline, Gemini CLI), ``servers`` and ``mcp.servers`` (VS Code), ``mcp_servers``
(Codex), ``context_servers`` (Zed), ``mcp`` (OpenCode); kagent's rendered ``config.json`` has
``http_tools``, ``sse_tools`` and ``remote_agents``.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.extract.arguments import command_asks
from policyc.admission.extract.atoms import model_asks, peer_asks, plain_asks, server_name, tool_ask
from policyc.admission.requested import All, Ask, Unknown
from policyc.core.canonical import Json

_ALWAYS = frozenset({"mcpservers", "mcp_servers", "mcp-servers", "context_servers", "http_tools", "sse_tools", "stdio_tools"})  # fmt: skip
_PERHAPS = frozenset({"servers", "mcp"})
_URLS = ("url", "serverUrl", "httpUrl", "endpoint", "uri", "server_url", "base_url")
_LISTS = ("tools", "allowedTools", "allowed_tools", "includeTools", "include_tools", "enabledTools", "enabled_tools", "toolNames", "tool_names", "tool_filter")  # fmt: skip
_MODELS = ("model", "model_name", "modelName", "model_id")
_TOP_LISTS = frozenset({"tools", "allowedtools", "allowed_tools", "enabled_tools"})
_DEEPEST = 12


def asks_in(
    document: Json, path: str, *, has_list: bool = False, is_named: bool = False
) -> Iterator[Ask]:
    """The asks of a configuration; nothing for a document that is none.

    ``is_named``: the name of its file says that it is one, so that its ``servers`` are no other's.
    """
    servers = document.get("servers") if is_named and isinstance(document, dict) else None
    if isinstance(servers, (dict, list)) and not _holds_servers(servers):
        yield from _servers(servers, f"{path}.servers", has_list=has_list)
    yield from _walk(document, path, has_list=has_list, depth=0)


def _walk(document: Json, path: str, *, has_list: bool, depth: int) -> Iterator[Ask]:
    if depth > _DEEPEST:
        if isinstance(document, (dict, list)):
            yield Ask("tools", "...", path, Unknown("NOT_A_LIST", "it is nested too deeply"))
        return
    if isinstance(document, list):
        for i, item in enumerate(document):
            if isinstance(item, (dict, list)):
                yield from _walk(item, f"{path}[{i}]", has_list=has_list, depth=depth + 1)
        return
    if not isinstance(document, dict):
        return
    for key, value in document.items():
        where, lower = f"{path}.{key}", key.lower()
        if _is_servers(lower) or (lower in _PERHAPS and _holds_servers(value)):
            yield from _servers(value, where, has_list=has_list)
        elif lower in _TOP_LISTS and isinstance(value, list):
            for i, item in enumerate(value):
                name = item.get("name") if isinstance(item, dict) else item
                if isinstance(name, str):
                    yield tool_ask(name, f"{where}[{i}]")
        elif key in _MODELS and isinstance(value, str):
            yield from model_asks(value, where)
        elif isinstance(value, (dict, list)):
            yield from _walk(value, where, has_list=has_list, depth=depth + 1)


def _is_servers(key: str) -> bool:
    """Also in one word with what it belongs to, as settings of editors have it (``mcp.servers``)."""
    return key in _ALWAYS or key.rpartition(".")[2] in _ALWAYS or f".{key}".endswith(".mcp.servers")


def _holds_servers(value: Json) -> bool:
    """Whether entries look like MCP servers: other software has ``servers`` too."""
    entries = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    return any(
        isinstance(entry, dict)
        and (
            "command" in entry
            or "serverUrl" in entry
            or entry.get("type") in ("stdio", "sse", "http", "streamable-http", "remote", "local")
            or entry.get("transport") in ("stdio", "sse", "http", "streamable-http")
            or "mcp" in str(entry.get("url", "")).lower()
        )
        for entry in entries
    )


def _servers(value: Json, path: str, *, has_list: bool) -> Iterator[Ask]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _server(key, entry, f"{path}.{key}", has_list=has_list)
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            name = entry.get("name") if isinstance(entry, dict) else ""
            yield from _server(str(name or ""), entry, f"{path}[{i}]", has_list=has_list)
    else:
        why = "the servers are no object or list"
        yield Ask("tools", "...", path, Unknown("NOT_A_LIST", why))


def _server(name: str, entry: Json, path: str, *, has_list: bool) -> Iterator[Ask]:
    if isinstance(entry, str):
        entry = {"url": entry}
    if not isinstance(entry, dict):
        yield Ask("tools", name, path, Unknown("NOT_A_LIST", "its entry is no object"))
        return
    parameters = entry.get("params")
    settings = {**entry, **parameters} if isinstance(parameters, dict) else entry
    names = [name] if name else []
    for key in _URLS:
        url = settings.get(key)
        if isinstance(url, str):
            yield from peer_asks(url, f"{path}.{key}")
            if "://" in url:
                names.append(server_name(url.partition("://")[2]))
    yield from command_asks(settings, path)
    variables = settings.get("env") or settings.get("environment")
    for variable, text in variables.items() if isinstance(variables, dict) else ():
        if isinstance(text, str):
            yield from plain_asks(variable, text, f"{path}.env.{variable}", has_list=True)
    servers = tuple(dict.fromkeys(names))
    given = [(key, settings[key]) for key in _LISTS if key in settings]
    named = [(key, n) for key, value in given for n in _names(value)]
    for key, word in named:
        yield tool_ask(word, f"{path}.{key}", servers)
    if not named and not (has_list and not given):
        yield Ask("tools", name, path, All(servers))


def _names(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for item in value if isinstance(value, list) else ():
        name = item.get("name") if isinstance(item, dict) else item
        if isinstance(name, str):
            yield name
