"""The words that findings give as their reason: stable, for metrics, alerts and searches."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "AMBIGUOUS_SA": "serviceAccount and serviceAccountName name different accounts",
        "BUNDLE_UNAVAILABLE": "no verified bundle of envelopes is loaded",
        "CLASS_MISMATCH": "the object claims to be an agent that its ServiceAccount is not",
        "DEADLINE": "the decision would come after the API server stops waiting",
        "INTERNAL": "the webhook failed to decide",
        "LOG_UNAVAILABLE": "the decision could not be recorded",
        "MALFORMED": "the review is not strict JSON, or not a review we know",
        "NS_MISMATCH": "the object names another namespace than the request",
        "OVERLOADED": "the webhook has more requests than it can answer in time",
        "READ_TIMEOUT": "the review did not arrive in time",
        "SA_NOT_ALLOWED": "a registered agent's workload uses another ServiceAccount",
        "TOO_LARGE": "the review is longer than what is read",
    }
)
"""Reason -> what it means, in one line.  docs/reference/admission.md has the same table."""
