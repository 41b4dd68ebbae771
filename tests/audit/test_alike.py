"""An object is written out as canonical JSON, whether or not its spec was before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.admission import Json, in_kind, pod
from support.odd_pods import json_values, odd_pods

from policyc.admission.pods import pod_in
from policyc.audit import alike
from policyc.audit.alike import canonical_object
from policyc.core.canonical import canonical_json
from policyc.kube.workloads import WORKLOAD_KINDS


@given(st.dictionaries(st.sampled_from(("spec", "kind", "metadata", "\u00e4", "a")), json_values))
def test_of_any_object(body: Json) -> None:
    for _ in range(2):
        assert canonical_object(body) == canonical_json(body)


@given(odd_pods(), st.sampled_from(WORKLOAD_KINDS))
def test_of_odd_pods(body: Json, row: Json) -> None:
    made = in_kind(row, body)
    assert canonical_object(made) == canonical_json(made)
    for _ in range(2):
        assert canonical_object(made, pod_in(row.group, row.kind, made)) == canonical_json(made)


NAMES = st.sampled_from(("abcde", "fghij", "", '"', "\\", "\u00e4", "volumes", "a b"))


@given(NAMES, NAMES, st.booleans())
def test_of_replicas(one: str, other: str, is_escaped: bool) -> None:
    """Two that differ in the name of the token's volume only, and speak of it elsewhere too."""
    for ending in (one, other, one):
        body = pod()
        name = f"kube-api-access-{ending}"
        said = f'"name":"kube-api-access-{one}"' if is_escaped else f"kube-api-access-{one}"
        body["spec"]["volumes"] = [{"name": name, "projected": {}}, {"name": said}]
        first = body["spec"]["containers"][0]
        first["volumeMounts"] = [{"name": name}, {"name": said, "mountPath": name}]
        first["args"] = [said, name]
        made = pod_in("", "Pod", body)
        assert made is not None and made.token == name
        assert canonical_object(body, made) == canonical_json(body)


def test_what_python_takes_for_equal_is_told_apart() -> None:
    for value in (1, True, "1", 0, False, None, [], {}):
        body = {**pod(), "spec": {"a": value}}
        assert canonical_object(body) == canonical_json(body)


def test_a_long_or_deep_spec() -> None:
    deep: Json = {}
    for _ in range(700):
        deep = {"a": deep}
    for spec in ({"a": "x" * 100_000}, deep):
        assert canonical_object({"spec": spec}) == canonical_json({"spec": spec})


def test_what_is_kept_stays_small() -> None:
    for i in range(2 * alike._MOST):
        body: Json = {"spec": {"a": i, "b": "x" * (8 * alike._LONGEST if i % 2 else 1)}}
        assert canonical_object(body) == canonical_json(body)
        assert len(alike._written) <= alike._MOST
        assert all(len(words) <= alike._LONGEST for words in alike._written)
