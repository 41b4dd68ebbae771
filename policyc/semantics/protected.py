"""The protected set as regions: what is taken out of everything written with a pattern."""

from __future__ import annotations

from functools import cache

from policyc.catalog.protected import (
    METADATA_ADDRESSES,
    METADATA_HOSTS,
    PROTECTED_PATHS,
    PROTECTED_TREES,
)
from policyc.envelope.domains import EGRESS_HOST, EGRESS_IP, FILES
from policyc.envelope.region import Region


@cache
def protected() -> dict[str, Region]:
    """The protected points of each domain that has any."""
    return {
        "egress_ip": EGRESS_IP.written({"address": METADATA_ADDRESSES}),
        "egress_host": EGRESS_HOST.written({"host": METADATA_HOSTS}),
        "files": FILES.written({"path": [*PROTECTED_PATHS, *PROTECTED_TREES]}),
    }


def without_protected(region: Region) -> Region:
    """The region less the protected points of its domain, unless it names nothing else.

    A pattern that lies within the protected set (the token folder itself, a metadata
    address) names it: nobody writes that by accident.
    """
    taken = protected().get(region.domain.name)
    return region if taken is None or region <= taken else region - taken
