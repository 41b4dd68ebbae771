"""The words of the command line, and which of them belong together."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from recorder import values
from recorder.errors import ExitCode, RecorderError
from recorder.kernel import SIZED

_PROGRAM = "python -m recorder"
_DESCRIPTION = """Records what a command, or every container of this machine, does - system calls, files, peers,
tools and models - and writes it as AgentProfiles, one for each container of a workload."""
_EVERY_SECONDS = 60.0


def parse(words: Sequence[str]) -> argparse.Namespace:
    """`verb` and its options, and the `command` that stands after `--`; RecorderError for what is no usage."""
    head, command = list(words), None
    if "--" in head:
        at = head.index("--")
        head, command = head[:at], head[at + 1 :]
    parser, modes = _parser()
    options, unknown = parser.parse_known_args(head)
    if command is not None and options.verb != "run":
        unknown.append("--")
    if unknown:
        _refuse_unknown(options.verb, unknown[0])
    options.command = command or []
    if options.verb == "run":
        if command is not None and not any(command[:1]):
            raise RecorderError(
                ExitCode.USAGE, "no command stands after `--`", "name one, or leave `--` out"
            )
        _refuse_other_mode(options, modes)
        _settle(options)
    return options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line and a remedy, as of every fault: the usage is longer than what is wrong with it."""
        raise RecorderError(
            ExitCode.USAGE, message.removeprefix("argument "), f"see `{self.prog} --help`"
        )


def _parser() -> tuple[_Parser, dict[bool, list[argparse.Action]]]:
    """It, and by whether `run` has a command the options that belong to that alone."""
    parser = _Parser(prog=_PROGRAM, description=_DESCRIPTION)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    about = "record a command, or every container of this machine"
    run = verbs.add_parser(
        "run",
        help=about,
        description=_DESCRIPTION,
        usage=f"{_PROGRAM} run --output DIR [OPTION]... [-- COMMAND [ARGUMENT]...]",
    )
    _add_common(run)
    modes = {True: _add_of_command(run), False: _add_of_machine(run)}
    about = "what the running recorder says of itself"
    status = verbs.add_parser("status", help=about, description=about)
    status.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="its folder of profiles"
    )
    return parser, modes


def _add_common(run: _Parser) -> None:
    run.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of profiles")
    run.add_argument(
        "--for", dest="seconds", type=values.duration, metavar="TIME", help="how long: 60s, 5m, 1h"
    )
    run.add_argument(
        "--name-server",
        type=values.network,
        action="append",
        default=[],
        metavar="ADDRESS[/LENGTH]",
        help="whose answers give names, besides those in resolv.conf",
    )
    run.add_argument(
        "--map-entries",
        type=values.entries,
        action="append",
        default=[],
        metavar="MAP=N",
        help=f"size of a map of the kernel: {', '.join(sorted(SIZED))} (bytes of `events`)",
    )


def _add_of_command(run: _Parser) -> list[argparse.Action]:
    group = run.add_argument_group("with `-- COMMAND` only")
    return [
        group.add_argument(
            "--workload",
            type=values.workload,
            metavar="apps/v1/KIND/NAMESPACE/NAME",
            help="what the profile is about (default: apps/v1/Deployment/default/PROGRAM)",
        ),
        group.add_argument(
            "--container",
            type=values.container,
            metavar="NAME",
            help="the container's name in the workload (default: the workload's)",
        ),
    ]


def _add_of_machine(run: _Parser) -> list[argparse.Action]:
    """No default can be given as a value: so it is known what was given."""
    group = run.add_argument_group("without a command only: every container of this machine")
    return [
        group.add_argument(
            "--every",
            type=values.duration,
            metavar="TIME",
            help=f"how often files are renewed (default: {_EVERY_SECONDS:.0f}s)",
        ),
        group.add_argument(
            "--listen", type=values.address, metavar="HOST:PORT", help="healthz and metrics"
        ),
        group.add_argument(
            "--host-root", type=Path, metavar="DIR", help="where the host's / is (default: /)"
        ),
        group.add_argument(
            "--state-root",
            action="append",
            default=[],
            metavar="DIR",
            help="a further folder of runtime state, on the host",
        ),
        group.add_argument(
            "--kubernetes", action="store_true", help="ask the API server for the owners of pods"
        ),
        group.add_argument(
            "--kubelet",
            metavar="URL",
            help="ask this node's kubelet for pods: https://HOST:10250",
        ),
        group.add_argument(
            "--objects",
            action="store_true",
            help="bring profiles to the API server as AgentProfiles",
        ),
    ]


def _refuse_unknown(verb: str, word: str) -> NoReturn:
    is_command = verb == "run" and not word.startswith("-")
    see = f"see `{_PROGRAM} {verb} --help`"
    raise RecorderError(
        ExitCode.USAGE,
        f"`{word}` is no option",
        f"put `--` before the command: `-- {word}`" if is_command else see,
    )


def _refuse_other_mode(
    options: argparse.Namespace, modes: dict[bool, list[argparse.Action]]
) -> None:
    has_command = bool(options.command)
    for action in modes[not has_command]:
        if getattr(options, action.dest) != action.default:
            name = action.option_strings[0]
            raise RecorderError(
                ExitCode.USAGE,
                f"`{name}` is for recording "
                + (
                    "every container, not a command"
                    if has_command
                    else "a command, not every container"
                ),
                f"leave `{name}` out, or "
                + ("the command" if has_command else "name a command: `-- COMMAND`"),
            )


def _settle(options: argparse.Namespace) -> None:
    """Fill in what was not given."""
    if options.every is None:
        options.every = _EVERY_SECONDS
    if options.host_root is None:
        options.host_root = Path("/")
    workload = options.workload
    if workload and not options.container and not values.is_label(workload.container):
        raise RecorderError(
            ExitCode.USAGE,
            f"`{workload.container}` is no container's name",
            "name the container with --container",
        )
