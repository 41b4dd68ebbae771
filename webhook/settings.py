"""What operators decide about the server: one value, from flags, environment and a file.

A flag wins over ``POLICYC_WEBHOOK_<NAME>``, which wins over the file of ``--config`` (YAML or
JSON, keys as the flags without dashes in front), which wins over the default.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from policyc.admission.settings import Settings as Admission
from policyc.admission.verdict import Level
from policyc.core.errors import PolicycError
from policyc.deploy.configurations import is_free
from policyc.kube.yaml import load

_ENVIRONMENT = "POLICYC_WEBHOOK_"
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def _of(default: Any, help: str) -> Any:  # a dataclass field has no type of its own
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The settings of one process; times in seconds, sizes in bytes."""

    host: str = _of("0.0.0.0", "address to listen on")  # noqa: S104  # a pod's own network
    port: int = _of(8443, "port of the reviews, TLS")
    health_port: int = _of(8081, "port of probes and metrics, plain HTTP")
    bundle: Path = _of(Path("bundle"), "folder of envelopes that `policyc compile` wrote")
    bundle_objects: bool = _of(
        False, "take envelopes from EnvelopeBundle objects in the cluster, not from --bundle"
    )
    public_keys: tuple[str, ...] = _of((), "file of public keys: one of them signed the bundle")
    unsigned: bool = _of(False, "accept a bundle that nobody signed")
    minimum_serial: int = _of(0, "refuse a bundle with a smaller serial, even at the start")
    poll_seconds: float = _of(1.0, "how often bundle, keys and certificates are looked at")
    kubeconfig: Path | None = _of(None, "how to reach the cluster; none: as a pod of it")
    cluster: bool = _of(True, "watch a cluster; without, decisions that need it are refused")
    guard: bool = _of(False, "restore our webhook configurations when somebody changes them")
    ca_file: Path | None = _of(None, "authority that the guard writes; none: that of --tls-folder")
    behind_seconds: float = _of(
        60.0, "with --guard: how long another replica may have a newer bundle"
    )
    renewers: frozenset[str] = _of(
        frozenset(), "with --guard: a user who may renew the Secret policyc-tls"
    )
    pod_annotations: frozenset[str] = _of(
        frozenset(), "with --guard: an annotation of pods that a network plug-in may write unasked"
    )
    url: str = _of("", "where the API server finds us when we are no pod of it")
    stale_seconds: float = _of(120.0, "after this long without word a kind's state is unknown")
    tls_cert: Path | None = _of(None, "certificate chain, PEM; with --tls-key")
    tls_key: Path | None = _of(None, "its private key, PEM")
    tls_folder: Path | None = _of(
        None, "folder of a certificate authority of our own; made if absent"
    )
    tls_hosts: tuple[str, ...] = _of(("localhost",), "names of the certificate in --tls-folder")
    tls_minimum: str = _of("1.3", "oldest TLS version: 1.2 or 1.3")
    client_ca: Path | None = _of(None, "clients must show a certificate of these authorities, PEM")
    client_names: tuple[str, ...] = _of((), "common names that clients may have; none: any")
    max_body_bytes: int = _of(16 * 2**20, "a longer review is refused unread")
    max_held_bytes: int = _of(48 * 2**20, "all reviews being read, together; more are refused")
    max_concurrent: int = _of(256, "reviews taken in and not answered; more are refused unread")
    max_connections: int = _of(2000, "beyond it the connection that is idle longest is closed")
    read_seconds: float = _of(5.0, "how long one request may take to arrive")
    idle_seconds: float = _of(120.0, "how long a connection may be without a request")
    drain_seconds: float = _of(15.0, "how long to serve on, not ready, after SIGTERM")
    log_folder: Path | None = _of(None, "folder of the decision log; none: there is no log")
    log_key: Path | None = _of(None, "private key that signs the log's checkpoints")
    log_name: str = _of("policyc-webhook", "the log's name: another one for each replica")
    log_strict: bool = _of(
        False, "answer after the record is on the disk, and deny when it cannot be"
    )
    log_level: str = _of("info", "what is said on stderr: debug, info, warning or error")
    admission: Admission = _of(Admission(), "")
    """What decisions depend on; each of its fields is a flag too."""


