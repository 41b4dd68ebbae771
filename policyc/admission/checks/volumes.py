"""What an agent mounts, and who can reach the folder that its seccomp profile is read from."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import dirname, normpath

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_pods, of_words
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding, Level
from policyc.core.canonical import Json

_RESOLVERS = ("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/ld.so.preload")
"""Files that the kubelet or the image provides: they say what names mean and what is loaded."""
_HIDING = frozenset({"/", *_RESOLVERS, *(dirname(file) for file in _RESOLVERS)})
"""Where a mount would hide or hold one of them."""


@of_words
def mount_paths(case: Case) -> Iterator[Finding]:
    """A volume over these files does what `hostAliases`, `dnsConfig` or LD_PRELOAD would."""
    bound = case.bound
    if bound is None:
        return
    for container in bound[0].containers():
        mounts = container.body.get("volumeMounts")
        for i, mount in enumerate(mounts if isinstance(mounts, list) else ()):
            path = mount.get("mountPath") if isinstance(mount, dict) else None
            if isinstance(path, str) and _absolute(path) in _HIDING:
                text = f"{container.title} mounts over {shown(path)}"
                yield case.finding("MOUNT_PATH", text, f"{container.path}.volumeMounts[{i}].mountPath")  # fmt: skip


def _absolute(path: str) -> str:
    """The path without detours; most are written so, and finding that out is quicker."""
    if path.startswith("/") and "//" not in path and "/." not in path:
        return path.rstrip("/") or "/"
    return normpath("/" + path.lstrip("/"))


def _is_within(path: str, folder: str) -> bool:
    return folder in ("/", path) or path.startswith(folder + "/")


@of_words
def csi_drivers(case: Case) -> Iterator[Finding]:
    """Inline CSI volumes are whatever their driver makes of them."""
    bound = case.bound
    if bound is None:
        return
    for path, volume in bound[0].volumes:
        source = volume.get("csi")
        driver: Json = source.get("driver") if isinstance(source, dict) else None
        if isinstance(source, dict) and driver not in case.settings.csi_drivers:
            text = f"volume `{volume.get('name')}` is of CSI driver {shown(driver)}"
            yield case.finding("VOLUME_TYPE", text, f"{path}.csi")


@of_pods
def profile_folder(case: Case) -> Iterator[Finding]:
    """Who can write to the kubelet's seccomp folder rewrites the profiles of all agents there.

    Agents have no hostPath at all (fields.SCHEMAS); this is about everybody else.
    """
    pod, settings = case.pod, case.settings
    if pod is None or case.agent is not None or case.request.namespace == settings.home:
        return
    for path, volume in pod.volumes:
        source = volume.get("hostPath")
        folder = source.get("path") if isinstance(source, dict) else None
        if not isinstance(folder, str):
            continue
        real = _absolute(folder)
        text = f"volume `{volume.get('name')}` has {shown(folder)} of the node, where agents' seccomp profiles are"
        if _is_within(real, settings.seccomp_folder):
            yield case.finding("HOSTPATH", text, f"{path}.hostPath.path")
        elif _is_within(settings.seccomp_folder, real):
            yield case.finding("HOSTPATH", text, f"{path}.hostPath.path", level=Level.WARN)


CHECKS = (mount_paths, csi_drivers, profile_folder)
