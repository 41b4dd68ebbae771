"""The catalogue's tables agree with themselves and with each other."""

from __future__ import annotations

import ipaddress
from itertools import combinations

import pytest
from support import served

from policyc.admission.manifests import plural
from policyc.catalog import kube_api, labels
from policyc.catalog.capabilities import CAPABILITIES
from policyc.catalog.kube_kinds import KINDS
from policyc.catalog.protected import (
    METADATA_ADDRESSES,
    METADATA_HOSTS,
    PROTECTED_PATHS,
    PROTECTED_TREES,
)
from policyc.catalog.setup_only import SETUP_ONLY
from policyc.catalog.startup import RUNTIMES, STARTUP, startup
from policyc.catalog.syscall_classes import CLASSES, class_of
from policyc.catalog.syscalls import (
    ARCHITECTURES,
    COMPAT,
    PROFILES,
    SCMP_TOKENS,
    all_names,
    names,
    number,
    profile,
    table,
)
from policyc.catalog.unseen import UNSEEN, unseen
from policyc.envelope import domains as d
from policyc.kube.names import fault_of_label_pair, fault_of_subdomain
from policyc.semantics.protected import protected

# -- syscalls ------------------------------------------------------------------------


def test_every_architecture_has_a_table_with_a_number_for_each_name() -> None:
    assert set(table()) == set(ARCHITECTURES) == set(d.ARCHITECTURES)
    for architecture in ARCHITECTURES:
        numbers = [number(architecture, name) for name in names(architecture)]
        assert len(set(numbers)) == len(numbers) > 300
        assert min(numbers) >= 0


# Numbers that are in every kernel's sources since long: arch/x86/entry/syscalls/syscall_64.tbl
# and include/uapi/asm-generic/unistd.h (Linux 6.x).
KNOWN = {
    ("amd64", "read"): 0,
    ("amd64", "execve"): 59,
    ("amd64", "ptrace"): 101,
    ("amd64", "openat"): 257,
    ("amd64", "openat2"): 437,
    ("arm64", "openat"): 56,
    ("arm64", "read"): 63,
    ("arm64", "execve"): 221,
    ("arm64", "openat2"): 437,
    ("riscv64", "execve"): 221,
    ("386", "execve"): 11,
    ("386", "clone3"): 435,
}


@pytest.mark.parametrize(("architecture", "name"), KNOWN)
def test_numbers_are_the_kernel_s(architecture: str, name: str) -> None:
    assert number(architecture, name) == KNOWN[architecture, name]


def test_generic_architectures_number_alike() -> None:
    """arm64 and riscv64 both use the generic table of the kernel."""
    for name in names("arm64") & names("riscv64"):
        assert number("arm64", name) == number("riscv64", name), name


def test_compat_leads_from_a_64_bit_architecture_to_a_known_one() -> None:
    assert set(COMPAT) | set(COMPAT.values()) <= set(ARCHITECTURES)
    assert not set(COMPAT) & set(COMPAT.values())


NAMED = {
    **{f"class {label}": frozenset(members) for label, members in CLASSES.items()},
    **{f"start-up of {s.runtime} {s.version}": s.names for s in STARTUP},
    "unseen": frozenset(UNSEEN),
    "set-up": SETUP_ONLY,
}


@pytest.mark.parametrize("table_name", NAMED)
def test_every_syscall_of_a_table_exists(table_name: str) -> None:
    assert NAMED[table_name] <= all_names(), NAMED[table_name] - all_names()


def test_classes_do_not_overlap_and_say_who_is_in_them() -> None:
    for (one, mine), (other, theirs) in combinations(CLASSES.items(), 2):
        assert not set(mine) & set(theirs), (one, other)
    for label, members in CLASSES.items():
        assert len(set(members)) == len(members) > 1
        for member in members:
            for architecture in SCMP_TOKENS:
                here = members & names(architecture)
                assert class_of(member, architecture) == (label, here)
    assert class_of("ptrace", "amd64") == ("ptrace", frozenset({"ptrace"}))


def test_no_class_leads_to_a_call_that_only_set_up_makes() -> None:
    for label, members in CLASSES.items():
        assert not SETUP_ONLY & set(members), label


def test_what_no_recording_shows_is_no_right() -> None:
    """INVARIANT: container engines permit all of it by default."""
    assert not UNSEEN.keys() & SETUP_ONLY
    for architecture in ARCHITECTURES:
        assert {"restart_syscall", "exit", "futex", "clock_gettime"} <= unseen(architecture).keys()
        assert unseen(architecture).keys() <= profile("runtime-default", architecture)


def test_no_start_up_set_holds_what_only_set_up_makes() -> None:
    for one in STARTUP:
        assert not one.names & SETUP_ONLY, one.runtime


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_runtime_can_start_a_program_on_every_architecture(
    runtime: str, architecture: str
) -> None:
    found = startup(runtime, architecture).names
    assert found <= names(architecture)
    assert {"execve", "write", "close"} <= found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_default_profile_lies_strictly_between_nothing_and_everything(
    architecture: str,
) -> None:
    default, everything = (profile(name, architecture) for name in PROFILES)
    assert {"read", "write", "execve", "openat"} <= default < everything == names(architecture)
    assert not default & {"kexec_load", "init_module", "reboot", "swapon", "open_by_handle_at"}
    with pytest.raises(KeyError):
        profile("unconfined", architecture)


# -- protected set -------------------------------------------------------------------


