"""What the agents call: a model endpoint, an MCP server, and a third that no agent has business with.

``python -m tests.loop.servers CERTIFICATE KEY ADDRESS PORT``
"""

from __future__ import annotations

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = _tool(body) if "jsonrpc" in body else _model(body)
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        pass


def _model(body: dict[str, object]) -> dict[str, object]:
    return {"model": body["model"], "content": [{"type": "text", "text": "in short: yes"}]}


def _tool(body: dict[str, object]) -> dict[str, object]:
    content = [{"type": "text", "text": "three notes"}]
    return {"jsonrpc": "2.0", "id": body["id"], "result": {"content": content}}


def main(certificate: str, key: str, address: str, port: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer((address, int(port)), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
