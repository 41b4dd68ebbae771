"""Lowering: a checked policy and observations into an envelope, with reasons.

``envelope = (generalise(observed) | allow) & cap - deny - never``
"""

from policyc.lower.lower import lower

__all__ = ["lower"]
