"""What the admission verbs share: bundles, objects from files, findings with places."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from policyc.admission.bundle import Bundle, assemble
from policyc.admission.manifests import is_patch, request_of
from policyc.admission.request import Request
from policyc.admission.review import ReviewError
from policyc.admission.settings import Settings
from policyc.admission.verdict import Finding, Level
from policyc.bundle.load import load_envelopes
from policyc.core.diagnostics import Diagnostic, Severity
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
_SUFFIXES = (".yaml", ".yml", ".json")


def add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bundle",
        type=Path,
        default=Path("generated"),
        metavar="DIR",
        help="the output folder of `policyc compile` (generated)",
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
            help="name the output folder of `policyc compile`",
        ) from fault


def read_objects(paths: Iterable[Path]) -> Iterator[Placed]:
    """The objects of files and folders; ``-`` is standard input.

    PolicycError PC7050 when one cannot be read, PC7059 when it is no YAML or JSON, or a
    folder has no file of the kind.
    """
    for path in paths:
        files = sorted(_files(path))
        if not files:
            raise PolicycError(
                "PC7059",
                f"the folder `{path}` holds no manifests",
                help=f"name a folder with files that end in {', '.join(_SUFFIXES)}",
            )
        for file in files:
            try:
                data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
                yield from placed(Source(str(file), data.decode("utf-8")))
            except OSError as fault:
                raise PolicycError(
                    "PC7050",
                    f"cannot read `{file}`: {fault.strerror}",
                    help="check the path and its permissions",
                ) from fault
            except (UnicodeDecodeError, YamlError) as fault:
                raise PolicycError(
                    "PC7059",
                    f"`{file}` holds no Kubernetes objects: {fault}",
                    help="pass what `kubectl apply` would accept, or an AdmissionReview",
                ) from fault


def without_patches(found: Iterable[Placed]) -> tuple[list[Placed], int]:
    """The objects, and how many were none: the compiler's patches, which are applied to others."""
    listed = list(found)
    kept = [one for one in listed if not is_patch(one.body)]
    return kept, len(listed) - len(kept)


def asked_by(one: Placed) -> Request:
    """The request that applying an object makes; PolicycError PC7059 when it is no object."""
    try:
        return request_of(one.body)
    except ReviewError as fault:
        raise PolicycError(
            "PC7059",
            f"`{one.source.path}:{one.span('').begin.line}`: {fault}",
            help="pass Kubernetes objects only, or an AdmissionReview",
        ) from fault


def left_out(patches: int) -> str:
    """How an outcome ends that is not about everything."""
    return f"; not judged, as they are no objects: {patches} of our patches" if patches else ""


def _files(path: Path) -> Iterable[Path]:
    if path.is_dir():
        return files_below(path, *_SUFFIXES)
    return (path,)


def diagnostic(finding: Finding, at: Placed, prefix: str = "") -> Diagnostic:
    """A finding of admission as one that the command line prints."""
    return Diagnostic(
        "PC8001",
        f"{finding.reason}: {finding.message}",
        at.span(prefix + finding.path),
        help=finding.change or None,
        severity=_SEVERITY[finding.level],
    )
