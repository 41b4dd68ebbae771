"""The words that findings give as their reason: stable, for metrics, alerts and searches."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "AMBIGUOUS_SA": "serviceAccount and serviceAccountName name different accounts",
        "CLASS_MISMATCH": "the object claims to be an agent that its ServiceAccount is not",
        "CLOUD_ROLE": "a ServiceAccount's cloud identity is not in its agent's envelope, or another agent has it too",
        "CNI_KNOWN_BUG": "a known bug of a network plugin would switch the pod's NetworkPolicies off",
        "DISGUISE": "an agent's object loses the label or annotation that says whose it is",
        "ENDPOINTS": "a Service's endpoints lie outside of an agent's envelope",
        "EXCEPTION": "the agent uses a permission with an end date",
        "EXTERNALNAME": "a Service would be another name for a host outside of an agent's envelope",
        "EXTERNAL_IP": "a Service would take over addresses that agents connect to",
        "FOREIGN_POLICY": "a network policy of another kind lets traffic through that cannot be compared",
        "GENERATED_OBJECT": "an object made from the policy is changed or deleted by others than operators",
        "HOME_PROTECTED": "an object of the webhook's own namespace is changed by others than operators",
        "LABEL_ESCAPE": "a pod's labels change so that NetworkPolicies hold it back less",
        "MIRROR_POD": "a pod claims to mirror a static pod, and no kubelet made it",
        "NO_DEFAULT_DENY": "no NetworkPolicy holds the agent's pods back in some direction",
        "NP_WIDENS": "NetworkPolicies let an agent do more than its envelope says",
        "NS_LABEL_WIDENS": "a namespace's labels would make an agent's NetworkPolicies reach it",
        "NS_MISMATCH": "the object names another namespace than the request",
        "OPTOUT_LABEL": "a namespace's labels would take it out of the reach of admission",
        "RBAC_WIDENS": "a role or binding lets an agent's ServiceAccount do more than its envelope says",
        "SA_EXCEEDS": "the agent's ServiceAccount may already do more than the envelope says",
        "SA_NOT_ALLOWED": "a registered agent's workload uses another ServiceAccount",
        "SA_SHARED": "one agent's workload uses another agent's ServiceAccount",
        "STATE_UNKNOWN": "the decision needs objects of the cluster that are not known now",
        "STATIC_POD": "a kubelet reports a static pod, which admission cannot refuse",
    }
)
"""Reason -> what it means, in one line.  docs/reference/admission.md has the same table."""
