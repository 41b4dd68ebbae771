"""Keys and signed notes, against published examples and against every change."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.logs import KEY, OTHER_KEY

from policyc.core.errors import PolicycError, VerificationError
from policyc.signing.keys import (
    Signer,
    Verifier,
    generate,
    parse_signer,
    parse_verifier,
    read_signer,
    read_verifiers,
)
from policyc.signing.notes import open_note, sign_note, split_note

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), min_size=1)

GO_CHECKSUM_DATABASE = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
"""The key that the go command ships (cmd/go/internal/modfetch/key.go, Go 1.26)."""

RFC_8032_TEST_1 = (
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
)
"""Secret and public key (RFC 8032, section 7.1)."""


def test_a_published_key_reads_as_itself() -> None:
    key = parse_verifier(GO_CHECKSUM_DATABASE)
    assert (key.name, key.id.hex()) == ("sum.golang.org", "033de0ae")
    assert str(key) == GO_CHECKSUM_DATABASE


def test_the_public_key_is_the_rfcs() -> None:
    secret, public = map(bytes.fromhex, RFC_8032_TEST_1)
    assert Signer("x", secret).verifier.key == public


@given(st.binary(min_size=32, max_size=32))
def test_keys_survive_their_text(seed: bytes) -> None:
    signer = Signer("policy.example/a-b", seed)
    assert parse_verifier(str(signer.verifier)) == signer.verifier
    assert parse_signer(signer.to_text()).verifier == signer.verifier


@pytest.mark.parametrize("parse", [parse_signer, parse_verifier])
@given(data=st.data())
def test_a_changed_key_is_no_key(parse: object, data: st.DataObject) -> None:
    text = KEY.to_text() if parse is parse_signer else str(KEY.verifier)
    at = data.draw(st.integers(0, len(text) - 1))
    char = data.draw(st.sampled_from("+/ aA0=\n").filter(lambda c: c != text[at]))
    changed = text[:at] + char + text[at + 1 :]
    with pytest.raises((ValueError, PolicycError)):
        parse(changed if changed.strip() != text else "")  # type: ignore[operator]  # one of two functions


def test_new_keys_differ() -> None:
    assert generate("a").verifier != generate("a").verifier


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\x01"])
def test_names_that_no_key_can_have(name: str) -> None:
    with pytest.raises(PolicycError, match="cannot name a key"):
        generate(name)


def test_key_files(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# the build's\n{KEY.verifier}  # old\n\n{OTHER_KEY.verifier}\n")
    assert read_verifiers([path, path]) == (KEY.verifier, OTHER_KEY.verifier) * 2
    path.write_text(KEY.to_text() + "\n")
    assert read_signer(path).verifier == KEY.verifier
    for text in ("", "# nothing\n", "nonsense\n", KEY.to_text()):
        path.write_text(text)
        with pytest.raises(PolicycError, match="holds no usable key"):
            read_verifiers([path])
    path.write_text(str(KEY.verifier))
    with pytest.raises(PolicycError, match="not a private key"):
        read_signer(path)


@given(TEXT)
def test_a_note_opens_with_its_key_and_no_other(text: str) -> None:
    note = sign_note(text + "\n", KEY)
    assert open_note(note, [OTHER_KEY.verifier, KEY.verifier]) == (
        text + "\n",
        (KEY.verifier.name,),
    )
    with pytest.raises(VerificationError, match="none of the given keys"):
        open_note(note, [OTHER_KEY.verifier])


def test_the_form_of_a_note() -> None:
    note = sign_note("one\n\ntwo\n", KEY, OTHER_KEY).decode()
    text, lines = note.rsplit("\n\n", 1)
    assert text == "one\n\ntwo"
    assert [line.split(" ")[:2] for line in lines.splitlines()] == [["—", "policy.example/log"]] * 2
    assert note.endswith("\n")


def test_a_key_that_shares_a_name_is_ignored() -> None:
    """A note may be signed by keys that are not known here (c2sp.org/signed-note)."""
    note = sign_note("text\n", OTHER_KEY, KEY)
    assert open_note(note, [KEY.verifier]) == ("text\n", (KEY.verifier.name,))


def test_one_bad_signature_of_a_known_key_fails_the_note() -> None:
    other = Signer("other", bytes(32))
    good = sign_note("text\n", KEY).decode()
    stolen = sign_note("other text\n", other).decode().rpartition("\n\n")[2]
    assert open_note((good + stolen).encode(), [KEY.verifier])
    with pytest.raises(VerificationError, match="`other` does not hold"):
        open_note((good + stolen).encode(), [KEY.verifier, other.verifier])


@given(st.data())
def test_every_changed_byte_of_a_note_is_found(data: st.DataObject) -> None:
    note = sign_note("policyc.dev\n12\n", KEY)
    at = data.draw(st.integers(0, len(note) - 1))
    mask = data.draw(st.integers(1, 255))
    changed = bytes([*note[:at], note[at] ^ mask, *note[at + 1 :]])
    with pytest.raises(VerificationError):
        open_note(changed, [KEY.verifier])


@given(st.binary(max_size=200) | TEXT.map(str.encode))
def test_anything_else_is_no_note(data: bytes) -> None:
    with pytest.raises(VerificationError):
        open_note(data, [KEY.verifier])


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (b"a\n\n" + b"\xe2\x80\x94 n AAAAAAA=\n" * 101, "more than 100 signatures"),
        (b"a" * (1 << 20) + b"\n\nx\n", "larger than"),
        (b"a\tb\n\n\xe2\x80\x94 n AAAAAAA=\n", "no signed note"),
        (b"a\n\n\xe2\x80\x94 n AAAAAAA=", "no signed note"),
        (b"a\n\n\xe2\x80\x94 n AAAAAAB=\n", "canonical"),
        (b"a\n\n\xe2\x80\x94 n AAAA\n", "too short"),
        (b"a\n\n- n AAAAAAA=\n", "not of the form"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_note_may_not_be(note: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        split_note(note)


def test_a_verifier_is_a_value() -> None:
    assert Verifier("a", bytes(32)) == Verifier("a", bytes(32)) != Verifier("b", bytes(32))
