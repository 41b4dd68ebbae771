"""Bugs of the RBAC emitter."""

from __future__ import annotations

from support.mutants.mutation import Mutation

_EMITTER = "policyc.emit.rbac.emitter"
_RULES = "policyc.emit.rbac.rules"

RBAC = (
    Mutation(
        "rbac-any-verb",
        _RULES,
        'verbs = self._verbs(box.get("verb", ALL))',
        'verbs = self._words(KUBE.axis("verb"), box, wildcard=True)',
        "all verbs are written as `*`, with escalate, bind and impersonate among them",
    ),
    Mutation(
        "rbac-any-name",
        _EMITTER,
        'rule["resourceNames"] = [name]',
        'rule["resourceNames"] = []',
        "a rule for one object is for all of them",
    ),
    Mutation(
        "rbac-cluster-for-some",
        _RULES,
        "if extent == ALL:\n            return [CLUSTER]",
        'if KUBE.axis("namespace").extent("") <= extent:\n            return [CLUSTER]',
        "what is granted without a namespace is granted in all of them",
    ),
    Mutation(
        "rbac-whole-resource",
        _EMITTER,
        '{"apiGroups": [group], "resources": [resource]}',
        '{"apiGroups": [group], "resources": [resource.partition("/")[0]]}',
        "a subresource is granted as its resource: pods in place of pods/log",
    ),
    Mutation(
        "rbac-everybody-bound",
        _EMITTER,
        '"subjects": [{"kind": "ServiceAccount", "name": account, "namespace": account_space}],',
        '"subjects": [{"kind": "Group", "name": f"system:serviceaccounts:{account_space}"}],',
        "the role is bound to every ServiceAccount of the namespace",
    ),
    Mutation(
        "rbac-role-of-others",
        _EMITTER,
        '"roleRef": {"apiGroup": _API, "kind": kind, "name": name},',
        '"roleRef": {"apiGroup": _API, "kind": kind, "name": "edit"},',
        "the binding gives a role of somebody else",
    ),
    Mutation(
        "rbac-own-namespace",
        _EMITTER,
        '{} if scope == CLUSTER else {"namespace": scope}',
        '{} if scope == CLUSTER else {"namespace": envelope.subject.workload.namespace}',
        "roles stand in the agent's namespace in place of the one they are for",
    ),
    Mutation(
        "rbac-token-always",
        _EMITTER,
        'uses_api = bool(envelope.domains["kube"] or envelope.domains["kube_url"])',
        "uses_api = True",
        "an agent that does not use the API has a token for it",
    ),
    Mutation(
        "rbac-create-named",
        _RULES,
        'return [""]\n            self._narrow(f"a name for `{verb}`")\n            return []',
        'return [""]\n            self._narrow(f"a name for `{verb}`")\n            return [""]',
        "the creation of one object is granted as the creation of any",
    ),
    Mutation(
        "rbac-exceptions",
        _RULES,
        "if is_whole:",
        "if is_whole or is_prefix:",
        "the exceptions of a pattern are forgotten",
    ),
    Mutation(
        "rbac-url-prefix",
        _RULES,
        'text + "*" * is_prefix',
        'text + "*"',
        "a URL stands for all that begin with it",
    ),
    Mutation(
        "rbac-one-reason",
        _RULES,
        "known += [d for d in self.grant.derivations if d not in known]",
        "known += [d for d in self.grant.derivations if not known]",
        "a verb has one of its reasons, and outlives the loss of it",
    ),
)
