"""Merkle trees as RFC 6962, section 2.1, defines them: by recursion, over whole lists.

Written from the RFC's formulas alone; slow, and meant to be.
"""

from __future__ import annotations

from hashlib import sha256


def mth(entries: list[bytes]) -> bytes:
    """MTH(D[n]): the Merkle Tree Hash of a list of entries."""
    n = len(entries)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return sha256(bytes([0]) + entries[0]).digest()
    k = split(n)
    return sha256(bytes([1]) + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]): the audit path of entry m."""
    n = len(entries)
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def holds(entry: bytes, m: int, n: int, audit_path: list[bytes], root: bytes) -> bool:
    """Whether the path leads from entry m of n to the root."""
    return rebuilt(sha256(bytes([0]) + entry).digest(), m, n, list(audit_path)) == root


def rebuilt(leaf: bytes, m: int, n: int, audit_path: list[bytes]) -> bytes | None:
    """The root that the path gives, undone in the order in which PATH made it."""
    if n == 1:
        return leaf if not audit_path else None
    if not audit_path:
        return None
    *rest, last = audit_path
    k = split(n)
    if m < k:
        left = rebuilt(leaf, m, k, rest)
        return None if left is None else sha256(bytes([1]) + left + last).digest()
    right = rebuilt(leaf, m - k, n - k, rest)
    return None if right is None else sha256(bytes([1]) + last + right).digest()


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k
