"""Match conditions: which requests never need the webhook, so that it can never block them.

CEL as the API server evaluates it before it calls a webhook
(https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions,
1.36).  An expression that fails counts as the entry's failure policy says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policyc.catalog.default_roles import BOUND_TO_EVERYBODY
from policyc.catalog.machinery import CONTROLLERS
from policyc.denote.rbac import ANONYMOUS, EVERYBODY
from policyc.kube.workloads import WORKLOAD_KINDS

KUBE_SYSTEM = "system:serviceaccount:kube-system:"
_ODD = re.compile(r"[^A-Za-z0-9:._/*-]+")
"""What is written by its number: names of roles may hold quotes and backslashes."""
_TEXT = re.compile(r"'([^']*)'")
_ESCAPE = re.compile(r"\\U(0010[0-9a-f]{4}|000[0-9a-f]{5})")
API_SERVER = "system:apiserver"
"""The API server's own writes at its start."""
CONTROLLER_MANAGER = "system:kube-controller-manager"
"""All controllers where they share one user, without ``--use-service-account-credentials``."""
_SLICES = ("CREATE endpointslices", "UPDATE endpointslices", "DELETE endpointslices")
MACHINERY: Mapping[str, tuple[str, ...]] = {
    # It copies rules of ClusterRoles that were judged.
    "clusterrole-aggregation-controller": ("UPDATE clusterroles",),
    # They follow a Service's selector, or copy Endpoints that were judged.
    "endpoint-controller": ("CREATE endpoints", "UPDATE endpoints", "DELETE endpoints"),
    "endpointslice-controller": _SLICES,
    "endpointslicemirroring-controller": _SLICES,
    "namespace-controller": ("UPDATE namespaces/finalize", "UPDATE namespaces/status"),
    # It writes kube-root-ca.crt into every namespace.
    "root-ca-cert-publisher": ("CREATE configmaps", "UPDATE configmaps"),
    "service-account-controller": ("CREATE serviceaccounts",),
    # Finalizers, and the addresses that load balancers got.
    "service-controller": ("UPDATE services", "UPDATE services/status"),
}
"""Controller -> its writes that follow from objects that were judged themselves.

The garbage collector is none of them: whoever may edit an owner reference could let it delete
a NetworkPolicy.  It deletes, and changes no more than owner references and finalizers.  Hence
where all controllers share one user, what that user may delete unasked is endpoints: without
them less is reached.  Names and writes: cmd/kube-controller-manager/app/*.go and pkg/controller
(Kubernetes 1.36).
"""
_BY_THE_MANAGER = ("UPDATE serviceaccounts",)
"""The tokens controller has no account, whatever the flag: it takes the names of Secrets that are
gone out of accounts as the manager's own user (cmd/kube-controller-manager/app, 1.36)."""
_OF_MANAGER = CONTROLLERS - {"cloud-controller-manager"}
"""Who has them: kube-controller-manager, which asks for their tokens itself.  The other one is a pod."""
_EMPTIES = "namespace-controller"
"""Deletes all that is in a namespace which is being deleted, and nothing else."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A name that is unique in its entry, and the CEL that must be true for a call."""

    name: str
    expression: str


def texts(values: Iterable[str]) -> str:
    """A CEL list."""
    return "[" + ", ".join(f"'{_ODD.sub(_escaped, value)}'" for value in values) + "]"


def _escaped(odd: re.Match[str]) -> str:
    return "".join(f"\\U{ord(character):08x}" for character in odd[0])


def texts_in(written: str) -> list[str]:
    """The texts of a list that ``texts`` wrote."""
    return [_ESCAPE.sub(lambda code: chr(int(code[1], 16)), t) for t in _TEXT.findall(written)]


def by_people() -> Condition:
    """Not the machinery of the control plane at its own work, each user by requests and resources."""
    writes = {KUBE_SYSTEM + name: listed for name, listed in MACHINERY.items()}
    shared = {w for listed in (*writes.values(), _BY_THE_MANAGER) for w in listed}
    writes[CONTROLLER_MANAGER] = tuple(sorted(shared))
    table = ", ".join(f"'{user}': {texts(listed)}" for user, listed in writes.items())
    user = "request.userInfo.username"
    return Condition(
        "not-machinery",
        f"{user} != '{API_SERVER}'"
        f" && !({user} == '{KUBE_SYSTEM}{_EMPTIES}' && request.operation == 'DELETE')"
        f" && !({_REQUEST} in {{{table}}}[?{user}].orValue([]))",
    )


