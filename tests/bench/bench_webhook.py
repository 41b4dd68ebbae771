"""The webhook as a process, over TLS, against a floor of the same server, TLS and strict parse.

Throughput at 10 connections, latency at 500 reviews a second, a large object, and what many
envelopes cost: start, memory, decisions.  Client and server share the machine, so the ratios
say more than the figures.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.admission import bundle, cluster, files, pod, request, view
from support.api_server import ApiServer
from support.control_plane.daemon import Daemon, free_ports
from support.logs import KEY
from support.webhook import Webhook, review, write_bundle

from policyc.admission.bundle import Bundle, read_bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.settings import Settings
from policyc.core.canonical import canonical_json, digest, pretty_json

SECONDS = 4.0
CONNECTIONS = 10
RATE = 500
TODAY = "2026-09-01"

_FLOOR = """
import json, ssl, sys
import uvicorn
from policyc.core.strict_json import loads

async def app(scope, receive, send):
    message = await receive()
    data = message["body"]
    while message.get("more_body"):
        message = await receive()
        data += message["body"]
    uid = loads(data)["request"]["uid"]
    out = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                      "response": {"uid": uid, "allowed": True}}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-type", b"application/json"), (b"content-length", str(len(out)).encode())]})
    await send({"type": "http.response.body", "body": out})

certificate, key, port = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.load_cert_chain(certificate, key)
uvicorn.run(app, port=int(port), http="httptools", loop="uvloop", lifespan="off", ws="none",
            access_log=False, log_level="error", proxy_headers=False, server_header=False,
            timeout_keep_alive=60, ssl_context_factory=lambda config, default: context)