def test_the_protected_set_is_what_its_tables_say() -> None:
    regions = protected()
    assert set(regions) == {"egress_ip", "egress_host", "files"}
    flow = {"protocol": "tcp", "port": "80"}
    for network in METADATA_ADDRESSES:
        address = network.partition("/")[0]
        assert {**flow, "address": address} in regions["egress_ip"]
        whole = d.EGRESS_IP.written({"address": network})
        assert whole == d.EGRESS_IP.written({"address": address})  # one address, no network
    for host in METADATA_HOSTS:
        assert fault_of_subdomain(host) is None
        assert {**flow, "host": host} in regions["egress_host"]
    for mode in ("read", "write"):
        for path in PROTECTED_PATHS:
            assert {"path": path, "mode": mode} in regions["files"]
        for tree in PROTECTED_TREES:
            assert tree.endswith("/**")
            assert {"path": tree.replace("**", "x/y"), "mode": mode} in regions["files"]


def test_the_protected_set_has_ends() -> None:
    for name, region in protected().items():
        assert region != d.DOMAINS[name].full
    files = protected()["files"]
    for path in ("/etc/passwd", "/proc/self/stat", "/proc/12/status", "/root/x", "/var/lib/x"):
        assert {"path": path, "mode": "read"} not in files
    assert {"path": "/proc/12/environ", "mode": "read"} in files


def test_no_other_spelling_leads_around_the_protected_set() -> None:
    files, addresses = protected()["files"], protected()["egress_ip"]
    for path in (
        "/proc/12/task/13/environ",
        "/proc/self/task/13/mem",
        "/proc/thread-self/environ",
        "/proc/1/root/etc/shadow",
        "/proc/self/root/run/docker.sock",
        "/etc//shadow",
        "/data/../etc/shadow",
    ):
        assert {"path": path, "mode": "read"} in files
    for path in (*PROTECTED_PATHS, *PROTECTED_TREES):
        if path.startswith("/var/run/"):
            assert path.removeprefix("/var") in (*PROTECTED_PATHS, *PROTECTED_TREES)
        assert not path.startswith("/run/") or f"/var{path}" in (*PROTECTED_PATHS, *PROTECTED_TREES)
    for network in METADATA_ADDRESSES:
        address = ipaddress.ip_address(network.partition("/")[0])
        if isinstance(address, ipaddress.IPv4Address):
            mapped = {"protocol": "tcp", "port": "80", "address": f"::ffff:{address}"}
            assert mapped in addresses


# -- Kubernetes ------------------------------------------------------------------------


def test_resources_read_back_as_they_are_written() -> None:
    written = kube_api.built_in_resources()
    assert {"pods", "pods/exec", "deployments.apps", "deployments/scale.apps"} <= written
    for one in written:
        group, resource = kube_api.split_resource(one)
        plural, _, sub = resource.partition("/")
        assert plural in kube_api.BUILT_IN[group]
        assert not sub or sub in kube_api.subresources(group, plural)


def test_every_table_speaks_of_built_in_resources() -> None:
    known = {(group, plural) for group, plurals in kube_api.BUILT_IN.items() for plural in plurals}
    assert known >= kube_api.CLUSTER_SCOPED
    plurals = {plural for _, plural in known}
    with_sub = {r.partition("/")[0] for r in kube_api.built_in_resources() if "/" in r}
    assert with_sub <= plurals
    assert plurals >= kube_api._WITH_STATUS
    assert set(kube_api._SUBRESOURCES) <= known


def test_the_kinds_are_those_that_the_api_server_serves() -> None:
    """The extract of its discovery is compared with a running one in tests/e2e/test_pod_schema.py."""
    found: dict[str, set[str]] = {}
    for written in served.committed()["resources"]:
        name, _, group = written.partition(".")
        if "/" not in name:
            found.setdefault(group, set()).add(name)
    found[""].add("componentstatuses")
    assert found == {group: set(map(plural, kinds)) for group, kinds in KINDS.items()}


def test_verbs_are_of_one_vocabulary() -> None:
    assert set(kube_api.STANDARD_VERBS) <= kube_api.RESOURCE_VERBS
    assert set(kube_api.STANDARD_VERBS) >= kube_api.NAMELESS_VERBS
    assert not {"escalate", "bind", "impersonate"} & set(kube_api.STANDARD_VERBS)


@pytest.mark.parametrize(
    ("group", "custom"),
    [
        ("", False),
        ("apps", False),
        ("appz", False),
        ("extensions", False),
        ("rbac.authorization.k8s.io", False),
        ("rbac.authorisation.k8s.io", False),
        ("argoproj.io", True),
        ("metrics.k8s.io", True),
        ("gateway.networking.k8s.io", True),
    ],
)
def test_a_custom_group_has_a_dot_and_is_no_slip(group: str, custom: bool) -> None:
    assert kube_api.is_custom_group(group) == custom


def test_volatile_labels_are_labels_and_are_left_out() -> None:
    for key in labels.VOLATILE_LABELS:
        assert fault_of_label_pair(key, "x") is None
    mixed = dict.fromkeys(labels.VOLATILE_LABELS, "x") | {"tier": "db", "app": "a"}
    assert labels.stable_labels(mixed) == (("app", "a"), ("tier", "db"))


# -- vocabularies ------------------------------------------------------------------------


def test_capabilities_are_the_kernel_s_forty_one() -> None:
    """CAP_LAST_CAP is 40 (CAP_CHECKPOINT_RESTORE): include/uapi/linux/capability.h, Linux 5.9 to 6.18."""
    assert len(CAPABILITIES) == 41
    assert all(name.isupper() and not name.startswith("CAP_") for name in CAPABILITIES)
