"""The webhook as a process, over TLS, against a floor of the same server, TLS and strict parse.

Throughput at 10 connections, latency at 500 reviews a second, a large object, and a decision.
What is asked are replicas of a workload as the API server sends them: of each its own uid, name
and volume of the token, so that nothing is remembered which a cluster would not ask again.
What many envelopes cost: bench_bundle.  Client and server share the machine, so the ratios
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
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.admission import bundle, cluster, files, pod, request, view
from support.api_server import ApiServer
from support.control_plane.daemon import Daemon, free_ports
from support.logs import KEY
from support.webhook import Webhook, review

from policyc.admission.bundle import Bundle, read_bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.settings import Settings
from tests.bench import reviews

SECONDS = 4.0
CONNECTIONS = 10
RATE = 500
SLOTS = 12
SLOT_SECONDS = 2.0
REPLICAS = 512
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


def ordinary() -> list[bytes]:
    """Reviews of the replicas of a workload, some 5 KB each."""
    return [_sent(reviews.replica("research", "agents", i), i) for i in range(REPLICAS)]


def large(size_bytes: int) -> list[bytes]:
    """A review of a compliant pod, filled up with an annotation."""
    body = pod()
    body["metadata"]["annotations"] = {"padding": "x" * size_bytes}
    return [_sent(body, 0)]


def _sent(body: Any, number: int) -> bytes:  # an object as JSON has it
    """As the API server writes it: json.Encoder of Go's encoding/json, without spaces."""
    asked = review(request(body), f"3f0c9d3e-0000-4000-8000-{number:012}")
    return json.dumps(asked, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Client(asyncio.Protocol):
    """One connection that asks and is answered; as little Python as can be.

    A client in streams and coroutines takes more of the processor than the server does, and
    what is measured then is the client.
    """

    def __init__(self, load: Load, messages: Iterator[bytes]) -> None:
        self._load = load
        self._messages = messages
        self._read = b""
        self._due: deque[float] = deque()  # when questions should have been asked, in order

    def connection_made(self, transport: Any) -> None:  # uvloop's is no asyncio.Transport
        self.transport = transport

    def ask(self) -> None:
        """Ask now, or when the question before has its answer; its time counts from now."""
        self._due.append(time.perf_counter())
        self._load.asked += 1
        if len(self._due) == 1:
            self.transport.write(next(self._messages))

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().split(b"content-length: ")[1].split()[0]):
            return
        self._read = b""
        self._load.times.append(time.perf_counter() - self._due.popleft())
        self._load.denied += b'"allowed":true' not in body.replace(b": ", b":")
        if self._due:
            self.transport.write(next(self._messages))
        self._load.answered(self)


class Load:
    """A closed or paced load on one server; times in seconds."""

    def __init__(self, port: int, trusted: Path, bodies: list[bytes]) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(trusted))
        self._messages = cycle([_message(port, body) for body in bodies])
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
                lambda: Client(self, self._messages), "127.0.0.1", self._port, ssl=self._context
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


def _message(port: int, body: bytes) -> bytes:
    head = (
        f"POST /validate?timeout=10s HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def decision_seconds(agents: Bundle, rounds: int = 4000) -> list[float]:
    """Of the processor, for replicas that come one after the other; those that fill memories are left out."""
    asked = [request(reviews.replica("research", "agents", i)) for i in range(rounds)]
    at, settings = view(), Settings()
    times = []
    gc.disable()
    for each in asked:
        start = time.thread_time()
        verdict = evaluate(each, agents, at, settings, TODAY)
        times.append(time.thread_time() - start)
        assert verdict.allowed
    gc.enable()
    return sorted(times[REPLICAS:])


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
            poll_seconds=None,
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


def loaded(port: int, pid: int, trusted: Path, bodies: list[bytes]) -> tuple[float, float]:
    """Reviews a second, and the server's processor seconds for each."""
    load, before = Load(port, trusted, bodies), cpu_seconds(pid)
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
        bodies = ordinary()
        ratios, rates, costs = [], [], []
        for _ in range(3):  # in turn, so that a busy machine is busy for both
            rate, cost = loaded(webhook.port, webhook.pid, webhook.trusted, bodies)
            least, floor_cost = loaded(floor_port, floor_pid, webhook.trusted, bodies)
            rates.append(rate)
            ratios.append(rate / least)
            costs.append((cost, floor_cost))
        cost, floor_cost = statistics.median(costs)
        print(
            f"5 KB, {CONNECTIONS} connections: {statistics.median(rates):.0f}/s, "
            f"{statistics.median(ratios):.2f} of the floor; processor time "
            f"{cost * 1e6:.0f} us a review, {floor_cost / cost:.2f} of the floor's speed"
        )
        _tell_latency({"webhook": webhook.port, "floor": floor_port}, webhook.trusted, bodies)
        huge = Load(webhook.port, webhook.trusted, large(1_500_000))
        huge.paced(4, CONNECTIONS / 2)
        print(
            f"1.5 MB: median {huge.percentile(0.5) * 1e3:.0f} ms, "
            f"longest {max(huge.times) * 1e3:.0f} ms"
        )
        print(f"memory: {peak_mib(webhook.pid):.0f} MiB")


def _tell_latency(ports: dict[str, int], trusted: Path, bodies: list[bytes]) -> None:
    """By slots in turn: a machine that stands still now and then does so for some slots of each, and
    the worst tells how long.
    """
    slots: dict[str, list[Load]] = {name: [] for name in ports}
    for _ in range(SLOTS):
        for name, port in ports.items():
            load = Load(port, trusted, bodies)
            load.paced(SLOT_SECONDS, RATE)
            slots[name].append(load)
    for name, loads in slots.items():
        p99s = sorted(load.percentile(0.99) * 1e3 for load in loads)
        print(
            f"{RATE}/s, {name}: median {statistics.median(load.percentile(0.5) for load in loads) * 1e3:.2f} ms;"
            f" p99 by slots of {SLOT_SECONDS:.0f} s: median {statistics.median(p99s):.2f} ms,"
            f" {p99s[0]:.2f} to {p99s[-1]:.2f}"
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
        decisions()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"(this process: {peak:.0f} MiB)")


if __name__ == "__main__":
    main()
