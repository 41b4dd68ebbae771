"""Tokens: an agent has one for the API where its envelope uses the API, and nobody else has it."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.bundle import Agent
from policyc.admission.case import Case
from policyc.admission.checks.scope import of_agents, of_kinds, of_resources, of_words
from policyc.admission.pods import Pod
from policyc.admission.request import Object, Operation
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding
from policyc.admission.view import annotations_of
from policyc.core.canonical import Json
from policyc.envelope.domains import IDENTITY

NODES = "system:nodes"
TOKEN_SECRET = "kubernetes.io/service-account-token"  # noqa: S105  # the name of a type
_ACCOUNT = "kubernetes.io/service-account.name"
_CLOUDS = {"sts.amazonaws.com": "aws", "api://AzureADTokenExchange": "azure"}
"""Audience -> provider: documentation of EKS (IAM roles for service accounts) and of Microsoft
Entra Workload ID.  GKE's audience is PROJECT.svc.id.goog (Workload Identity Federation)."""


def uses_api(agent: Agent) -> bool:
    """Whether the envelope permits any request to the API server."""
    domains = agent.envelope.domains
    return bool(domains["kube"] or domains["kube_url"])


@of_agents
def automount(case: Case) -> Iterator[Finding]:
    """Kubernetes mounts a token unless the pod, or else the account, says not to."""
    bound = case.bound
    if bound is None:
        return
    pod, agent = bound
    if uses_api(agent):
        return
    wanted = pod.spec.get("automountServiceAccountToken")
    if wanted is None:
        space, _, name = agent.envelope.subject.service_account.partition("/")
        account = case.view.get("", "ServiceAccount", space, name)
        wanted = account.get("automountServiceAccountToken") if account is not None else None
    if wanted is not False:
        yield case.finding(
            "TOKEN_MOUNT",
            "the pod would get a token for the API, which the envelope does not use: "
            "`automountServiceAccountToken` is not false",
            pod.at("spec.automountServiceAccountToken"),
        )


@of_words
def token_volumes(case: Case) -> Iterator[Finding]:
    """A projected token is a token, whatever `automountServiceAccountToken` says."""
    bound = case.bound
    if bound is None:
        return
    pod, agent = bound
    for path, volume, source in _projections(pod, "serviceAccountToken"):
        token = source["serviceAccountToken"]
        if isinstance(token, dict) and not _may_have(case, agent, token.get("audience")):
            text = f"{_title(volume)} has a token for audience {shown(token.get('audience') or '')}"
            yield case.finding("TOKEN_VOLUME", text, f"{path}.serviceAccountToken")


def _may_have(case: Case, agent: Agent, audience: Json) -> bool:
    """The API server's own audience, that of a cloud where the agent has an identity, or a free one."""
    if not audience:
        return uses_api(agent)
    if not isinstance(audience, str):
        return False
    if audience in case.settings.token_audiences:
        return True
    provider = "gke" if audience.endswith(".svc.id.goog") else _CLOUDS.get(audience)
    if provider is None:
        return False
    return bool(agent.envelope.domains["identity"] & IDENTITY.written({"provider": provider}))


@of_words
def secret_volumes(case: Case) -> Iterator[Finding]:
    """Secrets are never read here, and any may hold a token: those that may be mounted are named."""
    bound = case.bound
    if bound is None:
        return
    pod, _ = bound
    found: list[tuple[str, str, Json]] = []
    for path, volume in pod.volumes:
        source = volume.get("secret")
        if isinstance(source, dict):
            found.append((f"{path}.secret", _title(volume), source.get("secretName")))
    for path, volume, projection in _projections(pod, "secret"):
        source = projection["secret"]
        if isinstance(source, dict):
            found.append((f"{path}.secret", _title(volume), source.get("name")))
    for path, owner, name in found:
        if f"{case.request.namespace}/{name}" not in case.settings.secret_volumes:
            text = f"{owner} mounts secret {shown(name)}, which may hold a token"
            yield case.finding("SECRET_VOLUME", text, path)


def _projections(pod: Pod, kind: str) -> Iterator[tuple[str, Object, Object]]:
    """Path, volume and body of each source of a kind in each projected volume."""
    for path, volume in pod.volumes:
        projected = volume.get("projected")
        sources = projected.get("sources") if isinstance(projected, dict) else None
        for i, source in enumerate(sources if isinstance(sources, list) else ()):
            if isinstance(source, dict) and kind in source:
                yield f"{path}.projected.sources[{i}]", volume, source


def _title(volume: Object) -> str:
    return f"volume `{volume.get('name')}`"


@of_resources({"serviceaccounts"})
def requested_tokens(case: Case) -> Iterator[Finding]:
    """A token that anybody asks for in an agent's name; nodes ask for those of their pods."""
    asked = case.request
    if (asked.resource, asked.subresource) != ("serviceaccounts", "token"):
        return
    agent = case.bundle.by_account.get(f"{asked.namespace}/{asked.name}")
    if agent is None or NODES in asked.groups or asked.user in case.settings.operators:
        return
    text = f"`{asked.user}` would get a token of agent `{agent.name}`"
    yield Finding("TOKEN_REQUEST", text, agent=agent.name, is_ratcheted=False)


@of_kinds({("", "Secret")})
def token_secrets(case: Case) -> Iterator[Finding]:
    """A Secret of the token type is filled with a token that does not expire."""
    asked = case.request
    body = asked.object
    if (asked.group, asked.kind) != ("", "Secret") or body is None:
        return
    if body.get("type") != TOKEN_SECRET or asked.operation is Operation.CONNECT:
        return
    account = annotations_of(body).get(_ACCOUNT, "")
    agent = case.bundle.by_account.get(f"{asked.namespace}/{account}")
    if agent is not None and asked.user not in case.settings.operators:
        text = f"the Secret would hold a token of agent `{agent.name}`"
        yield Finding("TOKEN_REQUEST", text, f"metadata.annotations['{_ACCOUNT}']", agent.name)


CHECKS = (automount, token_volumes, secret_volumes, requested_tokens, token_secrets)
