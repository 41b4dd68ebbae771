"""Settings: where they come from, and what is refused."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from policyc.admission.verdict import Level
from policyc.core.errors import PolicycError
from policyc.deploy.configurations import Target
from policyc.deploy.objects import Rollout, _arguments
from webhook.settings import Serving, add_flags, read_settings

LEAST = ["--unsigned", "--tls-folder", "tls"]


def read(flags: list[str], environment: dict[str, str] | None = None) -> Serving:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return read_settings(parser.parse_args(LEAST + flags), environment or {})


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("port: 1\nidle-seconds: 2\nread_seconds: 3\noperators: [a, b]\n")
    environment = {"POLICYC_WEBHOOK_PORT": "10", "POLICYC_WEBHOOK_IDLE_SECONDS": "20"}
    found = read(["--config", str(file), "--port", "100"], environment)
    assert (found.port, found.idle_seconds, found.read_seconds) == (100, 20.0, 3.0)
    assert found.admission.operators == {"a", "b"}
    assert found.drain_seconds == Serving().drain_seconds


def test_what_decisions_depend_on_has_flags_too() -> None:
    found = read(["--shadow", "deny", "--home", "x", "--operators", "a", "--operators", "b"])
    assert found.admission.shadow is Level.DENY
    assert found.admission.home == "x"
    assert found.admission.operators == {"a", "b"}


@pytest.mark.parametrize(
    ("flags", "said"),
    [(["--port", "x"], "no whole number"), (["--stale-seconds", "soon"], "no number"),
     (["--shadow", "loud"], "no level"), (["--read-seconds", "0"], "too small"),
     (["--read-seconds", "nan"], "too small"), (["--tls-minimum", "1.1"], "neither"),
     (["--log-level", "all"], "none of"), (["--tls-cert", "x"], "together"),
     (["--public-keys", "x"], "either"), (["--bundle-objects"], "goes with"), (["--log-folder", "x"], "together"),
     (["--port", "80000"], "--port: `80000` is too large"), (["--health-port", "99999"], "--health-port: `99999`"),
     (["--port", "9443", "--health-port", "9443"], "--port and --health-port are both 9443")],
)  # fmt: skip
def test_a_value_that_cannot_be_is_named(flags: list[str], said: str) -> None:
    with pytest.raises(PolicycError, match=said) as caught:
        read(flags)
    assert caught.value.code == "PC7115"
    assert "policyc webhook run --help" in (caught.value.help or "")


def test_ports_may_be_any_that_is_free() -> None:
    assert read(["--port", "0", "--health-port", "0"]).health_port == 0
    assert read(["--port", "65535"]).port == 65535


@pytest.mark.parametrize("text", ["[]", "a: {", "prot: 1", "port: high"])
def test_a_file_that_cannot_be_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(PolicycError) as caught:
        read(["--config", str(file)])
    assert caught.value.code == "PC7115"


def test_all_that_is_wrong_is_said_at_once() -> None:
    flags = ["--port", "x", "--read-seconds", "0", "--log-level", "all", "--log-folder", "log"]
    with pytest.raises(PolicycError) as caught:
        read(flags, {"POLICYC_WEBHOOK_CLUSTR": "no", "POLICYC_WEBHOOK_GARD": "no"})
    message = caught.value.message
    for word in ("_CLUSTR", "_GARD", "--port", "--read-seconds", "--log-level", "--log-folder"):
        assert message.count(word) == 1, message


def test_an_environment_variable_may_switch() -> None:
    assert read([], {"POLICYC_WEBHOOK_CLUSTER": "false"}).cluster is False
    with pytest.raises(PolicycError, match="no truth value"):
        read([], {"POLICYC_WEBHOOK_CLUSTER": "perhaps"})


def test_a_variable_that_is_no_setting_is_refused_and_those_of_others_are_not_looked_at() -> None:
    assert read([], {"POLICYC_SERVICE_PORT": "443", "PATH": "/bin"}).port == 8443
    with pytest.raises(PolicycError, match="unknown setting `POLICYC_WEBHOOK_CLUSTR`"):
        read([], {"POLICYC_WEBHOOK_CLUSTR": "false"})


def test_the_flags_of_the_manifests_are_flags() -> None:
    target = Target(("agents",), operators=frozenset({"someone"}))
    parser = argparse.ArgumentParser()
    add_flags(parser)
    flags = [str(flag) for flag in _arguments(target, Rollout("image", "bundle"))]
    assert flags[:2] == ["webhook", "run"]
    found = read_settings(parser.parse_args(flags[2:]), {})
    assert "someone" in found.admission.operators
    assert found.client_ca is not None
