"""ValidatingAdmissionPolicies of a whole build, for each stage, as objects and as static files.

The part of admission that CEL can say, so that losing the webhook does not lose it
(https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/, 1.36).
The static form is read by the API server from a folder and cannot be changed through the
API (KEP-5793, alpha in 1.36).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from policyc.emit.backstop.access import bindings_policy, texts_on_bindings
from policyc.emit.backstop.document import binding
from policyc.emit.backstop.parts import PART_BYTES, parts
from policyc.emit.backstop.pods import pods_policy, texts_on_pods
from policyc.emit.backstop.row import FOLDER, STATIC, Row
from policyc.emit.base import Artifact

_Make = Callable[[str, str, Sequence[Row]], Artifact]
_Texts = Callable[[Row], Iterable[str]]
_ABOUT: tuple[tuple[str, _Make, _Texts], ...] = (
    ("", pods_policy, texts_on_pods),
    ("access-", bindings_policy, texts_on_bindings),
)
"""How names of policies begin, what makes one of a path, a name and rows, and of which texts."""


def backstop(rows: Iterable[Row], part_bytes: int = PART_BYTES) -> tuple[Artifact, ...]:
    """The policies and their bindings for every stage that an agent has, in both forms, by path."""
    known = sorted(rows)
    made: list[Artifact] = []
    for stage in sorted({row.stage for row in known}):
        mine = [row for row in known if row.stage == stage]
        for what, make, part in _policies(stage, mine, part_bytes):
            for folder, suffix in ((FOLDER, ""), (f"{FOLDER}/{STATIC}", ".static.k8s.io")):
                name = f"policyc-{what}{suffix}"
                made.append(make(f"{folder}/admission-policy-{what}.yaml", name, part))
                path = f"{folder}/admission-policy-binding-{what}.yaml"
                made.append(binding(path, name, stage))
    return tuple(sorted(made, key=lambda artifact: artifact.path))


def _policies(
    stage: str, rows: Sequence[Row], part_bytes: int
) -> Iterator[tuple[str, _Make, Sequence[Row]]]:
    """What a policy is called, what makes it, and the agents that it holds."""
    for begin, make, texts in _ABOUT:
        for number, part in enumerate(parts(rows, texts, part_bytes), 1):
            yield f"{begin}{stage}{f'-{number}' if number > 1 else ''}", make, part
