"""``policyc scan``: everything that a cluster holds, judged as if it were created now."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from policyc.admission.manifests import path_of, request_of
from policyc.admission.request import Object, Request
from policyc.admission.scan import SCANNED, Judged, policy_reports, scan
from policyc.admission.view import View
from policyc.cli.asked import Asked, read_asked
from policyc.cli.extra import needs
from policyc.cli.objects import (
    add_bundle,
    add_settings,
    diagnostic,
    open_bundle,
    outcome_of,
    settings_of,
)
from policyc.cli.report import FORMATS, add_date, add_format, counted, progress, say
from policyc.core.canonical import pretty_json
from policyc.core.diagnostics import Diagnostic, has_errors
from policyc.core.errors import PolicycError
from policyc.core.source import Source
from policyc.kube.places import Placed, placed
from policyc.kube.yaml import dump

if TYPE_CHECKING:
    from policyc.kube.client import Cluster


@dataclass(frozen=True, slots=True)
class Held:
    """An object that the cluster holds, the request that creates it, and where it stands if that is a file."""

    body: Object
    asked: Request
    file: Placed | None = None

    def place(self, request: Request) -> Placed:
        """The file, or what the API server has at the object's own path."""
        if self.file is not None:
            return self.file
        text = pretty_json(self.body).decode()
        return next(placed(Source(path_of(request), text)))


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        help="manifests of all that the cluster holds (kubectl get -o yaml)",
    )
    parser.add_argument(
        "--live", action="store_true", help="ask the API server what the cluster holds instead"
    )
    parser.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="FILE",
        help="how to reach the cluster for --live; without it, as a pod of it",
    )
    parser.add_argument(
        "--apply", action="store_true", help="write PolicyReports into the cluster of --live"
    )
    add_bundle(parser)
    add_settings(parser)
    add_date(parser)
    add_format(parser, (*FORMATS, "policy-report"))


def run(args: argparse.Namespace) -> int:
    _check(args)
    bundle, settings = open_bundle(args.bundle), settings_of(args)
    cluster = _connect(args.kubeconfig) if args.live else None
    held, read = _held(cluster, args.folder)
    view = View.of([one.body for one in held])
    asked = [one.asked for one in held]
    judged = list(_shown(scan(asked, bundle, view, settings, str(args.as_of)), len(held)))
    found = [finding for pair in zip(held, judged, strict=True) for finding in _findings(*pair)]
    _say(args.format, found, judged, read)
    if cluster and args.apply:
        _apply(cluster, judged)
    return outcome_of(found, read.found)


def _check(args: argparse.Namespace) -> None:
    if args.live == (args.folder is not None):
        said = "there are two things to scan" if args.live else "there is nothing to scan"
        raise PolicycError("PC7059", said, help="give either a FOLDER or --live")
    if not args.live and (args.apply or args.kubeconfig):
        raise PolicycError(
            "PC7059", "a folder is no cluster", help="--kubeconfig and --apply go with --live"
        )


def _connect(kubeconfig: Path | None) -> Cluster:
    needs("--live", "kubernetes", "urllib3")
    from policyc.kube.client import connect  # half a second to import

    return connect(kubeconfig)


def _listed(cluster: Cluster) -> list[Object]:
    from policyc.kube.snapshot import snapshot

    return snapshot(cluster, SCANNED, progress("listing", "kinds"))


def _held(cluster: Cluster | None, folder: Path) -> tuple[list[Held], Asked]:
    """What there is, and what else a folder holds; PolicycError PC7059."""
    if cluster is not None:
        return [Held(body, request_of(body)) for body in _listed(cluster)], Asked()
    read = read_asked([folder])
    if not read.objects and not has_errors(read.found):
        raise PolicycError(
            "PC7059",
            f"`{folder}` holds no Kubernetes objects",
            help="write what the cluster holds into it with `kubectl get -o yaml`",
        )
    return [Held(one.body, request, one) for one, request in read.objects], read


def _shown(judged: Iterable[Judged], total: int) -> Iterable[Judged]:
    """The same, with a bar on a terminal."""
    step = progress("judging", "objects")
    for done, one in enumerate(judged, 1):
        yield one
        if step:
            step(done, total)


def _findings(held: Held, judged: Judged) -> Iterable[Diagnostic]:
    findings = judged.verdict.findings
    if findings:
        place = held.place(judged.request)
        for finding in findings:
            yield diagnostic(finding, place)


def _say(format_: str, found: list[Diagnostic], judged: list[Judged], read: Asked) -> None:
    if format_ == "policy-report":
        say(read.found, "text")  # a report is about objects
        print("---\n".join(dump(report).decode() for report in policy_reports(judged)), end="")
        return
    say([*found, *read.found], format_)
    if format_ == "text":
        refused = sum(not one.verdict.allowed for one in judged)
        print(f"{counted(len(judged), 'object')}, {refused} would be refused{read.left_out}")


def _apply(cluster: Cluster, judged: list[Judged]) -> None:
    """Write the reports; PolicycError PC7117 or PC7118 when the cluster does not take them."""
    from policyc.kube.client import ApiFault

    for report in policy_reports(judged):
        try:
            cluster.apply(_path_of(report), report, "policyc-scan")
        except ApiFault as fault:
            if fault.status == HTTPStatus.FORBIDDEN:
                message = f"no right to write PolicyReports: {fault.message}"
                raise PolicycError("PC7117", message) from fault
            served = fault.status != HTTPStatus.NOT_FOUND
            message = fault.message if served else "the cluster does not serve their kind"
            raise PolicycError(
                "PC7118",
                f"cannot write PolicyReports: {message}",
                help="install the CustomResourceDefinitions of wgpolicyk8s.io/v1alpha2",
            ) from fault


def _path_of(report: Object) -> str:
    metadata = report["metadata"]
    assert isinstance(metadata, dict)
    space = metadata.get("namespace")
    plural = f"namespaces/{space}/policyreports" if space else "clusterpolicyreports"
    return f"/apis/{report['apiVersion']}/{plural}/{metadata['name']}"
