"""The Merkle tree of RFC 6962, section 2.1, over SHA-256."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry; 32 bytes."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return sha256(b"\1" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The tree head over leaf hashes; of none, the hash of the empty string."""
    if not leaves:
        return sha256().digest()
    row = list(leaves)
    while len(row) > 1:
        # Pairing neighbours and carrying an odd last one up is the RFC's split at the
        # largest power of two, level by level.
        paired = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        row = paired + row[len(paired) * 2 :]
    return row[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings from a leaf up to the root (RFC 6962, section 2.1.1)."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"there is no leaf {index} among {len(leaves)}")
    path: list[bytes] = []
    row = list(leaves)
    while len(row) > 1:
        sibling = index ^ 1
        if sibling < len(row):
            path.append(row[sibling])
        paired = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        row = paired + row[len(paired) * 2 :]
        index //= 2
    return path


def root_from_proof(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that a proof leads to (RFC 9162, section 2.1.3.2); ValueError on a wrong length.

    The proof holds when that is the root of the checkpoint.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    last = size - 1
    root = leaf
    for sibling in path:
        if last == 0:
            raise ValueError("the proof is too long")
        if index & 1 or index == last:
            root = node_hash(sibling, root)
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            root = node_hash(root, sibling)
        index >>= 1
        last >>= 1
    if last:
        raise ValueError("the proof is too short")
    return root


class Tiles:
    """A growing tree as c2sp.org/tlog-tiles cuts it: rows of up to 256 hashes, level by level.

    Level 0 holds leaf hashes; a hash at level L + 1 is the root of a full tile of level L.
    Only the tiles at the right edge are kept.
    """

    WIDTH = 256

    def __init__(self) -> None:
        self.size = 0
        self.edge: list[list[bytes]] = [[]]
        """Level -> the hashes of its last, partial tile."""

    def add(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Append a leaf; returns the (level, index, bytes) of tiles that became full."""
        self.size += 1
        full: list[tuple[int, int, bytes]] = []
        level, hash_ = 0, leaf
        while True:
            if level == len(self.edge):
                self.edge.append([])
            row = self.edge[level]
            row.append(hash_)
            if len(row) < self.WIDTH:
                return full
            index = (self.size >> 8 * (level + 1)) - 1
            full.append((level, index, b"".join(row)))
            self.edge[level] = []
            level, hash_ = level + 1, root_of(row)

    def partial(self) -> list[tuple[int, int, bytes]]:
        """The (level, index, bytes) of the tiles at the right edge that are not full."""
        return [
            (level, self.size >> 8 * (level + 1), b"".join(row))
            for level, row in enumerate(self.edge)
            if row
        ]

    def root(self) -> bytes:
        """The tree head, in O(256 * levels) whatever the size."""
        below: list[bytes] = []
        for row in self.edge:
            # What is left over below stands, as one subtree, at the end of the row above.
            if row or below:
                below = [root_of([*row, *below])]
        return root_of(below)


def tile_path(level: int, index: int, width: int = 256) -> str:
    """``tile/L/N[.p/W]`` of c2sp.org/tlog-tiles: three digits a step, ``x`` before all but the last."""
    steps = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        steps.append(f"x{index % 1000:03}")
    suffix = "" if width == 256 else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(steps))}{suffix}"
