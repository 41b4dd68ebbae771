"""Pods of agents with something odd about them, as Hypothesis draws them."""

from __future__ import annotations

import copy

from hypothesis import strategies as st

from policyc.admission.fields import SCHEMAS
from support.admission import Json, pod
from support.pod_fields import BAD, any_value, put
from support.pod_schema import committed

SERVER = committed()["schemas"]
FIELDS = [(schema, name) for schema, lines in SCHEMAS.items() for name in lines]
CONTEXT = """allowPrivilegeEscalation capabilities readOnlyRootFilesystem runAsNonRoot runAsUser
seccompProfile appArmorProfile privileged""".split()

texts = st.text(st.characters(codec="utf-8"), max_size=6)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def odd_pods(draw: st.DrawFn) -> Json:
    """A compliant pod after some edits: values absent, null, bad, of the server's type, or anything."""
    body = pod(draw(st.sampled_from(("research", "summary"))))
    containers = body["spec"]["containers"]
    if draw(st.booleans()):
        containers.append({**copy.deepcopy(containers[0]), "name": "more"})
    if draw(st.booleans()):
        body["spec"]["initContainers"] = [{**copy.deepcopy(containers[0]), "name": "init"}]
    for _ in range(draw(st.integers(0, 4))):
        _drop(draw, body)
    for _ in range(draw(st.integers(0, 3))):
        _set(draw, body)
    return body


def _drop(draw: st.DrawFn, body: Json) -> None:
    """Take away, or null, what makes the pod compliant."""
    spec = body["spec"]
    listed = [
        c
        for key in ("containers", "initContainers")
        for c in (spec[key] if isinstance(spec.get(key), list) else ())
        if isinstance(c, dict)
    ]
    contexts = [c["securityContext"] for c in listed if isinstance(c.get("securityContext"), dict)]
    owners = [body["metadata"], spec, *listed, *contexts]
    if isinstance(spec.get("securityContext"), dict):
        owners.append(spec["securityContext"])
    owner = draw(st.sampled_from([o for o in owners if o]))
    key = draw(st.sampled_from(sorted(owner)))
    if key in ("name", "namespace", "serviceAccountName", "containers", "initContainers", "image"):
        return
    if draw(st.booleans()):
        owner[key] = None
    else:
        del owner[key]


def _set(draw: st.DrawFn, body: Json) -> None:
    schema, name = draw(st.sampled_from(FIELDS))
    bad = BAD.get(f"{schema}.{name}", ("", None, ""))[1]
    value = draw(st.sampled_from((any_value(SERVER[schema][name]), bad)) | json_values)
    try:
        put(body["spec"], schema, name, copy.deepcopy(value))
    except (TypeError, AttributeError, KeyError, IndexError):
        return  # an earlier edit made the way something else
