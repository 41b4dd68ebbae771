"""An agent that asks a model and calls a tool of an MCP server, both over TLS."""

import http.client
import json
import os
import ssl

from control import wait_for_work

_CONTEXT = ssl.create_default_context(cafile="/agent/ca.crt")


def work(question: str) -> str:
    """What the model makes of what the tool found."""
    found = _post(
        os.environ["MCP"],
        "/mcp",
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "notes.search", "arguments": {"query": question}},
        },
    )
    text = found["result"]["content"][0]["text"]
    prompt = [{"role": "user", "content": f"{question}: {text}"}]
    answer = _post(
        os.environ["MODEL"],
        "/v1/messages",
        {"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": prompt},
    )
    return str(answer["content"][0]["text"])


def _post(server: str, path: str, body: object) -> dict:
    connection = http.client.HTTPSConnection(server, context=_CONTEXT, timeout=20)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


wait_for_work(work)
