"""Small judgements that many rules share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypeVar

from policyc.core.diagnostics import Diagnostic, Related
from policyc.core.suggest import did_you_mean
from policyc.syntax import nodes as n

N = TypeVar("N", bound=n.Node)

_SHOWN = 40
"""Characters of a text that a finding shows."""
_FUTURE = re.compile(
    r"""
    future[\s-]?proof\w*
    | (?:for|in)\s(?:the\s|any\s)?future
    | future\s(?:use|need|feature|version)s?
    | just\sin\scase
    | (?:may|might)\sneed
    | might\sbe\s(?:useful|needed)
    | (?:could|will)\sbe\sneeded\s(?:later|soon)
    | for\slater
    | not\syet\s(?:needed|used)
    | \bsome\s?day\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Ways to say that nothing needs it now."""


def is_about_the_future(reason: str) -> bool:
    """Whether a justification names a need that may come instead of one that is there."""
    return _FUTURE.search(reason) is not None


def refuse_future(reason: n.String, found: list[Diagnostic]) -> None:
    """PC3104 where a justification is a need that may come."""
    if is_about_the_future(reason.value):
        found.append(
            Diagnostic(
                "PC3104",
                "a need that may come one day is no justification",
                reason.span,
                help="name what needs it today, or leave it out until something does",
            )
        )


def known(word: n.Word, words: Iterable[str], what: str, found: list[Diagnostic]) -> bool:
    """Whether the word belongs to a closed vocabulary; PC2011 when not."""
    choices = list(words)
    if word.text in choices:
        return True
    hint = did_you_mean(word.text, choices) or f"known are {', '.join(sorted(choices)[:12])}"
    found.append(Diagnostic("PC2011", f"there is no {what} `{word.text}`", word.span, help=hint))
    return False


def known_tier(word: n.Word, tiers: Sequence[str], found: list[Diagnostic]) -> bool:
    """Whether the policy root's `tiers` line names the word; PC2011 when not, or when there is none."""
    if tiers:
        return known(word, tiers, "tier", found)
    found.append(
        Diagnostic(
            "PC2011",
            f"there is no tier `{word.text}`: the policy root has no `tiers` line",
            word.span,
            help=f"add a line such as `tiers {word.text} < more < most` at the top of a file",
        )
    )
    return False


def calendar(when: n.Date, found: list[Diagnostic]) -> bool:
    """Whether the date is in the calendar; PC3012 when not."""
    try:
        date.fromisoformat(when.text)
    except ValueError:
        found.append(
            Diagnostic(
                "PC3012",
                f"`{when.text}` is no day of the calendar",
                when.span,
                help="write a date as 2026-12-31",
            )
        )
        return False
    return True


_LONGEST_DAYS = 3650
_SECONDS_OF_A_DAY = 86_400


def seconds_of(duration: n.Duration, found: list[Diagnostic]) -> int:
    """A duration's seconds; PC3012, and the longest, for one that no recording could last."""
    longest = _LONGEST_DAYS * _SECONDS_OF_A_DAY
    digits = duration.text[:-1].lstrip("0")
    # Python converts no text of thousands of digits.
    if len(digits) <= len(str(longest)) and duration.seconds <= longest:
        return duration.seconds
    shown = duration.text if len(duration.text) < _SHOWN else f"{duration.text[:_SHOWN]}..."
    found.append(
        Diagnostic(
            "PC3012",
            f"`{shown}` is longer than anything is observed",
            duration.span,
            help=f"write at most {_LONGEST_DAYS}d",
        )
    )
    return longest


def single(
    members: Sequence[n.Node], kind: type[N], word: str, found: list[Diagnostic]
) -> N | None:
    """The one member of a kind; a second one is PC3010."""
    mine = [member for member in members if isinstance(member, kind)]
    for extra in mine[1:]:
        found.append(
            Diagnostic(
                "PC3010",
                f"`{word}` stands twice",
                extra.span,
                (Related(mine[0].span, "first here"),),
                help="keep one of them",
            )
        )
    return mine[0] if mine else None


def missing(owner: n.Name, what: str, line: str, form: str, found: list[Diagnostic]) -> None:
    """PC3009: a line that must be there is not."""
    found.append(
        Diagnostic(
            "PC3009", f"{what} `{owner}` has no `{line}` line", owner.span, help=f"add: {form}"
        )
    )