"""


def ordinary(size_bytes: int) -> bytes:
    """A review of the compliant pod, filled up with an annotation."""
    body = pod()
    body["metadata"]["annotations"] = {"padding": ""}
    bare = len(json.dumps(review(request(body))))
    body["metadata"]["annotations"]["padding"] = "x" * max(0, size_bytes - bare)
    return json.dumps(review(request(body))).encode()


class Client(asyncio.Protocol):
    """One connection that asks and is answered; as little Python as can be.

    A client in streams and coroutines takes more of the processor than the server does, and
    what is measured then is the client.
    """

    def __init__(self, load: Load, message: bytes) -> None:
        self._load = load
        self._message = message
        self._read = b""
        self._due: deque[float] = deque()  # when questions should have been asked, in order

    def connection_made(self, transport: Any) -> None:  # uvloop's is no asyncio.Transport
        self.transport = transport

    def ask(self) -> None:
        """Ask now, or when the question before has its answer; its time counts from now."""
        self._due.append(time.perf_counter())
        self._load.asked += 1
        if len(self._due) == 1:
            self.transport.write(self._message)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().split(b"content-length: ")[1].split()[0]):
            return
        self._read = b""
        self._load.times.append(time.perf_counter() - self._due.popleft())
        self._load.denied += b'"allowed":true' not in body.replace(b": ", b":")
        if self._due:
            self.transport.write(self._message)
        self._load.answered(self)


class Load:
    """A closed or paced load on one server; times in seconds."""

    def __init__(self, port: int, trusted: Path, body: bytes) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(trusted))
        head = (
            f"POST /validate?timeout=10s HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._message = head.encode() + body
        self._end = 0.0  # until then each answer is followed by a question
        self.times: list[float] = []
        self.asked = self.denied = 0
        self._rest: asyncio.Future[None] | None = None  # done with the last answer

    def closed(self, seconds: float) -> float:
        """Requests a second of CONNECTIONS clients that ask again at once."""
        uvloop.run(self._closed(seconds))
        return len(self.times) / seconds

    def paced(self, seconds: float, rate: float) -> None:
        """``rate`` requests a second, on CONNECTIONS connections, each in its turn."""
        uvloop.run(self._paced(seconds, rate))

    def percentile(self, share: float) -> float:
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def answered(self, client: Client) -> None:
        if time.perf_counter() < self._end:
            client.ask()
        elif self._rest is not None and len(self.times) == self.asked:
            self._rest.set_result(None)

    async def _clients(self) -> list[Client]:
        loop = asyncio.get_running_loop()
        made = [
            await loop.create_connection(
                lambda: Client(self, self._message), "127.0.0.1", self._port, ssl=self._context
            )
            for _ in range(CONNECTIONS)
        ]
        return [client for _, client in made]

    async def _closed(self, seconds: float) -> None:
        clients = await self._clients()
        self._end = time.perf_counter() + seconds
        for client in clients:
            client.ask()
        await asyncio.sleep(seconds)
        await self._all_answered()
        for client in clients:
            client.transport.close()

    async def _paced(self, seconds: float, rate: float) -> None:
        """A question counts from when it is due, so that a server that stops does not stop the clock."""
        clients = await self._clients()
        start = time.perf_counter()
        for i in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, start + i / rate - time.perf_counter()))
            clients[i % CONNECTIONS].ask()
        await self._all_answered()
        for client in clients:
            client.transport.close()

    async def _all_answered(self) -> None:
        self._end = 0.0
        if len(self.times) < self.asked:
            self._rest = asyncio.get_running_loop().create_future()
            await self._rest


def many(count: int) -> dict[str, bytes]:
    """The output folder of the example, with as many agents as asked for."""
    source = files()
    found: dict[str, bytes] = {}
    for i in range(count):
        envelope = json.loads(
            source["research/envelope.json"].replace(b"research", b"agent-%d" % i)
        )
        envelope["digest"] = digest(canonical_json(envelope["spec"]))
        found[f"agent-{i}/envelope.json"] = pretty_json(envelope)
        found[f"agent-{i}/provenance.json"] = source["research/provenance.json"]
    listed = {path: digest(data) for path, data in found.items()}
    manifest = json.loads(source["manifest.json"]) | {"files": listed}
    return found | {"manifest.json": canonical_json(manifest)}


def decision_seconds(agents: Bundle, rounds: int = 4000) -> list[float]:
    asked, at, settings = request(pod()), view(), Settings()
    times = []
    gc.disable()
    for _ in range(rounds):
        start = time.perf_counter()
        evaluate(asked, agents, at, settings, TODAY)
        times.append(time.perf_counter() - start)
    gc.enable()
    return sorted(times[rounds // 10 :])


def peak_mib(pid: int) -> float:
    line = next(
        row
        for row in Path(f"/proc/{pid}/status").read_text().splitlines()
        if row.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024


def with_server(folder: Path, stack: ExitStack) -> Webhook:
    """As it is shipped: with a cluster to watch and a decision log."""
    folder.mkdir()
    api_server = stack.enter_context(ApiServer(cluster()))
    (folder / "log.key").write_text(KEY.to_text())
    return stack.enter_context(
        Webhook(
            folder,
            cluster=True,
            kubeconfig=api_server.kubeconfig(folder),
            log_folder=folder / "log",
            log_key=folder / "log.key",
        )
    )


def floor_server(folder: Path, webhook: Webhook, stack: ExitStack) -> tuple[int, int]:
    state = json.loads((webhook.folder / "tls" / "authority.json").read_text())
    (folder / "leaf.crt").write_text(state["leaf"][0])
    (folder / "leaf.key").write_text(state["leaf"][1])
    (port,) = free_ports(1)
    program = folder / "floor.py"
    program.write_text(_FLOOR)
    command = [sys.executable, program, folder / "leaf.crt", folder / "leaf.key", port]
    daemon = Daemon([str(part) for part in command], folder)
    daemon.start()
    stack.callback(daemon.stop)
    daemon.wait_until(lambda: not subprocess.call(["sh", "-c", f"ss -ltn | grep -q :{port}"]))
    assert daemon._process is not None
    return port, daemon._process.pid


def loaded(port: int, pid: int, trusted: Path, body: bytes) -> tuple[float, float]:
    """Reviews a second, and the server's processor seconds for each."""
    load, before = Load(port, trusted, body), cpu_seconds(pid)
    rate = load.closed(SECONDS)
    assert not load.denied
    return rate, (cpu_seconds(pid) - before) / len(load.times)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process: proc(5), fields 14 and 15 of stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def throughput(folder: Path) -> None:
    with ExitStack() as stack:
        webhook = with_server(folder / "webhook", stack)
        floor_folder = folder / "floor"
        floor_folder.mkdir()
        floor_port, floor_pid = floor_server(floor_folder, webhook, stack)
        body = ordinary(5000)
        ratios, rates, costs = [], [], []
        for _ in range(3):  # in turn, so that a busy machine is busy for both
            rate, cost = loaded(webhook.port, webhook.pid, webhook.trusted, body)
            least, floor_cost = loaded(floor_port, floor_pid, webhook.trusted, body)
            rates.append(rate)
            ratios.append(rate / least)
            costs.append((cost, floor_cost))
        cost, floor_cost = statistics.median(costs)
        print(
            f"5 KB, {CONNECTIONS} connections: {statistics.median(rates):.0f}/s, "
            f"{statistics.median(ratios):.2f} of the floor; processor time "
            f"{cost * 1e6:.0f} us a review, {floor_cost / cost:.2f} of the floor's speed"
        )
        for name, port in (("webhook", webhook.port), ("floor", floor_port)):
            paced = Load(port, webhook.trusted, body)
            paced.paced(SECONDS * 2, RATE)
            print(
                f"{RATE}/s, {name}: median {paced.percentile(0.5) * 1e3:.2f} ms, "
                f"p99 {paced.percentile(0.99) * 1e3:.2f} ms"
            )
        large = Load(webhook.port, webhook.trusted, ordinary(1_500_000))
        large.paced(4, CONNECTIONS / 2)
        print(
            f"1.5 MB: median {large.percentile(0.5) * 1e3:.0f} ms, "
            f"longest {max(large.times) * 1e3:.0f} ms"
        )
        print(f"memory: {peak_mib(webhook.pid):.0f} MiB")


def envelopes(folder: Path) -> None:
    for count in (1_000, 10_000):
        written = many(count)
        start = time.perf_counter()
        read_bundle(written)
        loaded = time.perf_counter() - start
        target = folder / str(count)
        write_bundle(target / "bundle", written)
        start = time.perf_counter()
        with Webhook(target) as webhook:
            ready = time.perf_counter() - start
            print(
                f"{count} envelopes: read in {loaded:.2f} s, ready after {ready:.2f} s, "
                f"{peak_mib(webhook.pid):.0f} MiB"
            )


def decisions() -> None:
    few = read_bundle({**files()})
    times = decision_seconds(few)
    p99 = times[int(len(times) * 0.99)]
    print(
        f"a decision: median {statistics.median(times) * 1e6:.0f} us, p99 {p99 * 1e6:.0f} us "
        f"({len(bundle().agents)} agents)"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        throughput(Path(name))
        envelopes(Path(name))
        decisions()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"(this process: {peak:.0f} MiB)")


if __name__ == "__main__":
    main()
