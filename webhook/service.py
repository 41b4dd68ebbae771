"""The parts put together: what one process of the webhook consists of."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from uvicorn.config import Config

from policyc.admission.view import WATCHED, WATCHED_IF_SERVED, View
from policyc.audit.log import DecisionLog
from policyc.bundle.load import load_envelopes
from policyc.envelope.timeline import day_of
from policyc.kube.client import Cluster
from policyc.signing.keys import Verifier, read_signer
from webhook.apart import Apart
from webhook.app import Probes, create_app
from webhook.bundle_objects import ObjectSource
from webhook.bundle_store import BundleStore, FolderSource, load_unsigned
from webhook.cluster_view import ClusterView, name_of
from webhook.desk import Desk
from webhook.judge import Judge
from webhook.logs import Talk
from webhook.memory import give_back_long_blocks
from webhook.metrics import Metrics
from webhook.protocol import Gate
from webhook.public_keys import PublicKeys
from webhook.reviews import Limits, Reviews
from webhook.server import Server, listen, serve
from webhook.settings import Serving
from webhook.stream import Held
from webhook.tls import Tls

if TYPE_CHECKING:
    from webhook.guard import Guard

_KINDS = WATCHED | WATCHED_IF_SERVED
_HASTE_SECONDS = 0.05
_SWITCH_SECONDS = 0.0005
"""How long a thread that reads a bundle or a long review may keep the event loop waiting."""


def _utc() -> datetime:
    return datetime.now(UTC)


class Service:
    """Everything is read and bound on construction: PolicycError says what cannot be.

    Args:
        settings: Checked.
        now: The time, UTC.

    """

    def __init__(
        self,
        settings: Serving,
        now: Callable[[], datetime] = _utc,
    ) -> None:
        self._settings = settings
        self._talk = Talk()
        self._metrics = Metrics()
        self._is_draining = False
        self._is_guarding = False
        self._stopped = threading.Event()
        self._source = self._connect() if settings.cluster else None
        self._keys = (
            None if settings.unsigned else PublicKeys(map(Path, settings.public_keys), self._talk)
        )
        self._objects = self._hold(self._source) if settings.bundle_objects else None
        if self._objects is not None:
            self._objects.watch.start()  # they come while the rest is made
        self.bundles = BundleStore(
            self._objects or _folder(settings.bundle, self._keys),
            settings.minimum_serial,
            self._talk,
            self._trusted if self._keys else None,
        )
        if self._objects is None:
            self.bundles.start()
        self.tls = Tls(settings, now, self._talk)
        self.cluster = self._watch(self._source) if self._source else None
        self._view = self.cluster.view if self.cluster else partial(_same, View({}, _KINDS))
        self._guards = self._guard(self._source, self.cluster) if settings.guard else []
        self._log = _log(settings, now)
        self._judge = Judge(
            lambda: self.bundles.current,
            self._view,
            settings.admission,
            self._log,
            lambda: day_of(self._log.now() if self._log else now()),
            self._talk,
        )
        self._held = Held(settings.max_held_bytes)
        self._apart = Apart()
        self._servers = self._listen()
        self._measure()
        gc.freeze()  # what is loaded by now lives as long as the process: never walk it again

    @property
    def port(self) -> int:
        """Where reviews are answered."""
        return self._servers[0].port

    def run(self) -> None:
        """Serve until told to end."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        _raise_file_limit()
        give_back_long_blocks()
        if self.cluster is not None:
            self.cluster.start()
        self._begin_to_guard()
        health = self._servers[1].port
        self._talk.info("serving", host=self._settings.host, port=self.port, healthPort=health)
        threading.Thread(target=self._poll, name="poll", daemon=True).start()
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(serve(self._servers, self._settings.drain_seconds, self._drain))
        finally:
            self._stopped.set()
            for guard in self._guards:
                guard.stop()
            for watch in self._watches:
                watch.stop()
            self._apart.close()
            if self._log:
                self._log.close()

    def status(self) -> tuple[bool, dict[str, object]]:
        """Whether requests should come here; and the bundle, what is unknown, what is wrong."""
        cluster = self.cluster
        is_primed = cluster is None or cluster.is_primed
        facts: dict[str, object] = {
            "draining": self._is_draining,
            "bundle": {
                "digest": self.bundles.digest,
                "serial": self.bundles.serial,
                "withdrawn": self.bundles.withdrawn,
                "fault": self.bundles.fault,
            },
            "log": self._log.health.fault if self._log else "none is kept",
            "unknown": sorted(map(name_of, self._view().unknown)),
            "faults": {kind: why for w in self._watches for kind, why in w.faults().items()},
            "unguarded": [guard.fault for guard in self._guards if guard.fault],
        }
        return self.bundles.current is not None and is_primed and not self._is_draining, facts

    def _connect(self) -> Cluster:
        from policyc.kube.client import connect  # noqa: PLC0415  # half a second to import

        return connect(self._settings.kubeconfig)

    def _guard(self, source: Cluster | None, cluster: ClusterView | None) -> list[Guard]:
        if source is None or cluster is None:
            return []
        from webhook.guard import guards  # noqa: PLC0415  # only those who guard pay its import

        restored = self._metrics.counter(
            "configuration_restored", "Times that our webhook configurations were put right"
        )
        return guards(
            source,
            self.bundles,
            cluster.view,
            self._settings,
            lambda _: restored.inc(),
            self._talk,
        )

    @property
    def _watches(self) -> list[ClusterView]:
        own = [self._objects.watch] if self._objects else []
        return [*own, *([self.cluster] if self.cluster else [])]

    def _hold(self, source: Cluster | None) -> ObjectSource:
        assert source is not None  # the settings were checked
        return ObjectSource(source, self._trusted, self._settings.stale_seconds, self._talk)

    def _trusted(self) -> tuple[Verifier, ...]:
        return self._keys.current if self._keys else ()

    def _watch(self, source: Cluster) -> ClusterView:
        return ClusterView(source, _KINDS, self._settings.stale_seconds, self._talk)

    def _poll(self) -> None:
        while not self._stopped.wait(self._pause_seconds()):
            for poll in self._polls():
                try:
                    poll()
                except Exception as fault:  # noqa: BLE001  # the next poll may go well
                    self._talk.bug(fault)
            self._begin_to_guard()

    def _polls(self) -> Iterator[Callable[[], None]]:
        if self._keys:
            yield self._keys.poll
        yield from (self.bundles.poll, self.tls.poll)

    def _begin_to_guard(self) -> None:
        """Once there is a bundle: without one, the configurations would be of no agent at all."""
        if self.bundles.current is None or self._is_guarding:
            return
        self._is_guarding = True
        for guard in self._guards:
            guard.start()

    def _pause_seconds(self) -> float:
        """Until the next poll; while there is no bundle, nothing can be answered."""
        seconds = self._settings.poll_seconds
        return seconds if self.bundles.current else min(seconds, _HASTE_SECONDS)

    def _drain(self) -> None:
        self._is_draining = True
        self._talk.info("draining", seconds=self._settings.drain_seconds)

    def _listen(self) -> list[Server]:
        s = self._settings
        probes = Probes(self.status, self._metrics)
        reviews = {f"/{name}": self._reviews(name) for name in ("validate", "mutate")}
        self._desk = Desk(
            reviews,
            self._held,
            s.max_concurrent,
            # The door is made with the desk and known only after it.
            lambda: self._door.pending,
            lambda: self._is_draining,
        )
        app = create_app(reviews, probes)
        self._door = self._gate(frozenset(s.client_names), self._desk)
        servers = [Server(_config(app, self._door, self.tls), listen(s.host, s.port))]
        # The kubelet has no certificate for a listener that asks for one.
        config = _config(create_app({}, probes), self._gate(frozenset(), None), None)
        return [*servers, Server(config, listen(s.host, s.health_port))]

    def _gate(self, names: frozenset[str], desk: Desk | None) -> Gate:
        s = self._settings
        evicted = self._metrics.evicted.inc
        return Gate(s.max_connections, s.read_seconds, s.idle_seconds, names, evicted, desk)

    def _reviews(self, name: str) -> Reviews:
        s = self._settings
        return Reviews(
            name,
            getattr(self._judge, name),
            self._judge.settle,
            Limits(s.max_body_bytes, s.max_concurrent, s.read_seconds),
            is_broad=self._judge.is_broad,
            stands=self._judge.stands if name == "validate" else None,
            held=self._held,
            backlog=self._backlog,
            is_draining=lambda: self._is_draining,
            apart=self._apart,
            metrics=self._metrics,
            talk=self._talk,
        )

    def _backlog(self) -> int:
        """How many reviews were taken in and not answered."""
        return self._door.pending + self._desk.count

    def _measure(self) -> None:
        """Gauges that are read when somebody asks."""
        gauge, bundles = self._metrics.gauge, self.bundles
        gauge("bundle_serial", "Serial of the bundle in force", lambda: bundles.serial)
        gauge("bundle_loads", "Bundles taken up since the start", lambda: bundles.loaded)
        gauge("bundle_refusals", "Bundles refused since the start", lambda: bundles.refused)
        gauge(
            "bundle_withdrawals",
            "Bundles that lost the last of their trusted keys since the start",
            lambda: bundles.withdrawn,
        )
        gauge("bundle_healthy", "1 when the newest bundle is in force", lambda: not bundles.fault)
        gauge(
            "certificate_expiry_seconds",
            "Until the certificate expires",
            self.tls.seconds_to_expiry,
        )
        gauge(
            "certificate_healthy",
            "1 when the newest certificate is in use",
            lambda: self.tls.is_healthy,
        )
        gauge(
            "envelopes_dropped",
            "AgentEnvelope objects that no signed index named and nothing was kept of",
            lambda: self._objects.dropped if self._objects else 0,
        )
        keys = self._keys
        gauge(
            "keys_healthy",
            "1 when the newest public keys are in use",
            lambda: keys is None or keys.is_healthy,
        )
        gauge("http_backlog", "Reviews taken in, not answered", self._backlog)
        self._metrics.info("bundle", "The bundle in force", lambda: {"digest": bundles.digest})
        if watching := self._guards:
            gauge(
                "bundle_behind_seconds",
                "Since another replica has a newer bundle",
                lambda: max(guard.behind_seconds() for guard in watching),
            )
            gauge(
                "condition_wildcards",
                "Wildcards in match conditions: names there were too many",
                lambda: max(guard.wildcards for guard in watching),
            )
        if log := self._log:
            gauge("log_healthy", "1 when the decision log is written", lambda: not log.health.fault)
            gauge("log_lost", "Decisions that are not in the log", lambda: log.health.lost)
            gauge("log_records", "Records of this process", lambda: log.health.records)
            gauge("log_signed", "Records below the newest checkpoint", lambda: log.health.signed)
        if self.cluster:
            ages = {name_of(k): partial(self.cluster.age_seconds, k) for k in _KINDS}
            self._metrics.gauges("view_age_seconds", "Since the API server was heard", "kind", ages)


def _folder(folder: Path, keys: PublicKeys | None) -> FolderSource:
    if keys is None:
        return FolderSource(folder, load_unsigned)
    return FolderSource(folder, lambda f: load_envelopes(f, keys.current), lambda: keys.current)


def _log(settings: Serving, now: Callable[[], datetime]) -> DecisionLog | None:
    if settings.log_folder is None or settings.log_key is None:
        return None
    key = read_signer(settings.log_key)
    return DecisionLog(
        settings.log_folder, key, settings.log_name, strict=settings.log_strict, clock=now
    )


def _config(app: FastAPI, gate: Gate, tls: Tls | None) -> Config:
    return Config(
        app,
        http=gate.protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(gate.idle_seconds),
        timeout_graceful_shutdown=int(gate.read_seconds * 2),
        ssl_context_factory=(lambda _config, _default: tls.context) if tls else None,
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Of uvloop where it exists: there is none for Windows."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return None
    return uvloop.new_event_loop


def _raise_file_limit() -> None:
    """As many connections as the system lets us have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _same(view: View) -> View:
    return view
