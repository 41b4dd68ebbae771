"""The Go project's own tools read our checkpoints, tiles and proofs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.logs import KEY, OTHER_KEY, closed_log
from support.samples import ROOT

from policyc.audit.proof import prove
from policyc.audit.stored import read_epoch
from policyc.signing.keys import Signer

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("go") / "tlog_check"
    source = ROOT / "tests" / "support" / "tlog_check"
    subprocess.run(["go", "build", "-o", path, "."], cwd=source, check=True)
    return path


def judged(program: Path, folder: Path, key: Signer, proof: Path) -> tuple[str, str]:
    command = [program, folder / "000001", str(key.verifier), proof]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


@pytest.mark.parametrize("count", [1, 200, 254, 255, 700])
def test_a_log_is_one_for_go(program: Path, tmp_path: Path, count: int) -> None:
    folder = closed_log(tmp_path / "log", count)
    proof = tmp_path / "proof"
    proof.write_bytes(prove(read_epoch(folder, 1), count))
    said = f"{count + 2} records, proof of {count}\n"
    assert judged(program, folder, KEY, proof) == (said, "")


def test_go_refuses_what_we_refuse(program: Path, tmp_path: Path) -> None:
    folder = closed_log(tmp_path / "log", 3)
    proof = tmp_path / "proof"
    good = prove(read_epoch(folder, 1), 2)
    for data, key, said in (
        (good.replace(b"index 2", b"index 1"), KEY, "invalid transparency proof\n"),
        (good.replace(b"\n5\n", b"\n6\n"), KEY, "invalid signature for key"),
        (good, OTHER_KEY, "note has no verifiable signatures\n"),
    ):
        proof.write_bytes(data)
        assert said in judged(program, folder, key, proof)[1]
