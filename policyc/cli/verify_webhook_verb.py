"""``policyc verify-webhook``: the known mistakes of a webhook configuration."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from policyc.admission.view import key_of
from policyc.catalog.network_plugins import ENFORCING
from policyc.cli.extra import needs
from policyc.cli.main import Exit
from policyc.cli.objects import read_objects
from policyc.cli.report import add_format, say
from policyc.cli.webhook_manifests import add_target, target_of
from policyc.core.canonical import pretty_json
from policyc.core.diagnostics import Diagnostic, Severity, has_errors
from policyc.core.errors import PolicycError
from policyc.core.source import Source
from policyc.deploy.conditions import CONTROLLER_MANAGER
from policyc.deploy.configurations import GROUP, NAME, Target
from policyc.deploy.judge import TABLES, judge
from policyc.deploy.reach import written
from policyc.kube.places import Placed, placed

if TYPE_CHECKING:
    from policyc.kube.client import Cluster, Object


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="manifests, or - for what kubectl, helm or kustomize print",
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="judge what a cluster has; with FILE, those are its objects and nothing comes later",
    )
    parser.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="how to reach the cluster for --live"
    )
    add_target(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    if not args.files and not args.live:
        raise PolicycError("PC7059", "there is nothing to judge", help="name a FILE, or --live")
    if args.files:
        found = judged(read_objects(args.files), target_of(args), is_live=args.live)
    else:
        source = _connected(args.kubeconfig)
        found = judged(_configurations(source), target_of(args), is_live=True)
        found += (*_enforcement(source), *_controllers(source))
    say(found, args.format)
    if args.format == "text" and not has_errors(found):
        print("nothing walks past the webhook")
    return Exit.FINDINGS if has_errors(found) else Exit.CLEAN


def _connected(kubeconfig: Path | None) -> Cluster:
    needs("--live", "kubernetes", "urllib3")
    from policyc.kube.client import connect

    return connect(kubeconfig)


def _enforcement(source: Cluster) -> Iterator[Diagnostic]:
    """A warning where nothing is known to enforce what the API server stores as NetworkPolicies."""
    path = "/apis/apps/v1/daemonsets"
    items = (_read(source, path) or {}).get("items") or ()
    if ENFORCING.isdisjoint(key_of(item)[1] for item in items):
        yield Diagnostic(
            "PC8113",
            "no network plug-in runs here that is known to enforce NetworkPolicies",
            path=path,
            help="install one that does; where the distribution itself enforces them, try it out",
            severity=Severity.WARNING,
        )


def _controllers(source: Cluster) -> Iterator[Diagnostic]:
    """A warning where all controllers share one user: the manager makes their accounts otherwise."""
    path = "/api/v1/namespaces/kube-system/serviceaccounts/generic-garbage-collector"
    if _read(source, path) is None:
        yield Diagnostic(
            "PC8115",
            f"the cluster's controllers share the user `{CONTROLLER_MANAGER}`",
            path=path,
            help="start kube-controller-manager with --use-service-account-credentials",
            severity=Severity.WARNING,
        )


def _read(source: Cluster, path: str) -> Object | None:
    """An object or a list; None where there is none, PolicycError PC7050 without an answer."""
    from policyc.kube.client import ApiFault

    try:
        return source.get(path)
    except ApiFault as fault:
        if fault.status == HTTPStatus.NOT_FOUND:
            return None
        raise PolicycError("PC7050", f"cannot read `{path}`: {fault.message}") from fault


def _configurations(source: Cluster) -> Iterator[Placed]:
    """Our configurations as the API server has them; PolicycError PC7050 when it does not answer."""
    for plural in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        path = f"/apis/{GROUP}/v1/{plural}/{NAME}"
        body = _read(source, path)
        if body is None:
            continue
        yield from placed(Source(path, pretty_json(body).decode()))


def _wildcards(one: Placed) -> Iterator[Diagnostic]:
    for name in sorted(written(one.body).wildcards):
        yield Diagnostic(
            "PC8117",
            f"all that `{name}` stands for is refused while no webhook answers",
            one.span("webhooks"),
            help="take away bindings of roles that the agents do not need",
            severity=Severity.WARNING,
        )


def judged(objects: Iterable[Placed], target: Target, *, is_live: bool) -> list[Diagnostic]:
    """The mistakes of all configurations among the objects, and that there is one of each kind."""
    found: list[Diagnostic] = []
    seen: set[str] = set()
    path = None
    for one in objects:
        path = one.source.path
        kind = str(one.body.get("kind"))
        if kind not in TABLES or (is_live and key_of(one.body)[1] != NAME):
            continue
        seen.add(kind)
        found += [
            Diagnostic(fault.code, fault.message, one.span(fault.path), help=fault.help)
            for fault in judge(one.body, target, is_live=is_live)
        ]
        found += _wildcards(one)
    for kind in sorted(TABLES.keys() - seen):
        found.append(
            Diagnostic(
                "PC8101",
                f"there is no {kind}",
                path=path,
                help="write one with `policyc webhook manifests`",
            )
        )
    return found
