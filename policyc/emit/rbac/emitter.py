"""Rules to objects: a file for each, named after its kind and namespace.

The ServiceAccount mounts a token exactly when the agent may use the API.
"""

from __future__ import annotations

from collections.abc import Mapping

from policyc.core.canonical import Json
from policyc.core.errors import InternalError
from policyc.denote.rbac import bound, permitted
from policyc.emit.base import Artifact, Emission, lines_of, object_name
from policyc.emit.rbac.rules import CLUSTER, Rules, Verbs, rules_of
from policyc.envelope.domains import KUBE, KUBE_URL
from policyc.envelope.model import Envelope
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region

_FORM = Derivation(Step.FIXED, note="the form of an RBAC object")
_ACCOUNT = Derivation(Step.DECLARED, note="the agent's own ServiceAccount")
_API = "rbac.authorization.k8s.io"


class RbacEmitter:
    """A file an object: serviceaccount, role-NAMESPACE, rolebinding-NAMESPACE, clusterrole, ..."""

    kind = "rbac"
    domains = frozenset({"kube", "kube_url"})

    def emit(self, envelope: Envelope) -> Emission:
        """None for managed agents, which have no identity in the cluster."""
        if envelope.subject.workload is None:
            return Emission()
        rules = rules_of(envelope)
        artifacts = [_service_account(envelope)]
        for scope in rules.scopes:
            artifacts += _role_and_binding(envelope, scope, rules)
        artifacts.sort(key=lambda a: a.path)
        narrowed = sorted(rules.narrowed, key=lambda n: (n.domain, n.message))
        return Emission(tuple(artifacts), (), tuple(narrowed))

    def denote(self, documents: Mapping[str, Json], envelope: Envelope) -> Mapping[str, Region]:
        """What every role that a binding gives to the ServiceAccount lets it ask of the API."""
        account = envelope.subject.service_account
        by_ref = {_identity(d): d for d in documents.values() if isinstance(d, dict)}
        kube, urls = [KUBE.empty], [KUBE_URL.empty]
        for document in documents.values():
            match document:
                case {
                    "kind": "RoleBinding" | "ClusterRoleBinding",
                    "metadata": {**metadata},
                    "roleRef": {"kind": str(kind), "name": str(name)},
                    "subjects": subjects,
                }:
                    space = str(metadata.get("namespace", ""))
                    role = by_ref.get((kind, space if kind == "Role" else "", name))
                    if role is None:
                        raise InternalError(f"a binding to {kind} {name}, which is not emitted")
                    if bound(subjects, space) != {account}:
                        raise InternalError(f"a binding of {name} to somebody else than {account}")
                    resources, found = permitted(role.get("rules"), space)
                    kube.append(resources)
                    urls.append(found)
                case {"kind": "ServiceAccount", "metadata": {"namespace": space, "name": name}}:
                    if f"{space}/{name}" != account:
                        raise InternalError(f"the ServiceAccount {space}/{name} of somebody else")
                case _:
                    pass
        return {"kube": KUBE.union(kube), "kube_url": KUBE_URL.union(urls)}

    def ceiling(self, envelope: Envelope) -> Mapping[str, Region]:
        """The envelope: RBAC needs nothing beside it."""
        return {name: envelope.domains[name] for name in self.domains}


RBAC = RbacEmitter()


def _identity(document: dict[str, Json]) -> tuple[str, str, str]:
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    return (str(document["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))


def role_name(envelope: Envelope) -> str:
    """``policyc-AGENT.NAMESPACE``; a namespace has no dot, so no two agents have one name."""
    assert envelope.subject.workload is not None
    return object_name(envelope.subject.agent, f".{envelope.subject.workload.namespace}")


def _service_account(envelope: Envelope) -> Artifact:
    namespace, _, name = envelope.subject.service_account.partition("/")
    uses_api = bool(envelope.domains["kube"] or envelope.domains["kube_url"])
    document: dict[str, Json] = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {"policyc.dev/agent": envelope.subject.agent},
        },
        "automountServiceAccountToken": uses_api,
    }
    used = tuple(
        dict.fromkeys(
            d
            for domain in ("kube", "kube_url")
            for grant in envelope.grants.get(domain, ())
            for d in grant.derivations
        )
    )
    why = (
        ("the agent uses the API", used)
        if uses_api
        else ("the agent does not use the API", (_FORM,))
    )
    explain = {
        "/metadata": (f"ServiceAccount {namespace}/{name}", (_ACCOUNT,)),
        "/automountServiceAccountToken": why,
    }
    return Artifact("serviceaccount.yaml", document, lines_of(explain, _FORM))


def _role_and_binding(envelope: Envelope, scope: str, rules: Rules) -> list[Artifact]:
    kind = "ClusterRole" if scope == CLUSTER else "Role"
    suffix = "" if scope == CLUSTER else f"-{scope}"
    where: dict[str, Json] = {} if scope == CLUSTER else {"namespace": scope}
    name = role_name(envelope)
    metadata: dict[str, Json] = {
        "name": name,
        **where,
        "annotations": {"policyc.dev/agent": envelope.subject.agent},
    }
    written, explain = _written(scope, rules)
    role: dict[str, Json] = {
        "apiVersion": f"{_API}/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": written,
    }
    account_space, _, account = envelope.subject.service_account.partition("/")
    binding: dict[str, Json] = {
        "apiVersion": f"{_API}/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _API, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": account_space}],
    }
    # The binding stands as long as a rule of its role does.
    every = tuple(dict.fromkeys(d for _, reasons in explain.values() for d in reasons))
    bound = {"/subjects": (f"binds {envelope.subject.service_account}", every)}
    return [
        Artifact(f"{kind.lower()}{suffix}.yaml", role, lines_of(explain, _FORM)),
        Artifact(f"{kind.lower()}binding{suffix}.yaml", binding, lines_of(bound, _FORM)),
    ]


_Explain = dict[str, tuple[str, tuple[Derivation, ...]]]


def _written(scope: str, rules: Rules) -> tuple[list[Json], _Explain]:
    written: list[Json] = []
    explain: _Explain = {}
    where = f" in namespace {scope}" if scope else ""
    for key, verbs in sorted(rules.resources.get(scope, {}).items()):
        group, resource, name = key
        rule: dict[str, Json] = {"apiGroups": [group], "resources": [resource]}
        if name:
            rule["resourceNames"] = [name]
        rule["verbs"] = [*sorted(verbs)]
        shown = f"{resource}.{group}" if group else resource
        what = f"on {shown}{where}" + (f" named {name}" if name else "")
        _explain(explain, len(written), what, verbs)
        written.append(rule)
    for url, verbs in sorted(rules.urls.items()) if scope == CLUSTER else ():
        _explain(explain, len(written), f"on url {url}", verbs)
        written.append({"nonResourceURLs": [url], "verbs": [*sorted(verbs)]})
    return written, explain


def _explain(explain: _Explain, at: int, what: str, verbs: Verbs) -> None:
    every = tuple(dict.fromkeys(d for known in verbs.values() for d in known))
    explain[f"/rules/{at}"] = (f"kube {what}", every)
    for j, verb in enumerate(sorted(verbs)):
        explain[f"/rules/{at}/verbs/{j}"] = (f"kube {verb} {what}", tuple(verbs[verb]))
