"""Group C: what the spec of a pod says."""

from __future__ import annotations

import copy

from support.admission import IMAGE, in_kind, kind, pod
from support.cases.row import Json, Server, row
from support.pod_faults import DIGEST

AT = f"@{DIGEST}"
ALL = {"drop": ["ALL"]}
EMPTY = {"emptyDir": {}}
CLAIM = {"persistentVolumeClaim": {"claimName": "c"}}
INVALID, COMPLETED, DROPPED = Server.INVALID, Server.COMPLETED, Server.DROPPED


def deployed(made: Json) -> Json:
    """The agent's Deployment of a pod."""
    return in_kind(kind("Deployment"), made)


def spec(fields: Json, agent: str = "research") -> Json:
    """The agent's Deployment with these fields of the pod's spec; None takes one away."""
    made = pod(agent)
    made["spec"] |= copy.deepcopy(fields)
    return deployed(made)


def container(fields: Json, agent: str = "research") -> Json:
    """The agent's Deployment with these fields of its container."""
    (only,) = pod(agent)["spec"]["containers"]
    return spec({"containers": [only | fields]}, agent)


def context(fields: Json, agent: str = "research") -> Json:
    """The agent's Deployment with these fields of its container's securityContext."""
    (only,) = pod(agent)["spec"]["containers"]
    return container({"securityContext": only["securityContext"] | fields}, agent)


def volume(source: Json, agent: str = "research") -> Json:
    """The agent's Deployment with such a volume."""
    return spec({"volumes": [{"name": "v", **source}]}, agent)


def unmasked() -> Json:
    """All of /proc, in a user namespace as the API server wants it then."""
    made = context({"procMount": "Unmasked"})
    made["spec"]["template"]["spec"]["hostUsers"] = False
    return made


def image(name: Json) -> Json:
    return container({"image": name})


def mount(fields: Json, source: Json) -> Json:
    """With a volume of the source, mounted so; on a block volume, ``volumeDevices``."""
    (only,) = pod()["spec"]["containers"]
    field = "volumeDevices" if "devicePath" in fields else "volumeMounts"
    mounted = only | {field: [{"name": "v", **fields}]}
    return spec({"volumes": [{"name": "v", **source}], "containers": [mounted]})


def several(field: str, count: int, at: int = -1, **more: Json) -> Json:
    """Containers of one list, of which the one at ``at`` is privileged."""
    made = pod()
    good = made["spec"]["containers"][0]
    listed = [{**copy.deepcopy(good), "name": f"{field[:4]}{i}", **more} for i in range(count)]
    if at >= 0:
        listed[at]["securityContext"] |= {"privileged": True, "allowPrivilegeEscalation": True}
    made["spec"][field] = listed
    return made


def claim(name: str) -> Json:
    """With a device that a ResourceClaimTemplate describes."""
    (only,) = pod()["spec"]["containers"]
    asking = only | {"resources": {"claims": [{"name": name}]}}
    made = {"name": name, "resourceClaimTemplateName": name}
    return spec({"resourceClaims": [made], "containers": [asking]})


def twice(field: str) -> Json:
    made = pod()
    twin = copy.deepcopy(made["spec"]["containers"][0])
    made["spec"].setdefault(field, []).append(twin)
    return made


def projected(**source: Json) -> Json:
    return {"projected": {"sources": [source]}}


def token(**fields: Json) -> Json:
    return projected(serviceAccountToken={"path": "t", **fields})


ACCOUNTS = [
    row("C1", spec({"serviceAccountName": None}), "SA_NOT_ALLOWED"),
    row("C1-empty", spec({"serviceAccountName": ""}), "SA_NOT_ALLOWED"),
    row("C2", spec({"serviceAccountName": None, "serviceAccount": "admin"}), "SA_NOT_ALLOWED"),
    row("C2-its-own", spec({"serviceAccountName": None, "serviceAccount": "research"})),
    row("C3", spec({"serviceAccount": "admin"}), "AMBIGUOUS_SA", server=DROPPED),
    row("C5", volume(token(audience=""), "summary"), "TOKEN_VOLUME"),
    row("C5-absent", volume(token(), "summary"), "TOKEN_VOLUME"),
    row("C5-other-audience", volume(token(audience="vault")), "TOKEN_VOLUME"),
    row("C5-aws", volume(token(audience="sts.amazonaws.com")), "TOKEN_VOLUME"),
    row("C5-gke", volume(token(audience="p.svc.id.goog")), "TOKEN_VOLUME"),
    row("C5-number", volume(token(audience=7)), "TOKEN_VOLUME", server=INVALID),
    row("C4-uses-the-api", volume(token())),
    row("C4-uses-the-api-anyway", spec({"automountServiceAccountToken": None})),
    row("C6", volume({"secret": {"secretName": "research-token"}}), "SECRET_VOLUME"),
    row("C6-projected", volume(projected(secret={"name": "x"})), "SECRET_VOLUME"),
    row("C6-unnamed", volume({"secret": {}}), "SECRET_VOLUME", server=INVALID),
]

