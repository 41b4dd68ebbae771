"""The tree against a second implementation, on random trees."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.oracle import rfc6962

from policyc.audit.merkle import (
    Tiles,
    inclusion_proof,
    leaf_hash,
    root_from_proof,
    root_of,
    tile_path,
)

ENTRIES = st.lists(st.binary(max_size=40), max_size=70)


def numbered(count: int) -> list[bytes]:
    return [b"%d" % i for i in range(count)]


@given(ENTRIES)
def test_roots_are_the_rfcs(entries: list[bytes]) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    assert root_of(leaves) == rfc6962.mth(entries)


@given(ENTRIES.filter(bool), st.data())
def test_proofs_are_the_rfcs_and_hold(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    leaves = [leaf_hash(entry) for entry in entries]
    proof = inclusion_proof(leaves, index)
    root = root_of(leaves)
    assert proof == rfc6962.path(index, entries)
    assert root_from_proof(leaves[index], index, len(leaves), proof) == root
    assert rfc6962.holds(entries[index], index, len(entries), proof, root)


@given(ENTRIES.filter(lambda e: len(e) > 1), st.data())
def test_a_changed_proof_holds_for_neither(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    size = len(entries)
    leaves = [leaf_hash(entry) for entry in entries]
    proof, root = inclusion_proof(leaves, index), root_of(leaves)
    match data.draw(st.sampled_from(["hash", "short", "long", "leaf", "index", "size"])):
        case "hash":
            at = data.draw(st.integers(0, len(proof) - 1))
            proof[at] = sha256(proof[at]).digest()
        case "short":
            proof = proof[:-1]
        case "long":
            proof = [*proof, root]
        case "leaf":
            leaves[index] = sha256(leaves[index]).digest()
        case "index":
            index = size + data.draw(st.integers(0, 3))
        case _:
            # Twice as many leaves have a path one step longer, wherever the leaf is.
            size = 2 * size
    try:
        found = root_from_proof(leaves[index % len(leaves)], index, size, proof)
    except ValueError:
        found = b""
    assert found != root
    again = rfc6962.rebuilt(leaves[index % len(leaves)], index % len(leaves), size, proof)
    assert again != root or index >= size


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 511, 512, 513, 770, 65_535, 65_536, 65_793])
def test_tiles_hold_the_same_tree(count: int) -> None:
    """The borders of tiles of both levels; c2sp.org/tlog-tiles gives the widths."""
    tiles, written = Tiles(), {}
    leaves = [leaf_hash(entry) for entry in numbered(count)]
    for leaf in leaves:
        for level, index, data in tiles.add(leaf):
            written[level, index] = data
    assert tiles.root() == root_of(leaves)
    for level, index, data in tiles.partial():
        assert len(data) // 32 == (count // 256**level) % 256
        written[level, index] = data
    assert b"".join(written[0, i] for i in range(-(-count // 256))) == b"".join(leaves)
    for level in range(1, 3):
        span = 256**level
        heads = [root_of(leaves[i : i + span]) for i in range(0, count - span + 1, span)]
        stored = b"".join(data for (at, _), data in sorted(written.items()) if at == level)
        assert stored == b"".join(heads)


def test_paths_of_tiles() -> None:
    """The examples of c2sp.org/tlog-tiles."""
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path(1, 0, 17) == "tile/1/000.p/17"
    assert tile_path(63, 999) == "tile/63/999"
