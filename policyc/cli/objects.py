"""What the admission verbs share: bundles, objects from files, findings with places."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from policyc.admission.bundle import Bundle, assemble
from policyc.admission.settings import Settings
from policyc.admission.verdict import Finding, Level
from policyc.bundle.load import load_envelopes
from policyc.cli.main import Exit
from policyc.core.diagnostics import Diagnostic, Outcome, Severity, has_errors
from policyc.core.errors import PolicycError, VerificationError
from policyc.core.files import files_below
from policyc.core.source import Source
from policyc.kube.places import Placed, placed
from policyc.kube.yaml import YamlError

_SEVERITY = {
    Level.DENY: Severity.ERROR,
    Level.WARN: Severity.WARNING,
    Level.NOTE: Severity.NOTE,
}
_BUNDLE = Path("generated")
_SUFFIXES = (".yaml", ".yml", ".json")


def add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bundle",
        type=Path,
        default=_BUNDLE,
        metavar="DIR",
        help=f"the output folder of `policyc compile` ({_BUNDLE})",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the webhook's settings file: what decisions depend on is taken from it",
    )


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings of ``--config``, or those that the webhook has without any."""
    if args.config is None:
        return Settings()
    from webhook.settings import read_deciding

    return read_deciding(args.config)


def open_bundle(folder: Path) -> Bundle:
    """The agents of an output folder; PolicycError PC7058 when it holds no whole build."""
    try:
        found = load_envelopes(folder, None)
        return assemble(found.entries, found.packed, found.digest, found.serial)
    except (VerificationError, ValueError) as fault:
        raise PolicycError(
            "PC7058",
            f"`{folder}` is no compiled bundle: {fault}",
            help=f"name the output folder of `policyc compile` with --bundle; without it, that is `{_BUNDLE}`",
        ) from fault


def read_objects(paths: Iterable[Path]) -> Iterator[Placed]:
    """The objects of files and folders; ``-`` is standard input.

    PolicycError PC7050 when one cannot be read, PC7059 when it holds none or a folder has no
    file of the kind.
    """
    for path in paths:
        for file in files_of(path):
            outcome = objects_in(file)
            for fault in outcome.diagnostics:
                raise PolicycError(fault.code, fault.message, help=fault.help)
            yield from outcome.value


def files_of(path: Path) -> list[Path]:
    """The path, or the manifests of the folder that it is; PolicycError PC7059 when there are none."""
    if not path.is_dir():
        return [path]
    files = sorted(files_below(path, *_SUFFIXES))
    if not files:
        raise PolicycError(
            "PC7059",
            f"the folder `{path}` holds no manifests",
            help=f"name a folder with files that end in {', '.join(_SUFFIXES)}",
        )
    return files


def objects_in(file: Path) -> Outcome[list[Placed]]:
    """All objects of a file, or PC7059 when something in it is none; PolicycError PC7050."""
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as fault:
        raise PolicycError(
            "PC7050",
            f"cannot read `{file}`: {fault.strerror}",
            help="check the path and its permissions",
        ) from fault
    try:
        return Outcome(list(placed(Source(str(file), data.decode("utf-8")))))
    except (UnicodeDecodeError, YamlError) as fault:
        none = Diagnostic(
            "PC7059",
            f"`{file}` holds no Kubernetes objects: {fault}",
            path=str(file),
            help="pass what `kubectl apply` would accept, or an AdmissionReview",
        )
        return Outcome([], [none])


def diagnostic(finding: Finding, at: Placed, prefix: str = "") -> Diagnostic:
    """A finding of admission as one that the command line prints."""
    return Diagnostic(
        "PC8001",
        f"{finding.reason}: {finding.message}",
        at.span(prefix + finding.path),
        help=finding.change or None,
        severity=_SEVERITY[finding.level],
    )


def outcome_of(found: Iterable[Diagnostic], strange: Iterable[Diagnostic]) -> Exit:
    """Bad input where something was no object, and so was not judged; else what was found decides."""
    if has_errors(strange):
        return Exit.BAD_INPUT
    return Exit.FINDINGS if has_errors(found) else Exit.CLEAN
