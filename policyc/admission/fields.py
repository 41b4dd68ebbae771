"""What admission does with each field of an agent's pod: a closed world.

Every field of the pod spec that the API server knows (Kubernetes 1.36) has a line here,
down to where nothing more depends on it; tests/admission/test_pod_spec_is_covered.py
compares with the server's own OpenAPI.  What has no line is refused as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Irrelevant:
    """Nothing that the field can say widens what the agent may do: ``because``."""

    because: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A check of its own judges the field: ``by`` is ``module.function`` below checks/.

    ``type`` is the JSON type that the check relies on.
    """

    by: str
    type: type


@dataclass(frozen=True, slots=True)
class Inside:
    """The fields of the value, or of each item of the list, have lines of their own."""

    schema: str
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The field must not be there; null, false, zero and empty values count as absent."""

    reason: str
    because: str


@dataclass(frozen=True, slots=True)
class Only:
    """The field may have these values, the empty string among them, and no others."""

    values: frozenset[str]
    reason: str
    because: str


Field = Irrelevant | Judged | Inside | Refused | Only

_AMOUNT = Irrelevant("how much or how long, not what")
_PLACE = Irrelevant("where it runs, not what it may do there")
_NAME = Irrelevant("a name within the pod")
_STARTS = Irrelevant("when it starts, restarts and ends")
_REQUESTED = Irrelevant("a request for tools, models or egress: judged with those")
_STORAGE = Irrelevant("a claim on storage; what stands behind it is the administrator's choice")
_TERMINAL = Irrelevant("a terminal is used by attach, which is judged on its own")
_NODE_VOLUME = Refused("VOLUME_TYPE", "agents have no volumes that nodes or networks provide")
_SELINUX_FREE = Irrelevant("the category of a confined type")
_WINDOWS = Refused("OS", "seccomp and capabilities mean nothing on Windows")
_MUST_BE_CONFINED = "another user or role may leave the confined domain"
_PROBE_HOST = Only(
    frozenset({""}), "PROBE_HOST", "the node would connect there, past the NetworkPolicies"
)
# Pod Security Standards 1.34, baseline: SELinux.
_SELINUX_TYPES = frozenset(
    {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
)

_CONTAINER: Mapping[str, Field] = {
    "args": _REQUESTED,
    "command": Judged("commands.entrypoint", list),
    "env": _REQUESTED,
    "envFrom": _REQUESTED,
    "image": Judged("images.images", str),
    "imagePullPolicy": Irrelevant("the digest says which image"),
    "lifecycle": Inside("Lifecycle"),
    "livenessProbe": Inside("Probe"),
    "name": Judged("containers.names", str),
    "ports": Inside("ContainerPort", is_list=True),
    "readinessProbe": Inside("Probe"),
    "resizePolicy": _STARTS,
    "resources": Inside("ResourceRequirements"),
    "restartPolicy": _STARTS,
    "restartPolicyRules": _STARTS,
    "securityContext": Inside("SecurityContext"),
    "startupProbe": Inside("Probe"),
    "stdin": _TERMINAL,
    "stdinOnce": _TERMINAL,
    "terminationMessagePath": Irrelevant("a file of the container itself"),
    "terminationMessagePolicy": Irrelevant("what of the container's output the status keeps"),
    "tty": _TERMINAL,
    "volumeDevices": Refused("VOLUME_TYPE", "agents have no block devices"),
    "volumeMounts": Inside("VolumeMount", is_list=True),
    "workingDir": Irrelevant("commands are absolute paths"),
}

SCHEMAS: Mapping[str, Mapping[str, Field]] = MappingProxyType(
    {
        "PodSpec": {
            "activeDeadlineSeconds": _STARTS,
            "affinity": _PLACE,
            "automountServiceAccountToken": Judged("tokens.automount", bool),
            "containers": Inside("Container", is_list=True),
            "dnsConfig": Inside("PodDNSConfig"),
            "dnsPolicy": Only(
                frozenset({"", "ClusterFirst", "ClusterFirstWithHostNet"}),
                "DNS",
                "an agent asks the cluster's DNS and no other",
            ),
            "enableServiceLinks": Irrelevant("addresses of Services, which DNS tells as well"),
            "ephemeralContainers": Inside("EphemeralContainer", is_list=True),
            "hostAliases": Refused(
                "HOSTALIASES", "a permitted name would lead to an address of the pod's choice"
            ),
            "hostIPC": Refused("HOST_IPC", "an agent has no namespace of the node"),
            "hostNetwork": Refused(
                "HOST_NET", "NetworkPolicies do not bind pods on the node's network"
            ),
            "hostPID": Refused("HOST_PID", "an agent has no namespace of the node"),
            "hostUsers": Irrelevant("false maps root away, true is the default"),
            "hostname": _NAME,
            "hostnameOverride": _NAME,
            "imagePullSecrets": Judged("images.pull_secrets", list),
            "initContainers": Inside("Container", is_list=True),
            "nodeName": Judged("scheduling.node_name", str),
            "nodeSelector": _PLACE,
            "os": Inside("PodOS"),
            "overhead": _AMOUNT,
            "preemptionPolicy": _PLACE,
            "priority": _PLACE,
            "priorityClassName": _PLACE,
            "readinessGates": _STARTS,
            "resourceClaims": Refused("DEVICES", "an envelope has no devices"),
            "resources": Inside("ResourceRequirements"),
            "restartPolicy": _STARTS,
            "runtimeClassName": Judged("scheduling.runtime_class", str),
            "schedulerName": _PLACE,
            "schedulingGates": _STARTS,
            "schedulingGroup": _PLACE,
            "securityContext": Inside("PodSecurityContext"),
            "serviceAccount": Judged("accounts.own_account", str),
            "serviceAccountName": Judged("accounts.own_account", str),
            "setHostnameAsFQDN": _NAME,
            "shareProcessNamespace": Refused(
                "SHARED_PROCESSES", "containers could reach into each other's files and memory"
            ),
            "subdomain": _NAME,
            "terminationGracePeriodSeconds": _STARTS,
            "tolerations": _PLACE,
            "topologySpreadConstraints": _PLACE,
            "volumes": Inside("Volume", is_list=True),
        },
        "Container": _CONTAINER,
        "EphemeralContainer": {
            **_CONTAINER,
            "targetContainerName": Irrelevant("ephemeral containers are refused as a whole"),
        },
        "PodDNSConfig": {
            "nameservers": Refused("DNS", "an agent asks the cluster's DNS and no other"),
            "options": Irrelevant("how names are asked for, not whom"),
            "searches": Refused("DNS", "a short name would become one of the pod's choice"),
        },
        "PodOS": {"name": Only(frozenset({"", "linux"}), "OS", _WINDOWS.because)},
        "PodSecurityContext": {
            "appArmorProfile": Inside("AppArmorProfile"),
            "fsGroup": Irrelevant("a group of the pod's own volumes"),
            "fsGroupChangePolicy": Irrelevant("when the group of volumes is set"),
            "runAsGroup": Irrelevant("groups give nothing without the node's files"),
            "runAsNonRoot": Judged("security.user", bool),
            "runAsUser": Judged("security.user", int),
            "seLinuxChangePolicy": Irrelevant("when labels of volumes are set"),
            "seLinuxOptions": Inside("SELinuxOptions"),
            "seccompProfile": Inside("SeccompProfile"),
            "supplementalGroups": Irrelevant("groups give nothing without the node's files"),
            "supplementalGroupsPolicy": Irrelevant("groups give nothing without the node's files"),
            "sysctls": Refused("SYSCTL", "kernel parameters are the node's business"),
            "windowsOptions": _WINDOWS,
        },
        "SecurityContext": {
            "allowPrivilegeEscalation": Judged("security.escalation", bool),
            "appArmorProfile": Inside("AppArmorProfile"),
            "capabilities": Inside("Capabilities"),
            "privileged": Refused("PRIVILEGED", "a privileged container runs unconfined"),
            "procMount": Only(frozenset({"", "Default"}), "PROC_MOUNT", "/proc must stay masked"),
            "readOnlyRootFilesystem": Judged("security.root_filesystem", bool),
            "runAsGroup": Irrelevant("groups give nothing without the node's files"),
            "runAsNonRoot": Judged("security.user", bool),
            "runAsUser": Judged("security.user", int),
            "seLinuxOptions": Inside("SELinuxOptions"),
            "seccompProfile": Inside("SeccompProfile"),
            "windowsOptions": _WINDOWS,
        },
        "Capabilities": {
            "add": Judged("security.capabilities", list),
            "drop": Judged("security.capabilities", list),
        },
        "SeccompProfile": {
            "localhostProfile": Judged("seccomp.profile", str),
            "type": Judged("seccomp.profile", str),
        },
        "AppArmorProfile": {
            "localhostProfile": Judged("apparmor.profile", str),
            "type": Judged("apparmor.profile", str),
        },
        "SELinuxOptions": {
            "level": _SELINUX_FREE,
            "role": Refused("SELINUX", _MUST_BE_CONFINED),
            "type": Only(_SELINUX_TYPES, "SELINUX", "another type may be unconfined"),
            "user": Refused("SELINUX", _MUST_BE_CONFINED),
        },
        "ContainerPort": {
            "containerPort": Irrelevant("documentation; NetworkPolicies decide"),
            "hostIP": Irrelevant("means something with a hostPort only"),
            "hostPort": Refused("HOST_PORT", "the port would be open on the node"),
            "name": _NAME,
            "protocol": Irrelevant("documentation; NetworkPolicies decide"),
        },
        "ResourceRequirements": {
            "claims": Refused("DEVICES", "an envelope has no devices"),
            "limits": Judged("resources.devices", dict),
            "requests": Judged("resources.devices", dict),
        },
        "VolumeMount": {
            "mountPath": Judged("volumes.mount_paths", str),
            "mountPropagation": Only(
                frozenset({"", "None"}), "MOUNT_PROPAGATION", "mounts must not cross the container"
            ),
            "name": _NAME,
            "readOnly": Irrelevant("the volume itself is judged"),
            "recursiveReadOnly": Irrelevant("the volume itself is judged"),
            "subPath": Irrelevant("a part of a volume that is judged"),
            "subPathExpr": Irrelevant("a part of a volume that is judged"),
        },
        "Lifecycle": {
            "postStart": Inside("LifecycleHandler"),
            "preStop": Inside("LifecycleHandler"),
            "stopSignal": _STARTS,
        },
        "LifecycleHandler": {
            "exec": Inside("ExecAction"),
            "httpGet": Inside("HTTPGetAction"),
            "sleep": _STARTS,
            "tcpSocket": Inside("TCPSocketAction"),
        },
        "Probe": {
            "exec": Inside("ExecAction"),
            "failureThreshold": _STARTS,
            "grpc": Irrelevant("it goes to the pod itself"),
            "httpGet": Inside("HTTPGetAction"),
            "initialDelaySeconds": _STARTS,
            "periodSeconds": _STARTS,
            "successThreshold": _STARTS,
            "tcpSocket": Inside("TCPSocketAction"),
            "terminationGracePeriodSeconds": _STARTS,
            "timeoutSeconds": _STARTS,
        },
        "ExecAction": {"command": Judged("commands.hooks", list)},
        "HTTPGetAction": {
            "host": _PROBE_HOST,
            "httpHeaders": Irrelevant("it goes to the pod itself"),
            "path": Irrelevant("it goes to the pod itself"),
            "port": Irrelevant("it goes to the pod itself"),
            "scheme": Irrelevant("it goes to the pod itself"),
        },
        "TCPSocketAction": {"host": _PROBE_HOST, "port": Irrelevant("it goes to the pod itself")},
        "Volume": {
            **dict.fromkeys(
                """awsElasticBlockStore azureDisk azureFile cephfs cinder fc flexVolume flocker
                gcePersistentDisk gitRepo glusterfs iscsi nfs photonPersistentDisk portworxVolume
                quobyte rbd scaleIO storageos vsphereVolume""".split(),
                _NODE_VOLUME,
            ),
            "configMap": _REQUESTED,
            "csi": Judged("volumes.csi_drivers", dict),
            "downwardAPI": _REQUESTED,
            "emptyDir": Irrelevant("a folder of the pod's own"),
            "ephemeral": _STORAGE,
            "hostPath": Refused("HOSTPATH", "an agent has no files of the node"),
            "image": Judged("images.images", dict),
            "name": _NAME,
            "persistentVolumeClaim": _STORAGE,
            "projected": Inside("ProjectedVolumeSource"),
            "secret": Judged("tokens.secret_volumes", dict),
        },
        "ProjectedVolumeSource": {
            "defaultMode": Irrelevant("file modes within the pod"),
            "sources": Inside("VolumeProjection", is_list=True),
        },
        "VolumeProjection": {
            "clusterTrustBundle": Irrelevant("public certificates"),
            "configMap": _REQUESTED,
            "downwardAPI": _REQUESTED,
            "podCertificate": Refused(
                "TOKEN_VOLUME", "a certificate is an identity that the envelope does not name"
            ),
            "secret": Judged("tokens.secret_volumes", dict),
            "serviceAccountToken": Judged("tokens.token_volumes", dict),
        },
    }
)
"""Schema of io.k8s.api.core.v1 -> field -> what is done with it."""
