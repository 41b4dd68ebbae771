"""The command line of the recorder."""

from __future__ import annotations

import argparse
import ipaddress
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recorder import api, command, daemon
from recorder.errors import ExitCode, RecorderError
from recorder.identity import Host
from recorder.kernel import SIZED
from recorder.kubelet import kubelet
from recorder.naming import Network
from recorder.objects import Objects
from recorder.owners import Owners
from recorder.profile import Workload

_UNITS = {"s": 1, "m": 60, "h": 3600}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; the exit codes stand in docs/reference/recorder.md."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.verb(options))
    except RecorderError as failure:
        sys.stderr.write(f"recorder: {failure}\n  help: {failure.remedy}\n")
        return failure.code
    except Exception:  # noqa: BLE001  # whatever it is, it has a code of its own
        sys.stderr.write(f"recorder: this is a bug\n{traceback.format_exc()}")
        return ExitCode.BUG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recorder", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    run = verbs.add_parser("run", help="record a command, or every container of this machine")
    run.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of profiles")
    run.add_argument("--for", dest="seconds", type=_duration, metavar="TIME", help="as 60s, 5m, 1h")
    run.add_argument(
        "--workload", type=_workload, metavar="apps/v1/KIND/NAMESPACE/NAME", help="what it records"
    )
    run.add_argument("--container", metavar="NAME", help="the container's name in the workload")
    run.add_argument(
        "--every", type=_duration, default=60, metavar="TIME", help="how often files are renewed"
    )
    run.add_argument("--listen", type=_address, metavar="HOST:PORT", help="healthz and metrics")
    run.add_argument(
        "--host-root", type=Path, default=Path("/"), metavar="DIR", help="where the host's / is"
    )
    run.add_argument(
        "--state-root",
        action="append",
        default=[],
        metavar="DIR",
        help="a further folder of runtime state, on the host",
    )
    run.add_argument(
        "--kubernetes", action="store_true", help="ask the API server for the owners of pods"
    )
    run.add_argument(
        "--kubelet", metavar="URL", help="ask this node's kubelet for pods: https://HOST:10250"
    )
    run.add_argument(
        "--objects", action="store_true", help="bring profiles to the API server as AgentProfiles"
    )
    run.add_argument(
        "--name-server",
        type=_network,
        action="append",
        default=[],
        metavar="ADDRESS[/LENGTH]",
        help="whose answers give names, besides those in resolv.conf",
    )
    run.add_argument(
        "--map-entries",
        type=_entries,
        action="append",
        default=[],
        metavar="MAP=N",
        help=f"size of a map of the kernel: {', '.join(sorted(SIZED))} (bytes of `events`)",
    )
    run.add_argument("command", nargs="*", metavar="-- COMMAND")
    run.set_defaults(verb=_run)
    status = verbs.add_parser("status", help="what the running recorder says of itself")
    status.add_argument("--output", type=Path, required=True, metavar="DIR")
    status.set_defaults(verb=_status)
    return parser


def _duration(text: str) -> float:
    found = re.fullmatch(r"(\d+)([smh])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"`{text}` is no time: as 60s, 5m or 1h")
    return int(found[1]) * _UNITS[found[2]]


def _workload(text: str) -> Workload:
    parts = text.rsplit("/", 3)
    if len(parts) != 4 or not all(parts):
        raise argparse.ArgumentTypeError(f"`{text}` is not APIVERSION/KIND/NAMESPACE/NAME")
    return Workload(parts[0], parts[1], parts[2], parts[3], parts[3])


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"`{text}` is not HOST:PORT")
    return host.strip("[]"), int(port)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from fault


def _entries(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    if name not in SIZED or not count.isdecimal() or int(count) < 1:
        raise argparse.ArgumentTypeError(
            f"`{text}` is not one of {', '.join(sorted(SIZED))}, =, number"
        )
    return name, int(count)


def _status(options: argparse.Namespace) -> int:
    sys.stdout.write(daemon.status(options.output) + "\n")
    return ExitCode.CLEAN


def _run(options: argparse.Namespace) -> int:
    if not options.command:
        daemon.run(_service(options))
        return ExitCode.CLEAN
    program = Path(options.command[0]).name
    workload = options.workload or Workload("apps/v1", "Deployment", "default", program, program)
    if options.container:
        workload = replace(workload, container=options.container)
    outcome = command.record(
        options.command,
        options.output,
        workload,
        options.seconds,
        dict(options.map_entries),
        tuple(options.name_server),
    )
    sys.stderr.write(f"wrote {outcome.path}\n")
    return ExitCode.CLEAN if outcome.status <= 0 else outcome.status


def _service(options: argparse.Namespace) -> daemon.Service:
    server = api.in_cluster() if options.kubernetes or options.objects else None
    return daemon.Service(
        options.output,
        Host(root=options.host_root, state_roots=tuple(options.state_root)),
        options.seconds,
        options.every,
        options.listen,
        dict(options.map_entries),
        _owners(options, server),
        Objects(replace(server, timeout_seconds=api.WRITE_SECONDS))
        if server and options.objects
        else None,
        tuple(options.name_server),
    )


def _owners(options: argparse.Namespace, server: api.Server | None) -> Owners | None:
    fetch = server.get if server and options.kubernetes else None
    if options.kubelet:
        return Owners(kubelet(options.kubelet, fetch).get)
    return Owners(fetch) if fetch else None
