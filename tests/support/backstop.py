"""What the backstop's policies can say."""

from __future__ import annotations

import re

from policyc.emit.backstop.checks import CHECKS

REASONS = {word for check in CHECKS for word in re.findall(r"'([A-Z_]{3,}): ", check.expression)}
"""The reasons of admission that those on pods give."""
