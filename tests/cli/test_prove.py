"""`prove`, `diff` and `why-not` as they are run: exit codes, forms, revisions, what they leave alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.console import root_with, run

CURL = 'allow exec "/usr/bin/curl" because "x"'
NO_CURL = '\nassert no-curl for every agent {\n  never exec "/usr/bin/curl"\n}\n'
DAY = ("--as-of", "2026-11-21")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root whose agent runs curl, in a git repository that holds it."""
    made = root_with(tmp_path, CURL, more=NO_CURL)
    policy = made / "demo.agentpol"
    policy.write_text(
        policy.read_text().replace("  cap {\n", '  cap {\n    exec "/usr/bin/**"\n', 1)
    )
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    return made


def git(folder: Path, *arguments: str) -> bytes:
    who = ("-c", "user.name=a", "-c", "user.email=a@corp.example")
    return subprocess.run(
        ["git", "-C", folder, *who, *arguments], check=True, capture_output=True
    ).stdout


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")


def edit(root: Path, old: str, new: str) -> None:
    policy = root / "demo.agentpol"
    text = policy.read_text()
    assert old in text
    policy.write_text(text.replace(old, new))


def answer(*args: str | Path) -> tuple[int, dict[str, list[dict[str, object]]]]:
    done = run(*args, *DAY, "--format", "json")
    return done.returncode, json.loads(done.stdout)


def codes(document: dict[str, list[dict[str, object]]]) -> list[object]:
    return [d["code"] for d in document["diagnostics"]]


# -- prove -------------------------------------------------------------------------------


def test_a_failing_assertion_is_a_finding_with_its_tuple(root: Path) -> None:
    code, document = answer("prove", root)
    (ruling,) = [r for r in document["rulings"] if not r["holds"]]
    assert (code, codes(document)) == (1, ["PC3143"])
    shown = ruling["counterexample"]
    assert isinstance(shown, dict)
    assert shown["point"] == {"path": "/usr/bin/curl"}
    assert ruling["level"] == "proved (exact)"
    place = document["diagnostics"][0]["place"]
    assert isinstance(place, dict)
    line = (root / "demo.agentpol").read_text().splitlines()[place["line"] - 1]
    assert CURL in line


def test_what_holds_is_clean(root: Path) -> None:
    edit(root, CURL, "")
    code, document = answer("prove", root)
    assert (code, codes(document)) == (0, [])
    assert all(r["holds"] for r in document["rulings"])
    assert len({r["claim"] for r in document["rulings"] if r["standard"]}) >= 40


def test_nothing_asserted_and_nobody_asserted_about_are_no_success(root: Path) -> None:
    edit(root, "every agent {", "every agent where stage == enforce {")
    assert answer("prove", root)[0] == 2
    edit(root, NO_CURL.replace("agent {", "agent where stage == enforce {"), "")
    code, document = answer("prove", root)
    assert (code, codes(document)) == (2, ["PC3141"])


@pytest.mark.parametrize(("day", "code"), [("2026-11-21", 0), ("2026-11-20", 1)])
def test_a_waiver_holds_through_its_day(root: Path, day: str, code: int) -> None:
    edit(root, NO_CURL, NO_CURL + f'\nwaive no-curl on bot until {day} because "x"\n')
    done = run("prove", root, *DAY)
    assert done.returncode == code
    assert (b"PC3145" in done.stderr) == (code == 0)
    assert (b"PC3146" in done.stderr) == (code == 1)


@pytest.mark.parametrize(("at", "code"), [("2026-11-20", 0), ("2026-11-21", 1)])
def test_a_day_that_has_passed_is_judged_as_it_was(root: Path, at: str, code: int) -> None:
    edit(root, CURL, CURL.replace(" because", " until 2026-11-20 because"))
    said = f'expect allow bot exec "/usr/bin/curl" at {at}'
    edit(root, NO_CURL, f'\ntest "then" {{\n  {said}\n}}\n')
    assert run("prove", root, *DAY).returncode == code


def test_the_line_that_ends_is_the_one_that_the_rule_is_about(root: Path) -> None:
    """Two lines end on one day; a rule of a day says that day and nothing of later ones."""
    dated = 'allow exec "/usr/bin/{}" until 2026-12-31 because "x"'
    edit(root, CURL, f"{dated.format('awk')}\n  {dated.format('curl')}")
    more = (
        '\ntest "t" {\n  expect allow bot exec "/usr/bin/curl"\n'
        '  expect deny bot exec "/usr/bin/awk" at 2026-12-30\n}\n'
    )
    edit(root, NO_CURL, NO_CURL + more)
    _, found = answer("prove", root)
    said = [str(d["message"]) for d in found["diagnostics"]]
    ends = 'because `allow exec "/usr/bin/curl"` ends'
    assert sum(f"`no-curl` fails until 2026-12-31, then holds {ends}" in m for m in said) == 1
    assert sum(f"`t` holds until 2026-12-31, then fails {ends}" in m for m in said) == 1
    assert sum("`t` fails on 2026-12-30; " in m for m in said) == 1


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        (NO_CURL, b"fails until 2026-12-31, then holds because"),
        (
            '\ntest "curl" {\n  expect allow bot exec "/usr/bin/curl"\n}\n',
            b"holds until 2026-12-31, then fails because",
        ),
    ],
)
def test_days_and_what_ends_on_them_are_named(root: Path, claim: str, says: bytes) -> None:
    edit(root, CURL, CURL.replace(" because", " until 2026-12-31 because"))
    edit(root, NO_CURL, claim)
    done = run("prove", root, *DAY)
    assert done.returncode == 1
    assert says + b' `allow exec "/usr/bin/curl"` ends' in done.stderr


