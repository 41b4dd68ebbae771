"""Image references, read as container runtimes read them.

Source: github.com/distribution/reference v0.6, ``normalize.go`` and ``regexp.go``, and
github.com/opencontainers/go-digest v1.0, ``algorithm.go``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}")
_BARE_ID = re.compile(r"[a-f0-9]{64}")
_LONGEST_NAME = 255
_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Image:
    """``repository`` begins with the registry's host; ``tag`` and ``digest`` may be empty."""

    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def pinned(self) -> str:
        """``repository@digest``: the tag says nothing where there is a digest."""
        return f"{self.repository}@{self.digest}"


@lru_cache(maxsize=4096)
def image(written: str) -> Image:
    """The image that a reference names; ValueError when it is no reference.

    A cluster runs the same images again and again.
    """
    rest, at, digest = written.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ValueError(f"`{digest}` is no digest")
    slash = rest.rfind("/")
    name, colon, tag = rest[slash + 1 :].partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise ValueError(f"`{tag}` is no tag")
    if _BARE_ID.fullmatch(rest):
        raise ValueError("it is an identifier and no name")
    domain, path = _split(rest[: slash + 1] + name)
    if not _DOMAIN.fullmatch(domain) or not _PATH.fullmatch(path):
        raise ValueError("its name is no repository")
    repository = f"{domain}/{path}"
    if len(repository) > _LONGEST_NAME:
        raise ValueError(f"its name is longer than {_LONGEST_NAME} characters")
    return Image(repository, tag, digest)


def _split(name: str) -> tuple[str, str]:
    """Registry and path: the first part is a host when nothing else could be meant."""
    first, slash, rest = name.partition("/")
    is_host = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if not slash or not is_host:
        first, rest = _HUB, name
    if first == "index.docker.io":
        first = _HUB
    if first == _HUB and "/" not in rest:
        rest = f"library/{rest}"
    return first, rest
