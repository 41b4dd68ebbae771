"""``policyc scan``: everything that a cluster holds, judged as if it were created now."""

from __future__ import annotations

import argparse
from pathlib import Path

from policyc.admission.scan import policy_reports, scan
from policyc.admission.settings import Settings
from policyc.admission.view import View
from policyc.cli.main import Exit
from policyc.cli.objects import add_bundle, diagnostic, open_bundle, read_objects
from policyc.cli.report import FORMATS, add_date, add_format, say
from policyc.core.diagnostics import has_errors
from policyc.kube.yaml import dump


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, help="manifests of all that the cluster holds (kubectl get -o yaml)"
    )
    add_bundle(parser)
    add_date(parser)
    add_format(parser, (*FORMATS, "policy-report"))


def run(args: argparse.Namespace) -> int:
    bundle = open_bundle(args.bundle)
    held = list(read_objects([args.folder]))
    view = View.of([one.body for one in held])
    judged = list(scan((p.body for p in held), bundle, view, Settings(), str(args.as_of)))
    found = [
        diagnostic(finding, one)
        for one, result in zip(held, judged, strict=True)
        for finding in result.verdict.findings
    ]
    if args.format == "policy-report":
        print("---\n".join(dump(report).decode() for report in policy_reports(judged)), end="")
    else:
        say(found, args.format)
    if args.format == "text":
        print(f"{len(held)} objects, {sum(not j.verdict.allowed for j in judged)} would be refused")
    return Exit.FINDINGS if has_errors(found) else Exit.CLEAN