def test_sarif_is_for_code_hosts(root: Path) -> None:
    done = run("prove", root, *DAY, "--format", "sarif")
    (found,) = json.loads(done.stdout)["runs"][0]["results"]
    assert (done.returncode, found["ruleId"]) == (1, "PC3143")


def test_nothing_new_since_a_revision(root: Path) -> None:
    edit(root, 'never exec "/usr/bin/curl"', 'no new exec since "main"')
    assert answer("prove", root)[0] == 0
    edit(root, CURL, CURL.replace("curl", "wget"))
    code, document = answer("prove", root)
    assert (code, codes(document)) == (1, ["PC3143"])
    edit(root, '"main"', '"mian"')
    code, document = answer("prove", root)
    assert (code, codes(document)) == (2, ["PC3181"])
    assert answer("prove", root, "--since", "main")[0] == 1


# -- diff ----------------------------------------------------------------------------------


def test_what_is_wider_needs_an_approval_that_is_new(root: Path) -> None:
    wider = CURL + "\n  " + CURL.replace("curl", "wget")
    edit(root, CURL, wider)
    code, document = answer("diff", "main", root)
    (change,) = [c for c in document["changes"] if c["relation"] != "equivalent"]
    assert (code, codes(document)) == (3, ["PC3184"])
    assert (change["agent"], change["domain"], change["relation"]) == ("bot", "exec", "wider")
    assert [part["boxes"] for part in change["added"]] == [["path /usr/bin/wget"]]
    yes = '\napprove wider exec on bot by "a@corp.example" on 2026-11-20 because "x"\n'
    edit(root, NO_CURL, NO_CURL + yes)
    code, document = answer("diff", "main", root)
    assert (code, codes(document)) == (0, [])
    commit(root.parent)
    edit(root, "wget", "nc")
    assert answer("diff", "main", root)[0] == 3


def test_an_approval_of_tomorrow_or_of_something_else_counts_not(root: Path) -> None:
    edit(root, CURL, CURL + "\n  " + CURL.replace("curl", "wget"))
    for line in ('exec on bot by "a" on 2026-11-22', 'files on bot by "a" on 2026-11-20'):
        edit(root, NO_CURL, NO_CURL + f'\napprove wider {line} because "x"\n')
        code, document = answer("diff", "main", root)
        assert (code, sorted(map(str, codes(document)))) == (3, ["PC3184", "PC3185"])
        edit(root, f'\napprove wider {line} because "x"\n', "")


def test_a_comment_for_a_pull_request(root: Path) -> None:
    same = run("diff", "main", root, *DAY, "--format", "markdown")
    assert (same.returncode, same.stdout.count(b"|")) == (0, 0)
    edit(root, CURL, "")
    done = run("diff", "main", root, *DAY, "--format", "markdown")
    assert done.returncode == 0
    assert b"| bot | exec | tighter |  | `path /usr/bin/curl` |" in done.stdout


def test_a_revision_that_is_not_there_or_does_not_compile(root: Path, tmp_path: Path) -> None:
    assert b"PC3181" in run("diff", "nowhere", root).stderr
    good = (root / "demo.agentpol").read_text()
    (root / "demo.agentpol").write_text("edition 2026\nclass {\n")
    commit(tmp_path)
    (root / "demo.agentpol").write_text(good)
    done = run("diff", "main", root)
    assert (done.returncode, b"PC3182" in done.stderr) == (2, True)


def test_without_a_repository_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    done = run("diff", "HEAD", root_with(tmp_path, more=NO_CURL))
    assert (done.returncode, b"PC3183" in done.stderr) == (2, True)


def test_the_working_tree_is_left_alone(root: Path, tmp_path: Path) -> None:
    edit(root, CURL, "")
    before = git(tmp_path, "status", "--porcelain"), (root / "demo.agentpol").stat().st_mtime_ns
    run("diff", "main", root)
    assert before == (
        git(tmp_path, "status", "--porcelain"),
        (root / "demo.agentpol").stat().st_mtime_ns,
    )


# -- why-not -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "grant", "cause"),
    [
        ('deny exec "/usr/bin/curl"', 'exec "/usr/bin/curl"', "denied"),
        ("", "syscalls read", "outside the cap"),
        ("", 'exec "/opt/x"', "outside the cap"),
        ("", 'exec "/usr/bin/nc"', "not granted"),
        ('allow exec "/usr/bin/nc" until 2026-11-20 because "x"', 'exec "/usr/bin/nc"', "expired"),
    ],
)
def test_each_cause_with_its_place(root: Path, line: str, grant: str, cause: str) -> None:
    edit(root, CURL, line or CURL)
    done = run("why-not", "bot", grant, "--root", root, *DAY, "--format", "json")
    (refused,) = json.loads(done.stdout)["refused"]
    assert (done.returncode, refused["cause"]) == (0, cause)
    assert str(refused["place"]).startswith("demo.agentpol:")


def test_never_shows_both_places(root: Path) -> None:
    edit(root, "    identity service-account *\n  }\n", '    identity service-account *\n  }\n  never exec "/usr/bin/nc"\n')  # fmt: skip
    done = run("why-not", "bot", 'exec "/usr/bin/nc"', "--root", root, *DAY, "--format", "json")
    (refused,) = json.loads(done.stdout)["refused"]
    assert refused["cause"] == "never"
    assert refused["against"]


def test_what_is_granted_and_what_is_no_grant(root: Path) -> None:
    assert b"is granted" in run("why-not", "bot", 'exec "/usr/bin/curl"', "--root", root).stdout
    assert run("why-not", "bot", "exec curl", "--root", root).returncode == 2
    assert run("why-not", "bto", 'exec "/x"', "--root", root).returncode == 2
