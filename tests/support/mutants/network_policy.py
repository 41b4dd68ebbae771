"""Bugs of the NetworkPolicy's emitter and of its selectors."""

from __future__ import annotations

from support.mutants.mutation import Mutation

_EMITTER = "policyc.emit.network_policy.emitter"
_SELECTORS = "policyc.emit.network_policy.selectors"

NETWORK_POLICY = (
    Mutation(
        "network-one-direction",
        _EMITTER,
        '"policyTypes": ["Ingress", "Egress"],',
        '"policyTypes": ["Ingress"],',
        "the policy isolates ingress only, so that all egress passes",
    ),
    Mutation(
        "network-every-pod",
        _EMITTER,
        '"podSelector": {"matchLabels": dict(envelope.subject.pod_labels)},',
        '"podSelector": {},',
        "the policy is for every pod of its namespace",
    ),
    Mutation(
        "network-other-namespace",
        _EMITTER,
        '"namespace": workload.namespace,',
        '"namespace": "default",',
        "the policy stands in a namespace where the agent is not",
    ),
    Mutation(
        "network-half-open-range",
        _EMITTER,
        'if (first, last) == (0, 65535):\n        return {"protocol": protocol.upper()}',
        'if first == 0 or last == 65535:\n        return {"protocol": protocol.upper()}',
        "a range of ports that ends at 65535 becomes every port",
    ),
    Mutation(
        "network-exceptions",
        _EMITTER,
        'result.append({"cidr": cover, "except": [str(hole) for hole in holes]})',
        'result.append({"cidr": cover})',
        "the exceptions of a block of addresses are forgotten",
    ),
    Mutation(
        "network-any-namespace",
        _EMITTER,
        'peer: dict[str, Json] = {"namespaceSelector": selector(spaces)}',
        'peer: dict[str, Json] = {"namespaceSelector": {}}',
        "pods are selected in every namespace",
    ),
    Mutation(
        "network-any-pod",
        _EMITTER,
        'if pods:\n        peer["podSelector"]',
        'if pods and not spaces:\n        peer["podSelector"]',
        "all pods of a namespace are selected in place of those with the labels",
    ),
    Mutation(
        "network-pattern-skipped",
        _EMITTER,
        "narrowed.append(_inexpressible(grant, direction, key))\n                break",
        "narrowed.append(_inexpressible(grant, direction, key))\n                continue",
        "a label whose values cannot be selected is left out, and its pods all pass",
    ),
    Mutation(
        "network-resolved-ports",
        _EMITTER,
        "port = (resolution.protocol, resolution.port, resolution.port)",
        "port = (resolution.protocol, 0, 65535)",
        "an address that a name was resolved to is open on every port",
    ),
    Mutation(
        "network-rules-merged",
        _EMITTER,
        "key = canonical_json(peer)",
        "key = canonical_json(sorted(peer))",
        "peers of one form share a rule, and each other's ports",
    ),
    Mutation(
        "network-directions-swapped",
        _EMITTER,
        'ingress = _rules(envelope, "ingress", narrowed)',
        'ingress = _rules(envelope, "egress", narrowed)',
        "whom the agent may connect to may connect to the agent",
    ),
    Mutation(
        "network-one-reason",
        _EMITTER,
        "rule.add(port, reasons)",
        "rule.add(port, reasons[:1])",
        "a rule has one of its reasons, and outlives the loss of it",
    ),
    Mutation(
        "network-not-in-or-absent",
        _SELECTORS,
        'return [but] if absent else [(Requirement(key, "Exists"), *but)]',
        "return [but]",
        "pods without the label are selected by `NotIn`",
    ),
)
