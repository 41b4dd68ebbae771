"""What the command line takes, and what it says of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyc.kube.names import fault_of_label, fault_of_subdomain
from recorder import cli, values
from recorder.errors import ExitCode, RecorderError
from recorder.options import parse

RUN = ("run", "--output", "out")
OF_COMMAND = ("--workload=apps/v1/Deployment/support/bot", "--container=main")
OF_MACHINE = (
    "--every=60s", "--listen=127.0.0.1:0", "--host-root=/", "--state-root=/run/other", "--kubernetes",
    "--kubelet=http://127.0.0.1:10255", "--objects",
)  # fmt: skip
OF_BOTH = ("--for=1s", "--name-server=10.96.0.10", "--map-entries=items=200000")


def _refused(*words: str) -> RecorderError:
    with pytest.raises(RecorderError) as failure:
        parse(words)
    assert failure.value.code == ExitCode.USAGE
    return failure.value


@pytest.mark.parametrize("option", OF_MACHINE)
def test_an_option_of_the_machine_is_refused_for_a_command(option: str) -> None:
    name = option.partition("=")[0]
    said = str(_refused(*RUN, option, "--", "true"))
    assert said == f"`{name}` is for recording every container, not a command"
    parse((*RUN, option))


@pytest.mark.parametrize("option", OF_COMMAND)
def test_an_option_of_a_command_is_refused_without_one(option: str) -> None:
    name = option.partition("=")[0]
    said = str(_refused(*RUN, option))
    assert said == f"`{name}` is for recording a command, not every container"
    parse((*RUN, option, "--", "true"))


def test_what_both_take() -> None:
    assert parse((*RUN, *OF_BOTH)).command == []
    assert parse((*RUN, *OF_BOTH, "--", "a", "--", "-b")).command == ["a", "--", "-b"]
    assert parse(RUN).every == 60
    assert parse(RUN).host_root == Path("/")


def test_the_help_says_which_options_belong_to_which(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(("run", "--help"))
    common, _, rest = capsys.readouterr().out.partition("with `-- COMMAND` only:")
    command, _, machine = rest.partition("without a command only")
    for part, options in ((common, OF_BOTH), (command, OF_COMMAND), (machine, OF_MACHINE)):
        assert all(option.partition("=")[0] in part for option in options)
    assert "apps/v1/Deployment/default/PROGRAM" in command
    assert "Records what a command" in common


@pytest.mark.parametrize("words", [("ls",), ("ls", "-la"), ("ls", "-la", "--", "true")])
def test_a_command_without_its_sign(words: tuple[str, ...]) -> None:
    failure = _refused(*RUN, *words)
    assert str(failure) == "`ls` is no option"
    assert failure.remedy == "put `--` before the command: `-- ls`"


@pytest.mark.parametrize("command", [(), ("",), ("", "a")])
def test_a_sign_without_a_command(command: tuple[str, ...]) -> None:
    assert str(_refused(*RUN, "--", *command)) == "no command stands after `--`"


def test_a_command_is_run_s_alone() -> None:
    assert str(_refused("status", "--output", "out", "--", "ls")) == "`--` is no option"


LABELS = ["a", "a-b", "0", "a" * 63, "a" * 64, "A", "a_b", "-a", "a-", "a.b", "", "a\n", "\u00e9"]
SUBDOMAINS = [*LABELS, "a..b", ".a", "a.", "a.-b", ".".join(["a" * 60] * 4), "a." * 127 + "a"]


@pytest.mark.parametrize("name", SUBDOMAINS)
def test_names_are_judged_as_the_compiler_does(name: str) -> None:
    assert values.is_label(name) == (fault_of_label(name) is None)
    assert values.is_subdomain(name) == (fault_of_subdomain(name) is None)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--workload=apps/v1/Deployment/Sup_port/triage", "`Sup_port` is no namespace"),
        ("--workload=apps/v1/Deployment/sup.port/triage", "`sup.port` is no namespace"),
        ("--workload=apps/v1/Deployment/support/Triage", "`Triage` is no workload's name"),
        ("--workload=apps/v1/Deployment/support/a.b", "`a.b` is no container's name"),
        ("--container=a.b", "`a.b` is no container's name"),
        ("--map-entries=foo=1", "`foo=1` is not MAP=N: a map of events, items, peers"),
        ("--map-entries=items=0", "`items=0` is not MAP=N"),
        ("--name-server=foo", "`foo` is no address or network: as "),
        ("--listen=127.0.0.1:65536", "`127.0.0.1:65536` is not HOST:PORT"),
        ("--for=soon", "`soon` is no time"),
        ("--none", "`--none` is no option"),
    ],
)
def test_a_value_that_means_nothing_is_refused_in_one_line(
    option: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main((*RUN, option, "--", "true")) == ExitCode.USAGE
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("recorder: ")
    assert says in first
    assert second.startswith("  help: ")


def test_a_container_with_a_name_of_its_own_lets_the_workload_have_dots() -> None:
    dotted = ("--workload=apps/v1/Deployment/support/a.b", "--container=main")
    assert parse((*RUN, *dotted, "--", "true")).workload.name == "a.b"
