"""Folders of more envelopes than are read or packed at a time: each is that of its agent, or all are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyc.admission.bundle import assemble
from policyc.bundle.files import _AT_A_TIME, _WAITING
from policyc.bundle.load import load_envelopes
from policyc.bundle.statement import Statement, signature_path
from policyc.core.canonical import digest
from policyc.core.errors import VerificationError
from policyc.signing.notes import sign_note
from tests.bench import many

COUNT = _AT_A_TIME * (_WAITING + 2) + 5
"""More than may wait to be packed, and the last ones are fewer."""
PLACES = (0, 7, _AT_A_TIME, COUNT - 1)
KEYS = (many.KEY.verifier,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    many.write(tmp_path / "out", COUNT)
    return tmp_path / "out"


def envelope(folder: Path, place: int) -> Path:
    return folder / f"bot-{place}" / "envelope.json"


def test_each_is_that_of_its_agent(folder: Path) -> None:
    found = load_envelopes(folder, KEYS)
    bundle = assemble(found.entries, found.packed, found.digest, found.serial)
    assert len(bundle.agents) == COUNT
    for name, agent in bundle.agents.items():
        assert agent.envelope.delegates == ()  # opened, and compared with its entry
        assert found.packed[name].document() == (folder / name / "envelope.json").read_bytes()


@pytest.mark.parametrize("place", PLACES)
def test_one_that_was_changed(folder: Path, place: int) -> None:
    path = envelope(folder, place)
    path.write_bytes(path.read_bytes().replace(b"low", b"top", 1))
    with pytest.raises(VerificationError, match=rf"bot-{place}/envelope.json.*digest"):
        load_envelopes(folder, KEYS)


@pytest.mark.parametrize("place", PLACES)
def test_one_of_another_version(folder: Path, place: int) -> None:
    """Listed and signed as it is."""
    path = envelope(folder, place)
    before = path.read_bytes()
    path.write_bytes(before.replace(b'"policyc.dev/v1"', b'"policyc.dev/v2"', 1))
    manifest = folder / "manifest.json"
    listed = manifest.read_text().replace(digest(before), digest(path.read_bytes()))
    manifest.write_text(listed)
    index = (folder / "agents.json").read_bytes()
    statement = Statement(1, digest(listed.encode()), digest(index))
    signature_path(folder).write_bytes(sign_note(statement.to_text(), many.KEY))
    with pytest.raises(VerificationError, match="another version"):
        load_envelopes(folder, KEYS)
