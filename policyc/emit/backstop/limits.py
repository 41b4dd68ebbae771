"""What an API server takes of an admission policy: expressions and objects have a greatest size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policyc.core.canonical import canonical_json
from policyc.emit.base import Artifact

EXPRESSION_CHARACTERS = 100_000
"""cel-go's parser takes no more code points (ExpressionSizeCodePointLimit, its default)."""
OBJECT_BYTES = 3 << 19
"""1.5 MiB, etcd's limit of one request (``--max-request-bytes``, its default)."""


def beyond(artifact: Artifact) -> Iterator[str]:
    """What is too large in an object that is applied, one sentence each; nothing when all fits."""
    document: Any = artifact.document  # a policy or a binding, as it was made
    for variable in document["spec"].get("variables", ()):
        size = len(variable["expression"])
        if size > EXPRESSION_CHARACTERS:
            limit = f"an API server takes {EXPRESSION_CHARACTERS:,}"
            yield f"the variable `{variable['name']}` has {size:,} characters; {limit}"
    size = len(canonical_json(document))
    if size > OBJECT_BYTES:
        yield f"it takes {size:,} bytes; etcd takes {OBJECT_BYTES:,} by default"
