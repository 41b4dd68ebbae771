"""The command line of the recorder."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recorder import api, command, daemon
from recorder.errors import ExitCode, RecorderError
from recorder.identity import Host
from recorder.kubelet import kubelet
from recorder.objects import Objects
from recorder.options import parse
from recorder.owners import Owners
from recorder.profile import Workload


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; the exit codes stand in docs/reference/recorder.md."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        return _status(options) if options.verb == "status" else _run(options)
    except RecorderError as failure:
        sys.stderr.write(f"recorder: {failure}\n  help: {failure.remedy}\n")
        return failure.code
    except Exception:  # noqa: BLE001  # whatever it is, it has a code of its own
        sys.stderr.write(f"recorder: this is a bug\n{traceback.format_exc()}")
        return ExitCode.BUG


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
