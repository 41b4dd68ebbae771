"""Speaks to tools and models in every way that the recorder understands, with secrets in everything but names."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

certificate, maps_file = sys.argv[1:]
SECRET = "PLANTED" + "SECRET"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def serve(context: ssl.SSLContext | None = None) -> int:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def call(tool: str) -> str:
    arguments = {"name": SECRET, "model": SECRET, "list": [{"name": SECRET}, SECRET], SECRET: 1}
    params = {"arguments": arguments, "name": tool, "_meta": {"name": SECRET}}
    return json.dumps({"params": params, "method": "tools/call", "id": SECRET, "jsonrpc": "2.0"})


def post(connection: http.client.HTTPConnection, body: str) -> None:
    path = f"/openai/deployments/{SECRET}?/models/{SECRET}"
    connection.request("POST", path, body, {"Authorization": f"Bearer {SECRET}"})
    connection.getresponse().read()


def over_tls(port: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("models.example", port)
    connection.sock = ssl._create_unverified_context().wrap_socket(
        socket.create_connection(("127.0.0.1", port)), server_hostname="models.example"
    )
    return connection


def bpftool(*arguments: str, descriptor: int = -1) -> bytes:
    """What it prints: of a map that has nothing for the descriptor, another recorder's, nothing."""
    passed = (descriptor,) if descriptor >= 0 else ()
    return subprocess.run(
        ["bpftool", "--json", "map", *arguments],
        capture_output=True,
        check=not passed,
        pass_fds=passed,
    ).stdout


def kept_for(descriptor: int, name: str) -> bytes:
    """What a map of that name keeps for a socket."""
    key = [f"{byte:#04x}" for byte in struct.pack("=i", descriptor)]
    found = b"".join(
        bpftool("lookup", "id", str(one["id"]), "key", *key, descriptor=descriptor)
        for one in json.loads(bpftool("show"))
        if one.get("name") == name
    )
    assert b"value" in found, name
    return found


reader = "import sys\nfor line in sys.stdin: print(len(line), flush=True)"
with subprocess.Popen(
    [sys.executable, "-c", reader], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
) as child:
    assert child.stdin and child.stdout
    child.stdin.write(call("by_pipe_first") + "\n" + call("by_pipe_second") + "\n")
    child.stdin.flush()
    child.stdout.readline()
    child.stdout.readline()
    for line in (call("by_pipe"), json.dumps({"method": "tools/list", "params": {"name": SECRET}})):
        child.stdin.write(line + "\n")
        child.stdin.flush()
        child.stdout.readline()
    dumped = bpftool("dump", "name", "streams")

plain = http.client.HTTPConnection("127.0.0.1", serve())
post(plain, call("by_http"))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
port = serve(context)
post(over_tls(port), call("by_tls"))
prompt = {"messages": [{"role": "user", "content": SECRET * 5000}], "model": "large-4"}
post(over_tls(port), json.dumps(prompt))
post(plain, json.dumps({"model": SECRET, "weights": 1}))  # no request to a model
form = http.client.HTTPConnection("127.0.0.1", serve())
field = f'--{SECRET}\r\nContent-Disposition: form-data; name="%s"\r\n\r\n{SECRET}\r\n'
post(form, field % "model" + field % SECRET + f"--{SECRET}--")  # neither
still_open = over_tls(port)
post(still_open, call("by_tls"))

dumped += b"".join(kept_for(end.sock.fileno(), "socket_streams") for end in (plain, form))
for name in ("streams", "scratches", "items", "peers", "no_stream", "subjects"):
    dumped += bpftool("dump", "name", name)
Path(maps_file).write_bytes(dumped)
