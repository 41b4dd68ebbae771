"""Bugs of the pod security patch, and of what all emitters share."""

from __future__ import annotations

from support.mutants.mutation import Mutation

_EMITTER = "policyc.emit.pod_security"

POD_SECURITY = (
    Mutation(
        "pod-escalation",
        _EMITTER,
        '"allowPrivilegeEscalation": False,\n        "privileged": False,\n        "readOnly',
        '"allowPrivilegeEscalation": True,\n        "privileged": False,\n        "readOnly',
        "a set-user-ID program gains privileges",
    ),
    Mutation(
        "pod-privileged",
        _EMITTER,
        '"privileged": False,\n        "readOnly',
        '"privileged": bool(capabilities),\n        "readOnly',
        "an agent with a capability gets a privileged container",
    ),
    Mutation(
        "pod-capabilities-kept",
        _EMITTER,
        'limits: dict[str, Json] = {"drop": ["ALL"]}',
        'limits: dict[str, Json] = {"drop": ["NET_RAW"]}',
        "the container keeps the runtime's own set of capabilities",
    ),
    Mutation(
        "pod-capability-level",
        _EMITTER,
        "if name in addable:",
        "if addable:",
        "capabilities are added that the level of the class forbids",
    ),
    Mutation(
        "pod-seccomp-default",
        _EMITTER,
        '"type": "Localhost",\n            "localhostProfile": f"policyc/{envelope.subject.agent}.json",',
        '"type": "RuntimeDefault",',
        "the container runs under the runtime's profile in place of its own",
    ),
    Mutation(
        "pod-seccomp-other",
        _EMITTER,
        'f"policyc/{envelope.subject.agent}.json"',
        'f"policyc/{envelope.subject.class_name}.json"',
        "the container runs under a profile that is not its own",
    ),
    Mutation(
        "pod-root-user",
        _EMITTER,
        'if envelope.pod.level == "restricted":',
        'if envelope.pod.level == "baseline":',
        "agents at the level `restricted` may run as root",
    ),
    Mutation(
        "pod-user-forgotten",
        _EMITTER,
        'context["runAsUser"] = envelope.pod.run_as_user',
        'context["runAsUser"] = 0',
        "the container runs as another user than the class says",
    ),
    Mutation(
        "pod-root-files",
        _EMITTER,
        '"readOnlyRootFilesystem": envelope.pod.read_only_root,',
        '"readOnlyRootFilesystem": not envelope.pod.read_only_root,',
        "the image's files can be changed where the class says that they cannot",
    ),
    Mutation(
        "pod-runtime-class",
        _EMITTER,
        "if envelope.pod.runtime_class:",
        "if not envelope.pod.level:",
        "the sandbox that the class names is forgotten",
    ),
    Mutation(
        "pod-account",
        _EMITTER,
        '"serviceAccountName": subject.service_account.partition("/")[2],',
        '"serviceAccountName": subject.service_account.partition("/")[0],',
        "the pod runs as another ServiceAccount",
    ),
    Mutation(
        "pod-wrong-list",
        _EMITTER,
        'return "initContainers" if workload.is_init else "containers"',
        'return "containers" if workload.is_init else "initContainers"',
        "the patch adds a container in place of confining the one that is there",
    ),
    Mutation(
        "pod-apparmor",
        _EMITTER,
        'context["appArmorProfile"] = {"type": "RuntimeDefault"}',
        'context["appArmorProfile"] = {"type": "Unconfined"}',
        "AppArmor confines nothing",
    ),
    Mutation(
        "object-names-collide",
        "policyc.emit.base",
        'return f"policyc-{stem}-{mark}{suffix}"',
        'return f"policyc-{stem}{suffix}"',
        "two agents write one object, and the second undoes the first",
    ),
)
