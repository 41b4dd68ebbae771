"""The repository that `policyc init` writes works as it is: installed from wheels, its pipelines run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.wheelhouse import wheelhouse

import policyc
from policyc.cli.main import Exit, main
from policyc.core.errors import PolicycError
from policyc.kube.yaml import load
from policyc.pipeline.starter import starter, write_starter
from policyc.testing.broken import BrokenLawError
from policyc.testing.caps import cap_within
from policyc.testing.root import PolicyRoot

Json = Any  # pipelines as read
DAY = date(2026, 9, 1)
CAP = "egress tcp 443 to host *.example.com"


@dataclass(frozen=True)
class Repository:
    """A clone of a written repository, in a fresh environment."""

    folder: Path
    env: dict[str, str]

    def run(self, script: str, shell: tuple[str, ...] = ("bash", "-e")) -> tuple[int, str]:
        """A script as a pipeline runs it: its exit code, and all that it said."""
        done = subprocess.run(
            [*shell, "-c", script], cwd=self.folder, env=self.env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def write(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (self.folder / path).write_text(text.replace(old, new), encoding="utf-8")

    def yaml(self, path: str) -> Json:
        return load((self.folder / path).read_bytes())


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Written, pushed and cloned; what pip installs comes from wheels of this very tree."""
    home = tmp_path_factory.mktemp("init")
    wheels = wheelhouse(home, "testing", "prove")
    known = ("PATH", "LANG", "TMPDIR")
    env = {name: os.environ[name] for name in known if name in os.environ}
    env |= {"HOME": str(home), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PYTHON": sys.executable}  # fmt: skip
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    upstream = Repository(home / "upstream", env)
    write_starter(upstream.folder, DAY)
    commit = "git -c user.name=a -c user.email=a@corp.example commit --quiet --message first"
    assert upstream.run(f"git init --quiet --initial-branch main && git add . && {commit}")[0] == 0
    made = subprocess.run(["git", "clone", "--quiet", upstream.folder, home / "clone"], check=False)
    assert made.returncode == 0
    return Repository(home / "clone", env)


@pytest.fixture
def change(repository: Repository) -> Iterator[Repository]:
    """The repository, which is as it was afterwards."""
    yield repository
    assert repository.run("git checkout --quiet . && git clean --quiet -d --force")[0] == 0


def test_the_pin_is_this_version(repository: Repository) -> None:
    makefile = (repository.folder / "Makefile").read_text(encoding="utf-8")
    assert f"REQUIREMENT ?= policyc[testing,prove]=={policyc.__version__}\n" in makefile
    assert not [path for path, data in starter(DAY).items() if b"@VERSION@" in data]


def test_the_next_step_names_a_wheel(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No index has policyc: the printed line and the README name what to install."""
    assert main(["init", str(tmp_path / "new")]) == Exit.CLEAN
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith(f"next: cd {tmp_path / 'new'} && git init && make check REQUIREMENT=")
    wheel = said.partition("'PATH/")[2].partition("[")[0]
    assert (Path(repository.env["PIP_FIND_LINKS"]) / wheel).is_file()
    for page in ("README.md", "Makefile"):
        assert f"REQUIREMENT='PATH/{wheel}[testing,prove]'" in (tmp_path / "new" / page).read_text()


def test_every_step_of_the_github_workflow_is_green(repository: Repository) -> None:
    workflow = repository.yaml(".github/workflows/policies.yml")
    assert set(workflow) == {"name", "on", "permissions", "jobs"}
    assert set(workflow["on"]) == {"push", "pull_request"}
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert set(job) == {"runs-on", "timeout-minutes", "steps"}
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert [len(name.partition("@")[2]) for name in used] == [40, 40]  # pinned by commit
    scripts = [step["run"] for step in job["steps"] if "run" in step]
    assert len(scripts) == 2 and len(used) + len(scripts) == len(job["steps"])
    pull = Repository(repository.folder, {**repository.env, "GITHUB_BASE_REF": "main"})
    for script in scripts:
        code, said = pull.run(script)
        assert code == 0, said


def test_every_script_of_the_gitlab_pipeline_is_green(repository: Repository) -> None:
    pipeline = repository.yaml(".gitlab-ci.yml")
    words = {"workflow", "default", "variables"}
    jobs = {name: job for name, job in pipeline.items() if name not in words}
    assert set(jobs) == {"check", "diff"}
    _, base = repository.run("git rev-parse HEAD")
    merge = {**repository.env, "CI_MERGE_REQUEST_DIFF_BASE_SHA": base.strip()}
    for job in jobs.values():
        assert set(job) <= {"script", "rules"}
        code, said = Repository(repository.folder, merge).run(
            "\n".join(job["script"]), ("sh", "-e")
        )
        assert code == 0, said


def test_every_hook_is_green(repository: Repository) -> None:
    """As pre-commit runs a hook of `language: system`: its entry, without a shell."""
    (repo,) = repository.yaml(".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"
    for hook in repo["hooks"]:
        assert (hook["language"], hook["pass_filenames"]) == ("system", False)
        done = subprocess.run(
            shlex.split(hook["entry"]), cwd=repository.folder, env=repository.env,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    assert repository.run("git status --porcelain") == (0, "")


def test_the_other_targets_run(change: Repository) -> None:
    for target in ("compile", "fmt"):
        code, said = change.run(f"make {target}")
        assert code == 0, said
    assert change.run("git status --porcelain") == (0, "")


def test_a_widened_cap_is_red_with_its_reason(change: Repository) -> None:
    change.write("policies/assistants.agentpol", CAP, "egress tcp 443 to anywhere")
    code, said = change.run("make check")
    assert code == 2, said
    assert (
        "error[PC7072]: the cap of agent `notes` goes beyond its review: in `egress_ip`, for one, "
        "`protocol tcp, address 192.0.2.1/32, port 443`\n"
    ) in said
    assert "assistants.agentpol:21:5" in said and "egress tcp 443 to anywhere" in said


@pytest.mark.parametrize(
    ("old", "new", "domain"),
    [
        (CAP, f"{CAP}, host *.example.net", "egress_host"),
        (CAP, "egress tcp 80-443 to host *.example.com", "egress_host"),
        ('exec "/usr/**"', 'exec "/usr/**", "/bin/**"', "exec"),
        ('exec "/usr/**"', 'exec "/usr/**"\n    kube get on configmaps', "kube"),
        ("syscalls profile runtime-default", "syscalls profile all", "syscalls"),
        ("service-account notes/notes", "service-account *", "identity"),
    ],
)
def test_any_widening_of_the_cap_is_found(tmp_path: Path, old: str, new: str, domain: str) -> None:
    for path, data in starter(DAY).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    written = tmp_path / "policies" / "assistants.agentpol"
    text = written.read_text(encoding="utf-8")
    asked = re.findall(r"^        ['\"](.+)['\"],$", (tmp_path / "tests/test_policies.py").read_text(encoding="utf-8"), re.MULTILINE)  # fmt: skip
    assert len(asked) == 5
    cap_within(PolicyRoot(tmp_path / "policies", DAY).agents["notes"], *asked)
    assert text.count(f"    {old}\n") + text.count(f" {old}\n") >= 1
    written.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BrokenLawError, match=f"beyond its review: in `{domain}`"):
        cap_within(PolicyRoot(tmp_path / "policies", DAY).agents["notes"], *asked)


def test_a_wider_agent_needs_an_approval(change: Repository) -> None:
    line = '  allow egress tcp 443 to host hooks.example.com because "N-2: it posts them"\n'
    change.write("policies/assistants.agentpol", "  stage audit\n", f"  stage audit\n{line}")
    assert change.run("make compile")[0] == 0
    code, said = change.run("make check && make diff")
    assert code == 2 and "PC3184" in said and "hooks.example.com" in said, said


def test_a_folder_with_something_in_it_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    assert main(["init", str(tmp_path)]) == Exit.BAD_INPUT
    assert f"error[PC7070]: `{tmp_path}` is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
    with pytest.raises(PolicycError, match="is not a folder"):
        write_starter(tmp_path / "manifest.json", DAY)


def test_all_is_written_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(PolicycError) as caught:
        write_starter(tmp_path / "file" / "below", DAY)
    assert caught.value.code in ("PC7050", "PC7053")
    empty = tmp_path / "empty"
    empty.mkdir()
    files = write_starter(empty, DAY)
    there = {
        p.relative_to(empty).as_posix(): p.read_bytes() for p in empty.rglob("*") if p.is_file()
    }
    assert there == files
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "file"]


def test_the_day_changes_nothing() -> None:
    assert starter(DAY) == starter(date(2031, 1, 1))
