"""Ways to the fields of a pod's spec, by the table that admission reads them with."""

from __future__ import annotations

from policyc.admission.fields import SCHEMAS, Inside
from support.admission import Json

Step = tuple[str, bool]
"""A field, and whether its value is a list."""


def ways() -> dict[str, list[Step]]:
    """Schema -> the fields that lead to it from the pod's spec."""
    found: dict[str, list[Step]] = {"PodSpec": []}
    todo = ["PodSpec"]
    while todo:
        schema = todo.pop(0)
        for name, line in SCHEMAS[schema].items():
            if isinstance(line, Inside) and line.schema not in found:
                found[line.schema] = [*found[schema], (name, line.is_list)]
                todo.append(line.schema)
    return found


WAYS = ways()


def put(spec: Json, schema: str, name: str, value: Json) -> None:
    """Set a field of the first object of that schema, made where there is none."""
    for step, is_list in WAYS[schema]:
        inner = spec.get(step) or ([{"name": "added"}] if is_list else {})
        spec[step] = inner
        spec = inner[0] if is_list else inner
    spec[name] = value


def any_value(served: str) -> Json:
    """A value of the server's type that is neither zero nor empty."""
    if served.startswith("["):
        return [any_value(served[1:-1])]
    return {"string": "odd", "boolean": True, "integer": 7}.get(served, {"some": "thing"})


OTHER = "registry.example.com.evil.io/agents/research@sha256:" + "ab" * 32
BAD: dict[str, tuple[str, Json, str]] = {
    "AppArmorProfile.localhostProfile": ("research", "x", "APPARMOR"),
    "AppArmorProfile.type": ("research", "Unconfined", "APPARMOR"),
    "Capabilities.add": ("research", ["SYS_PTRACE"], "CAPABILITY"),
    "Capabilities.drop": ("research", ["NET_RAW"], "CAPABILITY"),
    "Container.command": ("research", ["/bin/other"], "COMMAND"),
    "Container.image": ("research", OTHER, "IMAGE"),
    "Container.name": ("research", "agent", "DUPLICATE_CONTAINER"),
    "EphemeralContainer.command": ("research", ["/bin/other"], "COMMAND"),
    "EphemeralContainer.image": ("research", OTHER, "IMAGE"),
    "EphemeralContainer.name": ("research", "agent", "DUPLICATE_CONTAINER"),
    "ExecAction.command": ("research", ["sh", "-c", "x"], "COMMAND"),
    "PodSecurityContext.runAsNonRoot": ("research", False, "ROOT"),
    "PodSecurityContext.runAsUser": ("research", 0, "ROOT"),
    "PodSpec.automountServiceAccountToken": ("summary", True, "TOKEN_MOUNT"),
    "PodSpec.imagePullSecrets": ("research", [{"name": "x"}], "PULL_SECRET"),
    "PodSpec.nodeName": ("research", "node-1", "NODENAME"),
    "PodSpec.runtimeClassName": ("research", "runc", "RUNTIME_CLASS"),
    "PodSpec.serviceAccount": ("research", "admin", "AMBIGUOUS_SA"),
    "PodSpec.serviceAccountName": ("research", "admin", "SA_NOT_ALLOWED"),
    "ResourceRequirements.limits": ("research", {"example.com/kvm": "1"}, "DEVICES"),
    "ResourceRequirements.requests": ("research", {"example.com/kvm": "1"}, "DEVICES"),
    "SeccompProfile.localhostProfile": ("research", "policyc/summary.json", "SECCOMP_PROFILE"),
    "SeccompProfile.type": ("research", "Unconfined", "SECCOMP_TYPE"),
    "SecurityContext.allowPrivilegeEscalation": ("research", True, "ESCALATION"),
    "SecurityContext.readOnlyRootFilesystem": ("research", False, "WRITABLE_ROOT"),
    "SecurityContext.runAsNonRoot": ("research", False, "ROOT"),
    "SecurityContext.runAsUser": ("research", 0, "ROOT"),
    "Volume.csi": ("research", {"driver": "x.example"}, "VOLUME_TYPE"),
    "Volume.image": ("research", {"reference": OTHER}, "IMAGE"),
    "Volume.secret": ("research", {"secretName": "x"}, "SECRET_VOLUME"),
    "VolumeMount.mountPath": ("research", "/etc/", "MOUNT_PATH"),
    "VolumeProjection.secret": ("research", {"name": "x"}, "SECRET_VOLUME"),
    "VolumeProjection.serviceAccountToken": ("summary", {"path": "x"}, "TOKEN_VOLUME"),
}
"""Field that a check judges -> agent, a value that it must not have, and why."""
