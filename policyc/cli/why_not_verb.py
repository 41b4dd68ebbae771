"""``policyc why-not AGENT GRANT``: what stands between an agent and a grant."""

from __future__ import annotations

import argparse
from pathlib import Path

from policyc.cli.main import Exit
from policyc.cli.report import add_date, add_format, say, verdict
from policyc.core.canonical import Json, pretty_json
from policyc.core.diagnostics import Diagnostic, Related, Severity, has_errors
from policyc.core.errors import PolicycError
from policyc.core.render import render_text
from policyc.core.suggest import did_you_mean
from policyc.diff.why_not import Refusal, why_not
from policyc.pipeline.compile import checked
from policyc.pipeline.lowered import Lowered
from policyc.semantics.question import clauses_of


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="AGENT")
    parser.add_argument(
        "grant", metavar="GRANT", help="as a policy writes it: 'kube get on secrets'"
    )
    parser.add_argument(
        "--root", type=Path, default=Path("policies"), help="the policy root (policies)"
    )
    add_date(parser)
    add_format(parser, ("text", "json"))


def run(args: argparse.Namespace) -> int:
    workspace, policy, found = checked(args.root)
    if has_errors(found):
        say(found, args.format, args.root)
        return verdict(found)
    agent = next((a for a in policy.agents if a.name == args.agent), None)
    if agent is None:
        names = [a.name for a in policy.agents]
        hint = did_you_mean(args.agent, names) or "`policyc list` names them"
        raise PolicycError("PC7057", f"there is no agent `{args.agent}`", help=hint)
    asked = clauses_of(args.grant, agent, policy, workspace)
    lowered = Lowered(args.root, policy, args.as_of)
    envelope = lowered.get(agent.name)
    faults = [*asked.diagnostics, *lowered.faults]
    if envelope is None or has_errors(faults):
        say(faults, args.format, args.root)
        return verdict(faults)
    refusals = why_not(agent, envelope, asked.value, str(args.as_of))
    if args.format == "json":
        rows: list[Json] = [_plain(refusal) for refusal in refusals]
        print(pretty_json({"granted": not refusals, "refused": rows}).decode(), end="")
    elif not refusals:
        print(f"all of it is granted to `{agent.name}`: `policyc why` explains an artifact's line")
    else:
        print(render_text(map(_diagnostic, refusals), color=False), end="")
    return Exit.CLEAN


def _diagnostic(refusal: Refusal) -> Diagnostic:
    boxes = refusal.region.describe()
    what = "; ".join(boxes[:3]) + (f" and {len(boxes) - 3} more" if len(boxes) > 3 else "")
    related = (Related(refusal.against, "what it stands against"),) if refusal.against else ()
    return Diagnostic(
        "PC3186",
        f"{refusal.region.domain.name}: {what}: {refusal.cause}: {refusal.message}",
        refusal.line,
        related,
        help=refusal.help or None,
        severity=Severity.NOTE,
    )


def _plain(refusal: Refusal) -> dict[str, Json]:
    return {
        "domain": refusal.region.domain.name,
        "cause": refusal.cause.value,
        "message": refusal.message,
        "boxes": list(refusal.region.describe()),
        "place": refusal.line.label(),
        "help": refusal.help or None,
        "against": refusal.against.label() if refusal.against is not None else None,
    }
