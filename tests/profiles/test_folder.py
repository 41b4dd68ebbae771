"""A folder of profiles: each subject has its file, and nothing that was there is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyc.core.errors import PolicycError
from policyc.profiles.agent_profile import name_of
from policyc.profiles.base import AgentProfile, Run, WorkloadKey, join_profiles
from policyc.profiles.folder import write_profiles
from policyc.profiles.registry import read_profiles
from recorder.profile import Workload


def profile(namespace: str, name: str, run: str = "r") -> AgentProfile:
    key = WorkloadKey("apps/v1", "Deployment", namespace, name, "main")
    return AgentProfile(key, "", "test", "1", (Run(run),), {})


def read(paths: list[Path]) -> list[AgentProfile]:
    return [p for path in paths for p in read_profiles(path.name, path.read_bytes()).value]


def test_one_name_in_two_namespaces_is_two_files(tmp_path: Path) -> None:
    given_ = [profile("ns-a", "bot"), profile("ns-b", "bot")]
    paths = write_profiles(tmp_path, given_)
    assert [p.name for p in paths] == ["deployment-ns-a-bot-main.json", "deployment-ns-b-bot-main.json"]  # fmt: skip
    assert read(paths) == given_


def test_subjects_whose_names_run_together_are_numbered(tmp_path: Path) -> None:
    given_ = [profile("b", "c-a"), profile("b-c", "a")]
    paths = write_profiles(tmp_path, given_)
    assert [p.name for p in paths] == ["deployment-b-c-a-main.json", "deployment-b-c-a-main-2.json"]
    assert read(paths) == given_
    assert write_profiles(tmp_path, reversed(given_)) == paths


@given(st.lists(st.tuples(*[st.text("ab-/.", min_size=1, max_size=4)] * 2), max_size=6))
def test_nothing_is_lost_whatever_the_names(
    tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("p")
    profiles = [profile(*pair) for pair in names]
    for each in profiles:
        write_profiles(folder, [each])
    found = read(sorted(folder.iterdir()))
    assert join_profiles(found) == join_profiles(profiles)
    assert len(found) == len(set(names))


def test_a_second_import_joins_the_first(tmp_path: Path) -> None:
    write_profiles(tmp_path, [profile("ns", "bot", "one")])
    (path,) = write_profiles(tmp_path, [profile("ns", "bot", "two")])
    (joined,) = read([path])
    assert [run.id for run in joined.runs] == ["one", "two"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"kind": "AgentProfile"}', "\xff"])
def test_what_is_no_profile_is_not_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "deployment-ns-bot-main.json"
    path.write_text(content)
    with pytest.raises(PolicycError) as failure:
        write_profiles(tmp_path, [profile("ns", "bot")])
    assert failure.value.code == "PC7052"
    assert path.read_text() == content


@pytest.mark.parametrize("namespace", ["demo", "n" * 300])
def test_a_profile_is_called_what_the_recorder_calls_it(namespace: str) -> None:
    recorded = Workload("apps/v1", "Deployment", namespace, "bot", "main").slug
    assert name_of(profile(namespace, "bot")) == recorded


def test_a_name_is_the_one_that_the_document_bears(tmp_path: Path) -> None:
    (path,) = write_profiles(tmp_path, [profile("ns", "bot")])
    assert json.loads(path.read_bytes())["metadata"]["name"] == path.stem
