"""Bugs of the compiled envelope: what the webhook decides by."""

from __future__ import annotations

from support.mutants.mutation import Mutation

_CODEC = "policyc.envelope.codec"
_MODEL = "policyc.envelope.model"

ENVELOPE = (
    Mutation(
        "envelope-stage",
        _CODEC,
        '"stage": subject.stage,',
        '"stage": "observe",',
        "no agent is enforced by the webhook",
    ),
    Mutation(
        "envelope-expiries",
        _CODEC,
        "for e in sorted(envelope.expiries, key=_BY_LAST_DAY)",
        "for e in sorted(envelope.expiries, key=_BY_LAST_DAY)[1:]",
        "the first grant with a last day never ends at admission",
    ),
    Mutation(
        "envelope-approvals",
        _CODEC,
        "for a in envelope.approvals\n",
        "for a in envelope.approvals[1:]\n",
        "a human gate does not travel to the webhook",
    ),
    Mutation(
        "envelope-pins",
        _CODEC,
        "for p in sorted(envelope.pins, key=_BY_TOOL)",
        "for p in sorted(envelope.pins, key=_BY_TOOL)[1:]",
        "the description of a tool is not pinned at admission",
    ),
    Mutation(
        "envelope-acceptance",
        _CODEC,
        '"since": c.since, "until": c.until}',
        '"since": c.since, "until": ""}',
        "an acceptance of a threat never ends",
    ),
    Mutation(
        "envelope-threats",
        _CODEC,
        "for t in sorted(envelope.threats, key=lambda t: t.id)\n        ],",
        "for t in sorted(envelope.threats, key=lambda t: t.id) if t.covers\n        ],",
        "threats that are open do not travel to the webhook",
    ),
    Mutation(
        "envelope-last-day",
        _MODEL,
        "ended = [e for e in self.expiries if e.until < day]",
        "ended = [e for e in self.expiries if e.until <= day]",
        "what ends with a day has ended on it",
    ),
)
