"""Calls tools of an MCP server over TLS, and asks it for a model, with secrets in everything but names."""

from __future__ import annotations

import http.client
import json
import ssl
import sys

port = int(sys.argv[1])
SECRET = "PLANTED" + "SECRET"
LONG = SECRET * 4000  # several records of TLS


def call(tool: str, text: str) -> str:
    arguments = {"method": "initialize", "name": SECRET, "model": SECRET, "query": text}
    params = {"arguments": arguments, "name": tool, "_meta": {"name": SECRET}}
    return json.dumps({"params": params, "method": "tools/call", "id": 1, "jsonrpc": "2.0"})


def ask(connection: http.client.HTTPSConnection, *bodies: str) -> None:
    for body in bodies:
        connection.request("POST", f"/{SECRET}", body, {"Authorization": f"Bearer {SECRET}"})
        connection.getresponse().read()
    connection.close()


def connect() -> http.client.HTTPSConnection:
    context = ssl._create_unverified_context()
    return http.client.HTTPSConnection("localhost", port, context=context)


begun = json.dumps({"method": "initialize", "params": {"clientInfo": {"name": SECRET}}})
listed = json.dumps({"method": "tools/list", "params": {"name": SECRET}})
# A session begins once, however often its connection asks for it.
ask(
    connect(),
    *[begun] * 7,
    call("first", "short"),
    listed,
    call("long", LONG),
    call("after", "short"),
)
ask(
    connect(),
    begun,
    json.dumps({"messages": [{"role": "user", "content": LONG}], "model": "large-4"}),
)