_REQUEST = (
    "(request.operation + ' ' + request.resource.resource"
    " + (has(request.subResource) ? '/' + request.subResource : ''))"
)


def not_at_start() -> Condition:
    """Not the API server itself: it ends when it cannot write its own roles at its start."""
    return Condition("not-the-api-server", f"request.userInfo.username != '{API_SERVER}'")


def not_kubelet() -> Condition:
    """Not a node: the kubelet asks for the token of every pod that it starts."""
    return Condition("not-a-node", "!('system:nodes' in request.userInfo.groups)")


def not_the_scheduler() -> Condition:
    """Not the cluster's own scheduler: pods get their nodes while no webhook answers."""
    return Condition("not-the-scheduler", "request.userInfo.username != 'system:kube-scheduler'")


def changes_something(free: Iterable[str]) -> Condition:
    """Not an update that leaves what is judged as it was, such as a finalizer that is removed.

    ``free`` are keys of annotations that may change on a pod.
    """
    fields = sorted({row.template[0] for row in WORKLOAD_KINDS if row.template} | {"rules", "spec"})
    same = [f"object.?{name} == oldObject.?{name}" for name in fields]
    same += ["object.metadata.?labels == oldObject.metadata.?labels", _same_notes(sorted(free))]
    return Condition(
        "changes-something", f"request.operation != 'UPDATE' || !({' && '.join(same)})"
    )


def changes_more_than_notes() -> Condition:
    """Not an update of a pod's or a namespace's annotations or status alone.

    Network plug-ins and distributions write annotations of their own before a pod can start.  An
    owner that is not there lets the garbage collector delete the object, and a finalizer keeps it.
    """
    noted = ("labels", "ownerReferences", "finalizers")
    changes = "".join(f" || object.metadata.?{f} != oldObject.metadata.?{f}" for f in noted)
    return Condition(
        "changes-more-than-notes",
        "request.operation != 'UPDATE' || !(request.resource.resource in ['namespaces', 'pods'])"
        f" || object.?spec != oldObject.?spec{changes}",
    )


def installs(name: str) -> Condition:
    """The creation of the webhook's own Deployment or Service."""
    return Condition("installs", _installs(name))


def installs_nothing(name: str) -> Condition:
    """Everything else: the reverse of ``installs``."""
    return Condition("installs-nothing", f"!({_installs(name)})")


def _installs(name: str) -> str:
    return (
        "request.operation == 'CREATE' && request.resource.resource in ['deployments', 'services']"
        f" && !has(request.subResource) && object.metadata.?name.orValue('') == '{name}'"
    )


def _same_notes(free: Sequence[str]) -> str:
    new, old = "object.metadata.?annotations", "oldObject.metadata.?annotations"
    if not free:
        return f"{new} == {old}"
    is_free = f"(request.resource.resource == 'pods' && k in {texts(free)})"
    return (
        f"{new}.orValue({{}}).all(k, {is_free} || {new}[?k] == {old}[?k])"
        f" && {old}.orValue({{}}).all(k, {is_free} || k in {new}.orValue({{}}))"
    )


def is_token() -> Condition:
    """Of Secrets only those that get an account's token: no other is sent to anybody."""
    return Condition(
        "is-a-token",
        "request.resource.resource != 'secrets'"
        " || (has(object.type) && object.type == 'kubernetes.io/service-account-token')",
    )


def binds_an_agent(namespaces: Iterable[str]) -> Condition:
    """A binding that could reach an account of a namespace with agents, by any kind of subject.

    An account without a namespace is one of the binding's own.  Each subject is held against the
    namespaces once: the API server bounds what an expression costs.
    """
    named = "s.name.startsWith('system:serviceaccount:') || s.name.startsWith('system:serviceaccounts:')"
    own = "has(request.namespace) ? request.namespace : ''"
    space = (
        f"s.kind == 'ServiceAccount' ? (s.?namespace.orValue('') != '' ? s.namespace : ({own}))"
        f" : ({named}) ? s.name.split(':')[2] : ''"
    )
    everybody = texts([ANONYMOUS, *EVERYBODY])
    subject = f"(({space}) in {texts(namespaces)}) || (s.kind != 'ServiceAccount' && s.name in {everybody})"
    return Condition(
        "binds-an-agent", f"has(object.subjects) && object.subjects.exists(s, {subject})"
    )


