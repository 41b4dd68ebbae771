"""The command line: verbs, exit codes, and the one place where faults are caught."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from enum import IntEnum
from types import ModuleType
from typing import NoReturn

import policyc
from policyc.core.errors import InternalError, PolicycError
from policyc.core.suggest import did_you_mean

VERBS = {
    "init": "write a repository to start from: policies, tests, pipelines",
    "check": "read and judge the policies; writes nothing",
    "compile": "turn policies and profiles into artifacts",
    "prove": "decide every assertion and test, for every input and every later day",
    "diff": "what the change since a git revision means",
    "list": "what each agent may do",
    "admit": "what admission says of manifests",
    "scan": "what admission says of all that a cluster holds",
    "converge": "whether recordings have seen enough to enforce",
    "reconcile": "what manifests declare against what was observed",
    "why": "why a line of an artifact stands there",
    "why-not": "what stands between an agent and a grant",
    "explain": "what a diagnostic code means",
    "threats": "which threats apply, are closed, accepted or open, and what their signals see",
    "profile": "import, merge, show and measure recordings",
    "bundle": "make keys, sign an output folder, verify it",
    "audit": "verify, show and prove what admission decided",
    "fmt": "format .agentpol files",
    "schema": "print a JSON Schema of a file format",
    "verify-webhook": "judge a webhook configuration, written or live",
    "version": "print the version",
    "webhook": "the admission webhook and its manifests",
}
"""Each verb is a module of this package with ``configure(parser)`` and ``run(args) -> int``."""


class Exit(IntEnum):
    CLEAN = 0
    FINDINGS = 1
    BAD_INPUT = 2
    WIDER = 3
    BUG = 70
    INTERRUPTED = 130
    READER_GONE = 141


def entry() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run one verb; returns the exit code.  Only the chosen verb's module is imported."""
    args = _parse(arguments)
    try:
        code = int(args.run(args))
        sys.stdout.flush()
    except PolicycError as fault:
        return _fault(fault)
    except InternalError as bug:
        print(f"internal error: {bug}", file=sys.stderr)
        print("help: this is a bug in policyc; nothing was written", file=sys.stderr)
        return Exit.BUG
    except BrokenPipeError:
        return _reader_gone()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception:  # noqa: BLE001  # the last line of defence: our bug, said as such
        traceback.print_exc()
        print("internal error: this is a bug in policyc; nothing was written", file=sys.stderr)
        return Exit.BUG
    return code


def module_of(verb: str) -> ModuleType:
    """The module of a verb, imported."""
    return importlib.import_module(f"policyc.cli.{verb.replace('-', '_')}_verb")


def _reader_gone() -> int:
    """What a shell reports of a program that SIGPIPE ends; never a verdict on the input."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):  # a second flush at exit must not complain
        os.dup2(nowhere, stream.fileno())
    return Exit.READER_GONE


def _fault(fault: PolicycError) -> int:
    print(f"error[{fault.code}]: {fault.message}", file=sys.stderr)
    if fault.help:
        print(f"  help: {fault.help}", file=sys.stderr)
    return Exit.BAD_INPUT


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="policyc",
        description="Compiles what an AI agent was seen to do into what it is allowed to do.",
        epilog="exit codes: 0 clean, 1 findings, 2 bad input or usage, 3 wider without an approval, 70 a bug in policyc",
    )
    parser.add_argument("--version", action="version", version=policyc.__version__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    chosen = next((a for a in arguments if not a.startswith("-")), None)
    if chosen is not None and chosen not in VERBS:
        hint = did_you_mean(chosen, VERBS) or "`policyc --help` lists them"
        parser.error(f"there is no verb `{chosen}`; {hint}")
    for name, summary in VERBS.items():
        verb = verbs.add_parser(name, help=summary, description=summary)
        if name == chosen:
            module = module_of(name)
            module.configure(verb)
            verb.set_defaults(run=module.run)
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        _no_option(parser, arguments, unknown)
    return args


def _no_option(
    parser: argparse.ArgumentParser, arguments: Sequence[str], unknown: Sequence[str]
) -> NoReturn:
    """Ends with what was meant, in the words of the verb and action that was asked."""
    for word in arguments:  # argparse tells neither its actions nor which parser was chosen
        for action in parser._actions:  # noqa: SLF001
            if isinstance(action, argparse._SubParsersAction) and word in action.choices:  # noqa: SLF001
                parser = action.choices[word]
                break
    wrong = next((word for word in unknown if word.startswith("-")), unknown[0])
    flags = [flag for action in parser._actions for flag in action.option_strings]  # noqa: SLF001
    hint = did_you_mean(wrong.partition("=")[0], flags) or f"`{parser.prog} --help` lists them"
    what = (
        f"there is no option `{wrong}`" if wrong.startswith("-") else f"`{wrong}` is one too many"
    )
    parser.error(f"{what}; {hint}")
