"""Shadow agents: pods that look like agents and are registered as none.

Evidence has a weight; what reaches ``THRESHOLD`` is called an agent.  Names that only
agents use weigh that much alone.  The word "agent" in a name proves nothing (build agents,
monitoring agents), nor does ``dapr.io/app-id``, which any service with that sidecar has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from policyc.admission.extract.environment import listed
from policyc.admission.extract.files import files_of, is_tool_file, parsed, unescaped
from policyc.admission.extract.hosts import urls_in
from policyc.admission.extract.mcp_config import asks_in
from policyc.admission.extract.names import Meaning, meaning
from policyc.admission.pods import Pod
from policyc.admission.request import Object
from policyc.admission.view import View, key_of
from policyc.catalog.agent_signs import (
    BEDROCK_PREFIXES,
    FRAMEWORK_IMAGES,
    FRAMEWORK_WORDS,
    MODEL_HOST_SUFFIXES,
    MODEL_HOSTS,
    MODEL_KEYS,
    MODEL_NAMES,
    MODEL_PROVIDERS,
    PLATFORM_LABELS,
    TRACING_NAMES,
)
from policyc.core.canonical import Json

_CONFIG_MAPS = frozenset({("", "ConfigMap")})
STRONG = 3
WEAK = 1
HALF = 2
THRESHOLD = 3
_LONGEST_CACHED = 512
"""Of names and images: what is kept must not grow with what is sent."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sign, where it stands, and what it weighs."""

    what: str
    path: str
    weight: int


def evidence(pod: Pod, namespace: str, view: View) -> tuple[Evidence, ...]:
    """All signs that a pod is an agent's."""
    found: list[Evidence] = []
    for label, value in pod.labels.items():
        if label in PLATFORM_LABELS and PLATFORM_LABELS[label] in ("", value):
            found.append(Evidence(f"label `{label}`", pod.at("metadata.labels"), STRONG))
    for container in pod.containers():
        found += _of_container(container.body, container.path)
    for i, volume in enumerate(listed(pod.spec.get("volumes"))):
        found += _of_volume(volume, pod.at(f"spec.volumes[{i}]"), namespace, view)
    return tuple(found)


def score(found: tuple[Evidence, ...]) -> int:
    """The sum of the weights, each sign counted once."""
    return sum({e.what: e.weight for e in found}.values())


def _of_container(body: Object, path: str) -> Iterator[Evidence]:
    image = body.get("image")
    if isinstance(image, str) and (framework := _framework(image)):
        yield Evidence(f"image of {framework}", f"{path}.image", STRONG)
    for i, entry in enumerate(listed(body.get("env"))):
        name, value = entry.get("name"), entry.get("value")
        if isinstance(name, str):
            yield from _of_value(name, value if isinstance(value, str) else "", f"{path}.env[{i}]")
    for field in ("command", "args"):
        words = body.get(field)
        for i, word in enumerate(words if isinstance(words, list) else ()):
            if isinstance(word, str):
                yield from _of_word(word, f"{path}.{field}[{i}]")


def _of_value(name: str, value: str, path: str) -> Iterator[Evidence]:
    weight = _weight(name)
    if weight:
        yield Evidence(f"variable `{name}`", path, weight)
    if "." in value and (host := _model_host(value)):
        yield Evidence(f"model host `{host}`", path, STRONG)
    if value.lower().startswith(MODEL_NAMES) and meaning(name) is Meaning.MODEL:
        yield Evidence(f"model `{value[:40]}`", path, HALF)


def _of_word(word: str, path: str) -> Iterator[Evidence]:
    flag, _, value = word.partition("=")
    if flag.startswith("--") and meaning(flag) is Meaning.MCP:
        yield Evidence(f"flag `{flag}`", path, STRONG)
    if host := _model_host(value or word):
        yield Evidence(f"model host `{host}`", path, STRONG)


def _weight(name: str) -> int:
    """What the name of a variable weighs."""
    return _cached_weight(name) if len(name) <= _LONGEST_CACHED else _weighed(name)


@lru_cache(maxsize=4096)
def _cached_weight(name: str) -> int:
    return _weighed(name)


def _weighed(name: str) -> int:
    if name in MODEL_KEYS:
        return STRONG
    upper = name.upper()
    if upper.endswith(("_BASE_URL", "_API_BASE", "_OPENAI_ENDPOINT")):
        first = upper.partition("_")[0].lower()
        return STRONG if first in MODEL_PROVIDERS else 0
    means = meaning(name)
    if means is Meaning.MCP:
        return WEAK if upper.endswith("HOST") else STRONG
    if means is Meaning.TOOLS and upper.startswith(("AGENT_", "MCP_", "LLM_")):
        return STRONG
    if upper.startswith(("LLM_API_KEY", "LLM_MODEL", "LLM_PROVIDER")) or upper in TRACING_NAMES:
        return HALF
    return 0


def _model_host(text: str) -> str:
    """The host of a model's vendor in a URL or standing alone; empty when there is none."""
    urls = [rest for _, rest in urls_in(text)] if "://" in text else [text]
    for rest in urls:
        host = rest.partition("/")[0].rpartition("@")[2].partition(":")[0].lower().removesuffix(".")
        if host in MODEL_HOSTS or host.endswith(MODEL_HOST_SUFFIXES):
            return host
        if host.startswith(BEDROCK_PREFIXES) and host.endswith(".amazonaws.com"):
            return host
    return ""


def _framework(image: str) -> str:
    """The agent framework whose image it is; empty when it is none's."""
    return _cached_framework(image) if len(image) <= _LONGEST_CACHED else _named_framework(image)


@lru_cache(maxsize=4096)
def _cached_framework(image: str) -> str:
    return _named_framework(image)


def _named_framework(image: str) -> str:
    repository = image.partition("@")[0].lower()
    last = repository.rpartition("/")
    repository = f"{last[0]}/{last[2].partition(':')[0]}"
    for known in FRAMEWORK_IMAGES:
        if repository.endswith("/" + known):
            return known
    words = repository.replace("/", "-").replace("_", "-").replace(".", "-").split("-")
    return next((word for word in words if word in FRAMEWORK_WORDS), "")


def _of_volume(volume: Object, path: str, namespace: str, view: View) -> Iterator[Evidence]:
    source = volume.get("configMap")
    name = source.get("name") if isinstance(source, dict) else None
    body = view.get("", "ConfigMap", namespace, name) if isinstance(name, str) else None
    if body is not None and isinstance(name, str):
        for key in view.memo(("MCP files", key_of(body)), lambda: _mcp_files(body), _CONFIG_MAPS):
            yield Evidence(f"MCP configuration `{key}`", f"{path}.configMap", STRONG)


def _mcp_files(body: Object) -> tuple[str, ...]:
    found = []
    for key, text in files_of(body).items():
        is_likely = text is not None and (is_tool_file(key) or "mcp" in unescaped(text).lower())
        if is_likely and any(_has_servers(document) for document in parsed(text or "") or ()):
            found.append(key)
    return tuple(found)


def _has_servers(document: Json) -> bool:
    return any(ask.domain == "tools" and "ervers" in ask.path for ask in asks_in(document, ""))