def held_by_agents(namespaces: Iterable[str], roles: Iterable[str]) -> Condition:
    """A role that agents have: one of these, of the compiler's own, or what everybody has.

    ``roles`` are names of ClusterRoles and ``namespace/name`` of Roles; ``*`` is all, and
    ``namespace/*`` all of a namespace.  The compiler names a role ``policyc-AGENT.NAMESPACE``, after the agent's own namespace.
    """
    return Condition("held-by-agents", _held(namespaces, roles))


def held_by_others(namespaces: Iterable[str], roles: Iterable[str]) -> Condition:
    """Every other role: the reverse of ``held_by_agents``."""
    return Condition("held-by-others", f"!({_held(namespaces, roles)})")


def _held(namespaces: Iterable[str], roles: Iterable[str]) -> str:
    name = "object.metadata.?name.orValue('')"
    # A request about what has no namespace has no such key.
    space = "(has(request.namespace) ? request.namespace + '/' : '')"
    return (
        f"['*', {space} + '*', {space} + {name}].exists(x, x in {texts(sorted({*BOUND_TO_EVERYBODY, *roles}))})"
        f" || ({name}.startsWith('policyc-')"
        f" && {texts(namespaces)}.exists(n, {name}.endsWith('.' + n)))"
    )


def peers_labels(keys: Iterable[str]) -> Condition:
    """A namespace that gets, changes or loses a label with one of the keys; ``*`` is any."""
    return Condition("peers-labels", _labelled(keys))


def other_labels(keys: Iterable[str]) -> Condition:
    """Every other change of a namespace, and what is none: the reverse of ``peers_labels``."""
    return Condition("other-labels", f"!({_labelled(keys)})")


def _labelled(keys: Iterable[str]) -> str:
    new, old = "object.metadata.?labels", "oldObject.metadata.?labels"
    return (
        "request.resource.resource == 'namespaces' && "
        f"{texts(sorted(keys))}.exists(k, request.operation != 'UPDATE'"
        f" ? k == '*' || k in {new}.orValue({{}})"
        f" : k == '*' ? {new} != {old} : {new}[?k] != {old}[?k])"
    )


def takes_addresses() -> Condition:
    """A Service that begins to name addresses as its own that the cluster did not give it."""
    return Condition("takes-addresses", _TAKES)


def takes_no_address() -> Condition:
    """Every other Service, its status, and what is none."""
    return Condition(
        "takes-no-address",
        f"request.resource.resource != 'services' || has(request.subResource) || !({_TAKES})",
    )


_TAKES = (
    "object.?spec.?externalIPs.orValue([]).exists(a, request.operation != 'UPDATE'"
    " || !(a in oldObject.?spec.?externalIPs.orValue([])))"
)


def not_controllers() -> Condition:
    """Not a node, nor the controllers that roll the webhook itself out, also where they share one user.

    By their own names: a token of any other account of kube-system, such as one that a pod has,
    is nobody's who has to be there before the webhook.
    """
    users = [API_SERVER, CONTROLLER_MANAGER, *(KUBE_SYSTEM + name for name in sorted(_OF_MANAGER))]
    return Condition(
        "not-a-controller",
        f"!(request.userInfo.username in {texts(users)})"
        " && !('system:nodes' in request.userInfo.groups)",
    )


def not_renewers(users: Iterable[str], secret: str) -> Condition:
    """Not those who renew the webhook's certificate: its Secret, and those that they make for it.

    cert-manager keeps a new key in a Secret whose name begins with that of the Certificate and a
    hyphen, and deletes it (https://cert-manager.io/docs/reference/api-docs/, nextPrivateKeySecretName).
    """
    return Condition(
        "not-a-renewer",
        f"!(request.userInfo.username in {texts(sorted(users))}"
        " && request.resource.resource == 'secrets'"
        f" && (request.operation == 'UPDATE' && request.name == '{secret}'"
        f" || request.name.startsWith('{secret}-')))",
    )


def not_operators(users: Iterable[str]) -> Condition:
    """Not those who may repair the webhook while it does not answer."""
    return Condition("not-an-operator", f"!(request.userInfo.username in {texts(sorted(users))})")
