"""``policyc admit``: what the webhook would say of manifests, before anybody applies them."""

from __future__ import annotations

import argparse
from pathlib import Path

from policyc.admission.evaluate import evaluate
from policyc.admission.manifests import offline
from policyc.admission.view import View
from policyc.cli.main import Exit
from policyc.cli.objects import (
    add_bundle,
    add_settings,
    asked_by,
    diagnostic,
    left_out,
    open_bundle,
    read_objects,
    settings_of,
    without_patches,
)
from policyc.cli.report import add_date, add_format, counted, say
from policyc.core.diagnostics import has_errors
from policyc.deploy.scope import is_asked


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="manifests, AdmissionReviews, or - for what helm or kustomize print",
    )
    add_bundle(parser)
    add_settings(parser)
    parser.add_argument(
        "--cluster",
        nargs="*",
        type=Path,
        default=[],
        metavar="FILE",
        help="objects that the cluster holds already; those in FILE count too",
    )
    add_date(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    bundle, settings = open_bundle(args.bundle), offline(settings_of(args))
    asked, patches = without_patches(read_objects(args.files))
    held = [*without_patches(read_objects(args.cluster))[0], *asked]
    view = View.of([p.body for p in held if p.body.get("kind") != "AdmissionReview"])
    found, unjudged = [], 0
    for one in asked:
        prefix = "request.object." if one.body.get("kind") == "AdmissionReview" else ""
        request = asked_by(one)
        verdict = evaluate(request, bundle, view, settings, str(args.as_of))
        resource = "/".join(filter(None, (request.resource, request.subresource)))
        unjudged += not is_asked(request.resource_group, resource)
        found += [diagnostic(finding, one, prefix) for finding in verdict.findings]
    say(found, args.format)
    if args.format == "text":
        judged = len(asked) - unjudged
        outcome = "refused" if has_errors(found) else "admitted" if judged else "nothing was judged"
        others = f"; {unjudged} not judged: agents get nothing by its kind" if unjudged else ""
        print(f"{counted(judged or len(asked), 'object')}, {outcome}{others}{left_out(patches)}")
    return Exit.FINDINGS if has_errors(found) else Exit.CLEAN