_SERVING = tuple(f for f in dataclasses.fields(Serving) if f.name != "admission")
_DECIDING = dataclasses.fields(Admission)
_ALL = (*_SERVING, *_DECIDING)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """A flag for every setting; none has a default, so that what was not said is known."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, YAML or JSON")
    for setting in _ALL:
        flag = _flag(setting.name)
        text = setting.metadata.get("help", "of decisions: docs/reference/admission.md")
        if isinstance(setting.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, help=text)
        elif _is_listed(setting):
            parser.add_argument(flag, action="append", metavar="TEXT", help=f"{text}; repeatable")
        else:
            default = "none" if setting.default is None else setting.default
            parser.add_argument(flag, metavar="VALUE", help=f"{text} ({default})")


_HELP = "`policyc webhook run --help` lists the settings, their forms and what they are without"


def read_settings(args: argparse.Namespace, environment: Mapping[str, str]) -> Serving:
    """The settings that flags, environment and file make; PolicycError PC7115 names all wrong ones."""
    written = _file(args.config) if args.config else {}
    known = {_ENVIRONMENT + setting.name.upper() for setting in _ALL}
    unknown = {name for name in environment if name.startswith(_ENVIRONMENT)} - known
    wrong = [f"the environment has an unknown setting `{name}`" for name in sorted(unknown)]
    found: dict[str, Any] = {}
    for setting in _ALL:
        name = setting.name
        for source, value in (
            (_flag(name), getattr(args, name)),
            (_ENVIRONMENT + name.upper(), environment.get(_ENVIRONMENT + name.upper())),
            (f"{args.config}: {name}", written.get(name)),
        ):
            if value is not None:
                try:
                    found[name] = _value(source, setting, value)
                except PolicycError as fault:
                    wrong.append(fault.message)
                break
    deciding = {f.name: found.pop(f.name) for f in _DECIDING if f.name in found}
    made = Serving(**found, admission=Admission(**deciding))
    wrong += _wrong(made)
    if wrong:
        raise PolicycError("PC7115", "; ".join(wrong), help=_HELP)
    return made


def read_deciding(path: Path) -> Admission:
    """What decisions depend on, out of a settings file of the webhook; PolicycError PC7115."""
    written = _file(path)
    found = {
        f.name: _value(f"{path}: {f.name}", f, written[f.name])
        for f in _DECIDING
        if written.get(f.name) is not None
    }
    return Admission(**found)


def _file(path: Path) -> dict[str, Any]:
    try:
        document = load(path.read_bytes())
    except OSError as fault:
        raise PolicycError("PC7050", f"cannot read `{path}`: {fault.strerror}") from fault
    except ValueError as fault:
        raise PolicycError(
            "PC7115", f"`{path}` is no settings file: {fault}", help=_HELP
        ) from fault
    if not isinstance(document, dict):
        raise PolicycError(
            "PC7115", f"`{path}` is no settings file: it is not a mapping", help=_HELP
        )
    keys = {str(key).replace("-", "_"): value for key, value in document.items()}
    unknown = sorted(keys.keys() - {setting.name for setting in _ALL})
    if unknown:
        names = ", ".join(f"`{name}`" for name in unknown)
        raise PolicycError("PC7115", f"`{path}` has unknown settings: {names}", help=_HELP)
    return keys


def _value(source: str, setting: dataclasses.Field[Any], value: object) -> Any:
    if _is_listed(setting):
        items = _listed(value)
        return frozenset(items) if isinstance(setting.default, frozenset) else items
    read: Callable[[str], Any] = _READERS.get(str(setting.type), str)
    try:
        return read(str(value))
    except ValueError:
        raise PolicycError(
            "PC7115", f"{source}: `{value}` is no {_PLAIN[str(setting.type)]}", help=_HELP
        ) from None


def _listed(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else str(value).split(",")
    return tuple(str(item).strip() for item in items if str(item).strip())


def _truth(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(text)


_READERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "bool": _truth,
    "Path": Path,
    "Path | None": Path,
    "Level": Level,
}
_PLAIN = {
    "int": "whole number",
    "float": "number",
    "bool": "truth value",
    "Level": f"level: {', '.join(Level)}",
}


def _wrong(s: Serving) -> Iterator[str]:
    """What no single value can say: ranges, closed lists, pairs."""
    if s.tls_minimum not in ("1.2", "1.3"):
        yield f"--tls-minimum: `{s.tls_minimum}` is neither 1.2 nor 1.3"
    if s.log_level not in ("debug", "info", "warning", "error"):
        yield f"--log-level: `{s.log_level}` is none of debug, info, warning, error"
    if (s.tls_cert is None) != (s.tls_key is None):
        yield "--tls-cert and --tls-key are given together"
    if (s.tls_cert is None) == (s.tls_folder is None):
        yield "give either --tls-cert and --tls-key, or --tls-folder"
    if s.unsigned == bool(s.public_keys):
        yield "give either --public-keys or --unsigned"
    if s.bundle_objects and (s.unsigned or not s.cluster):
        yield "--bundle-objects goes with --cluster and --public-keys"
    if (s.log_folder is None) != (s.log_key is None):
        yield "--log-folder and --log-key are given together"
    for key in sorted(s.pod_annotations):
        if not is_free(key):
            yield f"--pod-annotations: changes of `{key}` are judged"
    for setting in _SERVING:
        value = getattr(s, setting.name)
        least = 0 if setting.name in _MAY_BE_ZERO else 1e-3
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not value >= least:
            yield f"{_flag(setting.name)}: `{value}` is too small"
    for name in ("port", "health_port"):
        if (port := getattr(s, name)) > _LARGEST_PORT:
            yield f"{_flag(name)}: `{port}` is too large: ports end at {_LARGEST_PORT}"
    if s.port == s.health_port != 0:
        yield f"--port and --health-port are both {s.port}: each listens on a port of its own"


_LARGEST_PORT = 65535
_MAY_BE_ZERO = ("health_port", "port", "minimum_serial", "drain_seconds")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _is_listed(setting: dataclasses.Field[Any]) -> bool:
    return isinstance(setting.default, (tuple, frozenset))
