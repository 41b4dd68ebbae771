"""Bugs of the steps that make grants of observations."""

from __future__ import annotations

from support.mutants.mutation import Mutation

_STEPS = "policyc.lower.generalise"
_LADDER = "policyc.lower.ladder"

GENERALISING = (
    Mutation(
        "calls-everywhere",
        f"{_STEPS}.syscalls",
        'SYSCALLS.written({"architecture": architecture, "name": name})',
        'SYSCALLS.written({"name": name})',
        "a call that was seen on one architecture is granted on all",
    ),
    Mutation(
        "files-both-modes",
        f"{_STEPS}.paths",
        "_MODE.parse(sorted(modes))",
        '_MODE.parse(["read", "write"])',
        "what was read may be written",
    ),
    Mutation(
        "programs-of-the-folder",
        f"{_STEPS}.paths",
        'EXEC.box({"path": _PATH.single(path)})',
        'EXEC.box({"path": _PATH.extent(path.rpartition("/")[0] + "/**")})',
        "all programs beside one that was run are granted",
    ),
    Mutation(
        "pods-any-port",
        f"{_STEPS}.peers",
        "{**_flow(observation), **_labelled(labels, spaces)}",
        '{"protocol": observation.protocol, **_labelled(labels, spaces)}',
        "a pod that was connected to may be on every port",
    ),
    Mutation(
        "pods-any-namespace",
        f"{_STEPS}.peers",
        "_labelled(labels, spaces)",
        "_labelled(labels, ())",
        "pods with the labels are granted in every namespace",
    ),
    Mutation(
        "service-port",
        f"{_STEPS}.peers",
        "for target in sorted(meant) or [observation.port]:",
        "for target in [observation.port]:",
        "the port of a Service is granted in place of its pods'",
    ),
    Mutation(
        "kube-any-namespace",
        f"{_STEPS}.kube",
        "if observation.namespace:",
        "if observation.namespace and observation.name:",
        "who lists in one namespace may list in all",
    ),
    Mutation(
        "capabilities-asked-for",
        f"{_STEPS}.calls",
        "if observation.granted:",
        "if observation.name:",
        "a capability that the kernel refused is granted",
    ),
    Mutation(
        "tools-of-the-server",
        f"{_STEPS}.calls",
        'point = {"server": server.name, "tool": observation.tool}',
        'point = {"server": server.name}',
        "who uses one tool of a server may use all",
    ),
    Mutation(
        "ladder-any-time",
        _LADDER,
        "if t - start <= rung.within_seconds}",
        "if t >= start}",
        "a network is granted for addresses that were seen far apart",
    ),
    Mutation(
        "ladder-local",
        _LADDER,
        "        whole - _local(),",
        "        whole,",
        "a short prefix reaches the metadata service",
    ),
    Mutation(
        "ladder-needs-one",
        _LADDER,
        "evidence, rung.seen, note)",
        "evidence, 1, note)",
        "a network outlives the loss of all but one of its sightings",
    ),
)
