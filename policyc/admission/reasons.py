"""The words that findings give as their reason: stable, for metrics, alerts and searches."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "AMBIGUOUS_SA": "serviceAccount and serviceAccountName name different accounts",
        "CLASS_MISMATCH": "the object claims to be an agent that its ServiceAccount is not",
        "NS_MISMATCH": "the object names another namespace than the request",
        "SA_NOT_ALLOWED": "a registered agent's workload uses another ServiceAccount",
    }
)
"""Reason -> what it means, in one line.  docs/reference/admission.md has the same table."""
