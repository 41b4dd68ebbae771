"""An assessment as a document: ``policyc.dev/v1 ConvergenceReport``, without clock or host.

Figures that are no whole numbers are decimal texts, so that the document is canonical JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from policyc.converge.assess import Assessment
from policyc.converge.domains import DomainVerdict
from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic
from policyc.core.render import as_json


def document(
    assessments: Sequence[Assessment],
    found: Sequence[Diagnostic],
    threats: Mapping[str, Sequence[Json]] | None = None,
) -> Json:
    """The report of several agents; ``threats`` has by agent what recordings say of its threats."""
    said = threats or {}
    return {
        "apiVersion": "policyc.dev/v1",
        "kind": "ConvergenceReport",
        "agents": [_agent(one, said.get(one.agent, ())) for one in assessments],
        "diagnostics": as_json(found),
    }


def _agent(one: Assessment, threats: Sequence[Json]) -> Json:
    wanted = one.demand
    return {
        "agent": one.agent,
        "converged": one.converged,
        "baseline": one.baseline,
        "environment": one.environment or "production",
        "windows": [*wanted.windows],
        "wanted": {
            "seconds": wanted.seconds,
            "sessions": wanted.sessions,
            "quietSeconds": wanted.quiet_seconds,
        },
        "recorded": {
            "seconds": one.seconds,
            "sessions": one.sessions,
            "quietSeconds": one.quiet_seconds,
        },
        "behaviours": [
            {
                "behaviour": b.name,
                "wanted": b.wanted,
                "seen": b.seen,
                "answer": b.answer.value,
                "askedBy": b.asked_by,
            }
            for b in one.behaviours
        ],
        "domains": [_domain(verdict) for verdict in one.domains],
        "dormant": [{"domain": thing.domain, "item": thing.line} for thing in one.dormant],
        "threats": [*threats],
    }


def _domain(verdict: DomainVerdict) -> Json:
    measured = verdict.calibration
    return {
        "domain": verdict.domain,
        "converged": verdict.converged,
        "items": verdict.items,
        "runs": verdict.runs,
        "once": verdict.once,
        "expectedNew": decimal(verdict.expected),
        "uncoveredAtMost": f"{verdict.limit:.4f}",
        "reasons": [{"code": r.code, "message": r.message} for r in verdict.reasons],
        "series": [
            {
                "runs": point.runs,
                "predicted": decimal(point.predicted),
                "actual": decimal(point.actual),
            }
            for point in verdict.series
        ],
        "calibration": None
        if measured is None
        else {
            "runs": measured.compared,
            "inOrder": measured.in_order,
            "predicted": decimal(measured.predicted),
            "actual": decimal(measured.actual),
        },
    }


def decimal(value: Fraction | None) -> str | None:
    """Two digits after the point; None stays None."""
    return None if value is None else f"{float(value):.2f}"
