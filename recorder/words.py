"""Words that stand as they are in the arguments of a program: names of sub-commands, and of programs.

All other arguments are shown by their type alone, since any of them may be a secret.  A word
belongs here when it names what a program is asked to do; what it is asked to do it with does not.
"""

from __future__ import annotations

from collections.abc import Iterator

_START, _STEP, _MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1

# git(1), npm(1), pip(1), uv, docker(1), kubectl(1), helm(1), go(1), cargo(1), apt-get(8), terraform, aws s3, systemctl(1).
WORDS = frozenset(
    """add apply archive attach auth bisect blame branch build bundle cat-file certificate checkout cherry-pick ci
    clean clone commit config cordon cp create delete deploy describe destroy diff download drain edit exec explain
    export expose fetch fetch-pack fmt freeze fsck gc generate get grep import index-pack info init inspect
    install kill label lint list lock log login logout logs ls ls-files ls-remote maintenance merge mv notes outdated
    pack pack-objects patch ping plan port-forward ps publish pull push query rebase receive-pack reflog remote remove
    repack reset restart restore rev-list rev-parse revert rm rollback rollout run scale search send-pack serve server
    show show-ref start stash stats status stop submodule switch sync tag tarball test tidy top tree
    uncordon uninstall unpack-objects update update-index upgrade upload upload-pack validate vendor venv verify
    version view wait wheel which worktree
    bash busybox cat chmod chown curl dash env find gcc git go grep head java make mkdir mount node npm npx perl php
    pip pip3 python python3 ruby rustc sed sh sleep sort tail tar tee touch true uname uniq uv uvx wc wget xargs
    http.server json.tool pytest unittest uvicorn gunicorn""".split()
)


def hashes() -> Iterator[int]:
    """FNV-1a of each word, as the kernel side makes it."""
    for word in sorted(WORDS):
        value = _START
        for byte in word.encode():
            value = (value ^ byte) * _STEP & _MASK
        yield value
