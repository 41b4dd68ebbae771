"""A bill of materials beside each image: CycloneDX 1.6, JSON.

Specification: https://cyclonedx.org/docs/1.6/json/ (ECMA-424, 2024); package URLs:
https://github.com/package-url/purl-spec (2024).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from .archive import RELEASE, Package
from .lock import Choice

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json] | None"


def bill(name: str, digest: str, epoch: int, debian: Choice, site: Path) -> dict[str, Json]:
    """The document for an image.

    Args:
        name: The image's.
        digest: Of its manifest, ``sha256:...``.
        epoch: Seconds; what the image is dated with.
        debian: The packages of Debian.
        site: The folder of installed Python distributions.

    """
    found: list[dict[str, Json]] = [
        *(_debian(package, debian.newer.get(package.name)) for package in debian.packages),
        *map(_python, distributions(path=[str(site)])),
    ]
    components = sorted(found, key=_reference)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # The same image has the same bill.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{name}@{digest}')}",
        "version": 1,
        "metadata": {
            "timestamp": dt.datetime.fromtimestamp(epoch, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "bom-ref": f"pkg:oci/{name}@{quote(digest, safe='')}",
                "type": "container",
                "name": name,
                "version": digest,
                "purl": f"pkg:oci/{name}@{quote(digest, safe='')}",
            },
        },
        "components": components,
    }


def _reference(component: Mapping[str, Json]) -> str:
    return str(component["bom-ref"])


def _debian(package: Package, locked: str | None) -> dict[str, Json]:
    """``locked``: the version that the lock has instead, of a package that is newer."""
    qualifiers = f"arch={package.architecture}&distro={RELEASE}"
    purl = f"pkg:deb/debian/{quote(package.name, safe='')}@{quote(package.version, safe='')}?{qualifiers}"
    return {
        "bom-ref": purl,
        "type": "library",
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": package.sha256}],
        "properties": [
            {"name": "debian:source", "value": package.source},
            *([{"name": "policyc:locked", "value": locked}] if locked else ()),
        ],
    }


def _python(found: Distribution) -> dict[str, Json]:
    text = found.read_text("METADATA")
    assert text is not None, "a distribution has metadata"
    metadata = HeaderParser().parsestr(text)
    name, version = str(metadata["Name"]), str(metadata["Version"])
    # PEP 503 names, as the purl specification asks for.
    purl = f"pkg:pypi/{name.lower().replace('_', '-').replace('.', '-')}@{quote(version, safe='')}"
    component: dict[str, Json] = {
        "bom-ref": purl,
        "type": "library",
        "name": name,
        "version": version,
        "purl": purl,
    }
    if expression := metadata["License-Expression"]:
        component["licenses"] = [{"expression": str(expression)}]
    return component