LISTS = [
    row("C7", several("initContainers", 1, 0), "PRIVILEGED", "ESCALATION"),
    row("C7-good", several("initContainers", 1)),
    row("C8", several("initContainers", 1, 0, restartPolicy="Always"), "PRIVILEGED", "ESCALATION"),
    row("C8-good", several("initContainers", 1, restartPolicy="Always")),
    row("C9", several("containers", 8, 7), "PRIVILEGED", "ESCALATION"),
    row("C9-good", several("containers", 8)),
]

PODS = [
    row("C10", spec({"hostNetwork": True}), "HOST_NET"),
    row("C10-false", spec({"hostNetwork": False, "hostPID": False, "hostIPC": None})),
    row("C11", spec({"hostPID": True}), "HOST_PID"),
    row("C12", spec({"hostIPC": True}), "HOST_IPC"),
    row("C13", spec({"shareProcessNamespace": True}), "SHARED_PROCESSES"),
    row("C20", spec({"runtimeClassName": None}), "RUNTIME_CLASS", server=COMPLETED),
    row("C20-other", spec({"runtimeClassName": "runc"}), "RUNTIME_CLASS"),
    row("C21", spec({"nodeName": "node-1"}), "NODENAME"),
    row("C22", spec({"hostAliases": [{"ip": "203.0.113.9", "hostnames": ["api.example.com"]}]}), "HOSTALIASES"),
    row("C23", spec({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["8.8.8.8"]}}), "DNS"),
    row("C23-of-the-node", spec({"dnsPolicy": "Default"}), "DNS"),
    row("C23-search", spec({"dnsConfig": {"searches": ["evil.example"]}}), "DNS"),
    row("C23-of-the-cluster", spec({"dnsPolicy": "ClusterFirst"})),
    row("C23-options", spec({"dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}})),
    row("C31-windows", spec({"os": {"name": "windows"}}), "OS", server=INVALID),
    row("C32-text", spec({"containers": "x"}), "MALFORMED", server=INVALID),
    row("C32-number", spec({"containers": [7]}), "MALFORMED", server=INVALID),
    row("C32-nothing", spec({"securityContext": None}), "ROOT", "SECCOMP_MISSING", server=COMPLETED),
    row("C33", spec({"containers": []}), "NO_CONTAINERS", server=INVALID),
    row("C33-null", spec({"containers": None}), "NO_CONTAINERS", server=INVALID),
    row("C33-containers", twice("containers"), "DUPLICATE_CONTAINER", server=INVALID),
    row("C33-initContainers", twice("initContainers"), "DUPLICATE_CONTAINER", server=INVALID),
    row("C33-ephemeralContainers", twice("ephemeralContainers"), "DUPLICATE_CONTAINER", "EPHEMERAL", server=INVALID),
    row("C19-sysctl", spec({"securityContext": pod()["spec"]["securityContext"] | {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}), "SYSCTL"),
]  # fmt: skip

VOLUMES = [
    row("C14", volume({"hostPath": {"path": "/var/lib/kubelet/seccomp"}}), "HOSTPATH"),
    row("C14-no-api", volume({"hostPath": {"path": "/var/lib/kubelet/seccomp"}}, "summary"), "HOSTPATH"),
    *(row(f"C15-{path}", volume({"hostPath": {"path": path}}), "HOSTPATH") for path in ("/var/run/secrets/x", "/proc", "/", "//var/lib//kubelet/")),
    row("C15-/tmp/../proc/", volume({"hostPath": {"path": "/tmp/../proc/"}}), "HOSTPATH", server=INVALID),
    *(
        row(f"C16-{next(iter(source))}", volume(source), "VOLUME_TYPE")
        for source in (
            {"csi": {"driver": "x.example"}},
            {"flexVolume": {"driver": "x"}},
            {"gitRepo": {"repository": "https://git.example/x"}},
            {"nfs": {"server": "x", "path": "/"}},
            {"iscsi": {"targetPortal": "192.0.2.1", "iqn": "iqn.2001-04.com.example:x", "lun": 0}},
        )
    ),
    row("C16-listed", volume({"image": {"reference": IMAGE}})),
]  # fmt: skip

CONTAINERS = [
    row("C16-device", mount({"devicePath": "/dev/x"}, CLAIM), "VOLUME_TYPE"),
    row("C29", container({"command": ["/bin/sh", "-c", "x"]}), "COMMAND", "SHELL_WRAPPER"),
    row("C29-relative", container({"command": ["python"]}), "COMMAND"),
    row("C29-expanded", container({"command": ["$(HOME)/x"]}), "COMMAND"),
    row("C28", container({"lifecycle": {"postStart": {"exec": {"command": ["/usr/bin/curl", "x"]}}}}), "COMMAND"),
    row("C28-probe", container({"livenessProbe": {"exec": {"command": ["/usr/bin/curl"]}}}), "COMMAND"),
    row("C28-host", container({"readinessProbe": {"httpGet": {"host": "203.0.113.9", "port": 80}}}), "PROBE_HOST"),
    row("C28-hook-host", container({"lifecycle": {"preStop": {"tcpSocket": {"host": "203.0.113.9", "port": 80}}}}), "PROBE_HOST"),
    row("C10-port", container({"ports": [{"containerPort": 80, "hostPort": 80}]}), "HOST_PORT"),
    row("C22-mounted", mount({"mountPath": "/etc/hosts", "subPath": "h"}, EMPTY), "MOUNT_PATH"),
    row("C23-mounted", mount({"mountPath": "/x/../etc/resolv.conf"}, EMPTY), "MOUNT_PATH"),
    row("C15-propagated", mount({"mountPath": "/data", "mountPropagation": "Bidirectional"}, EMPTY), "MOUNT_PROPAGATION", server=INVALID),
    row("C15-propagated-inwards", mount({"mountPath": "/data", "mountPropagation": "HostToContainer"}, EMPTY), "MOUNT_PROPAGATION"),
    row("C16-plugin", container({"resources": {"limits": {"memory": "1Gi", "example.com/kvm": 1}}}), "DEVICES"),
    row("C16-claim", claim("gpu"), "DEVICES"),
    row("C32-null", container({"env": None, "envFrom": None, "volumeMounts": None})),
    row("C32-context", container({"securityContext": None}), "ESCALATION", "WRITABLE_ROOT", "CAPABILITY", server=COMPLETED),
    row("C32-name", container({"name": None}), server=INVALID),
]  # fmt: skip

CONTEXTS = [
    row("C17", context({"privileged": True}), "PRIVILEGED", server=INVALID),
    row("C17-escalation", context({"privileged": True, "allowPrivilegeEscalation": True}), "PRIVILEGED", "ESCALATION"),
    *(
        row(f"C18-{name}", context({"capabilities": {**ALL, "add": [name]}}), "CAPABILITY")
        for name in ("NET_RAW", "CAP_NET_RAW", "net_raw", "cap_net_raw", "ALL", "all", "NET_BIND_SERVICE", "", "X")
    ),
    row("C18-kept", context({"capabilities": {"drop": ["NET_RAW"]}}), "CAPABILITY", server=COMPLETED),
    row("C18-null", context({"capabilities": None}), "CAPABILITY", server=COMPLETED),
    row("C19-proc", context({"procMount": "Unmasked"}), "PROC_MOUNT", server=INVALID),
    row("C19-proc-of-users", unmasked(), "PROC_MOUNT"),
    row("C19-root", context({"runAsUser": 0}), "ROOT"),
    row("C19-may-be-root", context({"runAsNonRoot": False}), "ROOT"),
    row("C19-escalation", context({"allowPrivilegeEscalation": None}), "ESCALATION", server=COMPLETED),
    row("C19-files", context({"readOnlyRootFilesystem": None}), "WRITABLE_ROOT", server=COMPLETED),
    row("C19-selinux", context({"seLinuxOptions": {"type": "spc_t"}}), "SELINUX"),
    row("C19-windows", context({"windowsOptions": {"hostProcess": True}}), "OS", server=INVALID),
]  # fmt: skip

IMAGES = [
    row("C25", image(f"registry.example.com.evil.io/agents/x{AT}"), "IMAGE"),
    row("C25-no-slash", image(f"registry.example.com/agents{AT}"), "IMAGE"),
    row("C25-sibling", image(f"registry.example.com/agents-evil/x{AT}"), "IMAGE"),
    row("C25-dots", image(f"registry.example.com/agents/../x{AT}"), "IMAGE"),
    row("C26", image("registry.example.com:443/agents/x"), "IMAGE", "IMAGE_DIGEST"),
    row("C26-port", image(f"registry.example.com:443/agents/x{AT}"), "IMAGE"),
    row("C26-nothing", image("registry.example.com/agents/x"), "IMAGE_DIGEST"),
    row("C26-tag", image("registry.example.com/agents/x:1.2"), "IMAGE_DIGEST"),
    row("C27-tag-and-digest", image(f"registry.example.com/agents/x:1{AT}")),
    row("C27-short", image("registry.example.com/agents/x:1@sha256:ab"), "IMAGE"),
    row("C27-md5", image("registry.example.com/agents/x@md5:" + "a" * 32), "IMAGE"),
    row("C27-upper-case", image(f"registry.example.com/Agents/x{AT}"), "IMAGE"),
    row("C27-upper-host", image(f"Registry.example.com/agents/x{AT}"), "IMAGE"),
    row("C27-implicit-hub", image(f"agents/x{AT}"), "IMAGE"),
    row("C27-implicit-library", image("x"), "IMAGE", "IMAGE_DIGEST"),
    row("C27-empty", image(""), "IMAGE", server=INVALID),
    row("C27-null", image(None), "IMAGE", server=INVALID),
    row("C27-space", image(f" registry.example.com/agents/x{AT}"), "IMAGE"),
    row("C27-line", image(f"registry.example.com/agents/x{AT}\n"), "IMAGE"),
]

GROUP_C = [*ACCOUNTS, *LISTS, *PODS, *VOLUMES, *CONTAINERS, *CONTEXTS, *IMAGES]
