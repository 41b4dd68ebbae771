"""Figures as messages have them."""

from __future__ import annotations

import math

from policyc.converge.window import DAY_SECONDS


def percent(share: float) -> str:
    """``5 %``, rounded up to a digit after the point."""
    return f"{math.ceil(1000 * share - 1e-9) / 10:g} %"


def span(seconds: int) -> str:
    """Seconds in days, or below two days in hours, with at most a digit after the point: ``14d``, ``11.8h``."""
    unit, letter = (DAY_SECONDS, "d") if seconds >= 2 * DAY_SECONDS else (3600, "h")
    return f"{math.floor(10 * seconds / unit) / 10:g}{letter}"
