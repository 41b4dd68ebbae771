"""A folder of profiles, a file for each subject: nothing that is there is lost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from policyc.core.errors import PolicycError
from policyc.core.files import make_folder, read_file, write_file
from policyc.core.strict_json import loads
from policyc.profiles import agent_profile
from policyc.profiles.agent_profile import name_of, sniff, to_bytes
from policyc.profiles.base import AgentProfile, join_profiles


def write_profiles(folder: Path, profiles: Iterable[AgentProfile]) -> list[Path]:
    """Write each subject's profile, joined with what the folder has of it; the files, in order.

    A second subject of the same name gets a number, as recorders give it.  PolicycError PC7052
    where something else is in the way, PC7050 or PC7053 where the folder refuses.
    """
    make_folder(folder)
    return [_write(folder, profile) for profile in join_profiles(profiles)]


def _write(folder: Path, profile: AgentProfile) -> Path:
    name, number = name_of(profile), 1
    path = folder / f"{name}.json"
    while (known := _read(path)) is not None and known.subject != profile.subject:
        number += 1
        path = folder / f"{name}-{number}.json"
    joined = profile if known is None else join_profiles([known, profile])[0]
    write_file(path, to_bytes(joined))
    return path


def _read(path: Path) -> AgentProfile | None:
    """The profile that stands there; None when nothing does."""
    if not path.exists():
        return None
    try:
        document = loads(read_file(path))
    except ValueError as fault:
        raise _foreign(path) from fault
    found = agent_profile.read(path.as_posix(), [document]) if sniff(document) else None
    if found is None or not found.ok or len(found.value) != 1:
        raise _foreign(path)
    return found.value[0]


def _foreign(path: Path) -> PolicycError:
    return PolicycError(
        "PC7052",
        f"`{path}` is no AgentProfile, and would be overwritten",
        help="move it away, or name another folder with `--output`",
    )
