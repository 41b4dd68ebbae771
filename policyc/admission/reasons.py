"""The words that findings give as their reason: stable, for metrics, alerts and searches."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "ALL_TOOLS": "it asks for every tool of a server, or for tools that it does not name",
        "AMBIGUOUS_HOST": "a host, address or URL that programs read in different ways",
        "AMBIGUOUS_SA": "serviceAccount and serviceAccountName name different accounts",
        "CLASS_MISMATCH": "the object claims to be an agent that its ServiceAccount is not",
        "CM_WIDENS": "a ConfigMap would give a registered agent more than its envelope",
        "DELEGATE": "a registered agent would hand work to an agent that it may not",
        "DUP_ENV": "a variable is set twice in one container",
        "EGRESS": "it would connect to what is outside the envelope",
        "INDIRECT": "what it asks for stands where it cannot be read, or can change later",
        "MODEL": "it asks for a model outside the envelope",
        "MUTABLE_SOURCE": "what it asks for follows a field that can change while the pod runs",
        "NON_ASCII": "a name holds characters outside ASCII",
        "NOT_A_LIST": "what should be a list or a configuration cannot be read as one",
        "NS_MISMATCH": "the object names another namespace than the request",
        "OWNER_UNKNOWN": "it is owned by an object that decides on its tools and is not there",
        "PIN_CHANGED": "a pinned tool has another description than the reviewed one",
        "PROXY": "it would use a proxy that is outside the envelope",
        "RUNTIME_OVERRIDE": "a variable makes programs run, find or trust something else",
        "SA_NOT_ALLOWED": "a registered agent's workload uses another ServiceAccount",
        "SHADOW_AGENT": "it looks like an agent and is registered as none",
        "SHELL_WRAPPER": "its command is a script that cannot be judged",
        "STATE_UNKNOWN": "the state of the cluster that the decision needs is not known",
        "TOOL": "it asks for a tool outside the envelope",
        "UNDER_DECLARED": "its annotations claim less than it asks for",
        "UNRESOLVED": "it refers to a variable that is not known",
        "WILDCARD": "a pattern stands where names are wanted",
    }
)
"""Reason -> what it means, in one line.  docs/reference/admission.md has the same table."""
