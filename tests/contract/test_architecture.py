"""The picture of docs/explanation/architecture.md, as contracts on imports."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_imports_go_down_only() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_one_door_to_each_library() -> None:
    """A third-party library is imported by the modules named here and by no other."""
    doors = {
        "lark": {"policyc/syntax"},
        "yaml": {"policyc/kube"},
        "tqdm": {"policyc/cli"},
        "cryptography": {"policyc/signing"},
        "jsonschema": set(),  # the schemas are for users and for tests: decoders are by hand
    }
    for path in (ROOT / "policyc").rglob("*.py"):
        room = path.relative_to(ROOT).parent.as_posix()
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] not in (["import"], ["from"]) or len(words) < 2:
                continue
            library = words[1].split(".")[0]
            if library in doors:
                assert room in doors[library], f"{path} imports {library}"
