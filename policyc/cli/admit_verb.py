"""``policyc admit``: what the webhook would say of manifests, before anybody applies them."""

from __future__ import annotations

import argparse
from pathlib import Path

from policyc.admission.evaluate import evaluate
from policyc.admission.manifests import offline
from policyc.admission.view import View
from policyc.cli.asked import read_asked
from policyc.cli.objects import (
    add_bundle,
    add_settings,
    diagnostic,
    open_bundle,
    outcome_of,
    settings_of,
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
    asked, held = read_asked(args.files), read_asked(args.cluster)
    view = View.of([*held.bodies, *asked.bodies])
    found, unjudged = [], 0
    for one, request in asked.objects:
        prefix = "request.object." if one.body.get("kind") == "AdmissionReview" else ""
        verdict = evaluate(request, bundle, view, settings, str(args.as_of))
        resource = "/".join(filter(None, (request.resource, request.subresource)))
        unjudged += not is_asked(request.resource_group, resource)
        found += [diagnostic(finding, one, prefix) for finding in verdict.findings]
    strange = [*asked.found, *(d for d in held.found if has_errors([d]))]
    say([*found, *strange], args.format)
    if args.format == "text":
        judged = len(asked.objects) - unjudged
        refused = has_errors([*found, *strange])
        outcome = "refused" if refused else "admitted" if judged else "nothing was judged"
        others = f"; {unjudged} not judged: no rule is about their kinds" if unjudged else ""
        print(
            f"{counted(judged or len(asked.objects), 'object')}, {outcome}{others}{asked.left_out}"
        )
    return outcome_of(found, strange)
