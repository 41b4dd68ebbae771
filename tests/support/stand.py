"""A webhook as it stands in a cluster: a signed bundle, a decision log, an API server."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policyc.bundle.sign import sign_folder
from policyc.core.canonical import canonical_json, digest
from policyc.signing.keys import Signer
from support.admission import cluster, files
from support.api_server import ApiServer
from support.load import Answer, Load, check_log
from support.webhook import Webhook, write_bundle

BUNDLE_KEY = Signer("policy.example.com/bundles", bytes(range(32)))
LOG_KEY = Signer("policy.example.com/log", bytes(range(1, 33)))


def build(serial: int) -> dict[str, bytes]:
    """The agents' output folder; each serial has a digest of its own."""
    changed = dict(files())
    manifest = json.loads(changed["manifest.json"])
    path = "research/provenance.json"
    changed[path] += b" " * serial
    manifest["files"][path] = digest(changed[path])
    changed["manifest.json"] = canonical_json(manifest)
    return changed


def release(bundle: Path, serial: int, made: Mapping[str, bytes] | None = None) -> str:
    """Turn the link ``bundle`` over to a signed build; its digest.

    The folders of old builds are used again.
    """
    made = made or build(serial)
    folder = write_bundle(bundle.with_name(f"{bundle.name}-{serial % 8}"), made)
    sign_folder(folder, BUNDLE_KEY, serial)
    link = bundle.with_name(f"{bundle.name}.new")
    link.symlink_to(folder)
    link.replace(bundle)
    return digest(made["manifest.json"])


@dataclass(frozen=True, slots=True)
class Stand:
    """A replica, the API server that it watches, and its log."""

    webhook: Webhook
    api_server: ApiServer
    log: Path
    log_key: Path

    def load(self, **settings: Any) -> Load:
        return Load(self.webhook, **settings)

    def check_log(self, answers: Collection[Answer]) -> None:
        """The replica is stopped: what it wrote is what it said."""
        self.webhook.daemon.stop()
        check_log(self.log, self.log_key, [a for a in answers if a.port == self.webhook.port])

    def resident_bytes(self, field: str = "VmRSS") -> int:
        """Memory of the process; ``VmHWM``: at most so far (proc(5))."""
        text = Path(f"/proc/{self.webhook.pid}/status").read_text()
        return int(text.split(f"{field}:")[1].split()[0]) * 1024

    def open_files(self) -> int:
        return len([*Path(f"/proc/{self.webhook.pid}/fd").iterdir()])

    def threads(self) -> int:
        return len([*Path(f"/proc/{self.webhook.pid}/task").iterdir()])


@contextmanager
def standing(
    folder: Path,
    *,
    serial: int = 1,
    made: Mapping[str, bytes] | None = None,
    clock: Path | None = None,
    under: Sequence[str] = (),
    **flags: object,
) -> Iterator[Stand]:
    """A replica that answers, with a log: a record is written before its answer leaves.

    ``made`` is its first build, of the serial; ``clock``, ``under`` and ``flags`` are those of
    Webhook.
    """
    folder.mkdir(parents=True, exist_ok=True)
    release(folder / "bundle", serial, made)
    (folder / "bundle.pub").write_text(f"{BUNDLE_KEY.verifier}\n")
    (folder / "log.key").write_text(LOG_KEY.to_text())
    (folder / "log.pub").write_text(f"{LOG_KEY.verifier}\n")
    with ApiServer(cluster()) as api_server:
        defaults = {
            "unsigned": None,
            "public_keys": [folder / "bundle.pub"],
            "cluster": True,
            "kubeconfig": api_server.kubeconfig(folder),
            "log_folder": folder / "log",
            "log_key": folder / "log.key",
        }
        webhook = Webhook(folder, clock, under, **{**defaults, **flags})
        with webhook:
            yield Stand(webhook, api_server, folder / "log", folder / "log.pub")
