"""Debian's archive, by an apt of our own: what it offers, checked against the signed index of the release.

The host's sources, pins and architecture must not decide what an image holds.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from .errors import ImageError, run

RELEASE = "bookworm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ADDRESS = "http://deb.debian.org/{archive}"
"""Where the archives are.  It holds what is newest, and what a release or its updates had until the next one."""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""As `uname -m` says, and as Debian does."""

_SUITES = (
    ("debian", RELEASE),
    ("debian", f"{RELEASE}-updates"),
    ("debian-security", f"{RELEASE}-security"),
)


@dataclass(frozen=True, slots=True)
class Package:
    """A version of a Debian package; ``source`` is the name of its source package.

    ``depends`` and ``provides`` are its fields as they stand (Debian policy 4.6.2, 7.1).
    """

    name: str
    version: str
    architecture: str
    source: str
    sha256: str
    depends: str = ""
    provides: str = ""


@dataclass(frozen=True, slots=True)
class Archive:
    """The indices of one architecture, fetched into a folder."""

    environment: Mapping[str, str]

    def offered(self, names: Collection[str]) -> Mapping[str, Sequence[Package]]:
        """Every version of each, the newest first (so apt keeps them); ImageError for a name it has not."""
        said = run(["apt-cache", "show", *sorted(names)], env=self.environment)
        found: dict[str, list[Package]] = {name: [] for name in sorted(names)}
        for paragraph in filter(None, said.split("\n\n")):
            package = _package(paragraph)
            found.get(package.name, []).append(package)
        if missing := [name for name, versions in found.items() if not versions]:
            raise ImageError(f"Debian has no package `{missing[0]}`")
        return found

    def download(self, packages: Sequence[Package], folder: Path) -> None:
        """Their files into an empty folder; apt compares each with the index."""
        wanted = [f"{package.name}={package.version}" for package in packages]
        run(["apt-get", "download", "--quiet", *wanted], cwd=folder, env=self.environment)


def fetch_index(work: Path, architecture: str, address: str = ADDRESS) -> Archive:
    """The archives' indices of today, or of the day that ``address`` is a picture of.

    Args:
        work: An empty folder, which keeps the indices.
        architecture: Debian's word.
        address: Of the archives, with `{archive}` where `debian` or `debian-security` stands.

    """
    configuration = _configure(work, architecture, address)
    environment = os.environ | {"APT_CONFIG": str(configuration), "LC_ALL": "C"}
    run(["apt-get", "update", "--quiet", "--error-on=any"], env=environment)
    return Archive(environment)


def _configure(work: Path, architecture: str, address: str) -> Path:
    if not KEYRING.exists():
        raise ImageError(f"`{KEYRING}` is not there: install debian-archive-keyring")
    for folder in ("lists/partial", "cache/archives/partial", "apt.conf.d"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    (work / "status").touch()
    # A picture of another day has an index whose time is over; what it may give stands in a lock.
    options = f"signed-by={KEYRING}" + (" check-valid-until=no" if address != ADDRESS else "")
    (work / "sources.list").write_text(
        "".join(
            f"deb [{options}] {address.format(archive=archive)} {suite} main\n"
            for archive, suite in _SUITES
        )
    )
    settings = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "Dir::State": work,
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "Dir::Etc": work,
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::parts": work / "apt.conf.d",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",  # the folder is ours alone
    }
    path = work / "apt.conf"
    path.write_text("".join(f'{key} "{value}";\n' for key, value in settings.items()))
    return path


def _package(paragraph: str) -> Package:
    fields = HeaderParser().parsestr(paragraph.lstrip("\n"))
    name = fields["Package"]
    return Package(
        name,
        fields["Version"],
        fields["Architecture"],
        fields.get("Source", name).split(" ")[0],
        fields["SHA256"],
        ", ".join(fields[field] for field in ("Pre-Depends", "Depends") if field in fields),
        fields.get("Provides", ""),
    )
