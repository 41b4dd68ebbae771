"""The checks in CEL, one variable and one validation each.

Each expression is over ``c``, the case of one pod template and one agent: ``c.spec`` the
pod's spec, ``c.containers`` all containers, ``c.declared`` those that are no ephemeral ones,
``c.agent`` the agent's name, ``c.images`` its images, ``c.shape`` what else its shape says,
``c.account`` what the pod would run as and ``c.own`` the agent's account.  It gives a list of lists of faults, each a
text that begins with the reason as admission says it.

CEL: https://kubernetes.io/docs/reference/using-api/cel/ (1.36); only what 1.30 has is used.
"""

from __future__ import annotations

from dataclasses import dataclass

from policyc.emit.backstop.row import GKE_SUFFIX


@dataclass(frozen=True, slots=True)
class Check:
    """``name`` of the variable, what it holds agents to, and the CEL."""

    name: str
    says: str
    expression: str


def _each(field: str, fault: str, condition: str, containers: str = "containers") -> str:
    """A fault of every container ``k`` that is as the condition says."""
    return (
        f"[c.{containers}.filter(k, {condition}).map(k, '{fault}: {field} of container ' + k.name)]"
    )


def _context(name: str, default: str) -> str:
    """A container's own setting or else the pod's."""
    return f"k.?securityContext.?{name}.or(c.spec.?securityContext.?{name}).orValue({default})"


_HOST = " + ".join(
    f"(c.spec.?{name}.orValue(false) ? ['{reason}: {name}'] : [])"
    for name, reason in (
        ("hostIPC", "HOST_IPC"),
        ("hostNetwork", "HOST_NET"),
        ("hostPID", "HOST_PID"),
    )
)

_ACCOUNT = (
    "(c.account != c.own ? ['SA_NOT_ALLOWED: agent ' + c.agent + ' as ' + c.account] : [])"
    " + (c.spec.?serviceAccount.orValue('') != '' && c.spec.?serviceAccountName.orValue('') != ''"
    " && c.spec.serviceAccount != c.spec.serviceAccountName"
    " ? ['AMBIGUOUS_SA: ' + c.spec.serviceAccount + ' and ' + c.spec.serviceAccountName] : [])"
)

_USER = (
    "c.containers.map(k, "
    f"('yes' in c.shape.nonroot && !({_context('runAsNonRoot', 'false')})"
    " ? ['ROOT: runAsNonRoot of container ' + k.name] : [])"
    f" + ('yes' in c.shape.nonroot && {_context('runAsUser', '-1')} == 0"
    " ? ['ROOT: runAsUser of container ' + k.name] : [])"
    f" + (size(c.shape.user) > 0 && !(string({_context('runAsUser', '-1')}) in c.shape.user)"
    f" ? ['RUN_AS_USER: container ' + k.name + ' as ' + string({_context('runAsUser', '-1')})] : []))"
)

_CAPABILITIES = (
    "c.containers.map(k, "
    "('ALL' in k.?securityContext.?capabilities.?drop.orValue([])"
    " ? [] : ['CAPABILITY: container ' + k.name + ' does not drop ALL'])"
    " + k.?securityContext.?capabilities.?add.orValue([])"
    # Runtimes take names in any case, and some of them with the kernel's prefix.
    ".filter(n, !((n.upperAscii().startsWith('CAP_') ? n.upperAscii().substring(4)"
    " : n.upperAscii()) in c.shape.capabilities))"
    ".map(n, 'CAPABILITY: container ' + k.name + ' adds ' + n))"
)

_WANTED = "'policyc/' + c.agent + '.json'"
_PROFILE = (
    # s is the list of the profile that holds: of the container, else of the pod, or none
    "size(s) == 0 ? ['SECCOMP_MISSING: ' + {owner}]"
    " : s[0].?type.orValue('') != 'Localhost'"
    " ? ['SECCOMP_TYPE: ' + {owner} + ' has ' + s[0].?type.orValue('')]"
    f" : s[0].?localhostProfile.orValue('') != {_WANTED}"
    " ? ['SECCOMP_PROFILE: ' + {owner} + ' has ' + s[0].?localhostProfile.orValue('')] : []"
)
_SECCOMP = (
    "c.containers.map(k, [[?k.?securityContext.?seccompProfile"
    ".or(c.spec.?securityContext.?seccompProfile)]].map(s, "
    + _PROFILE.replace("{owner}", "'container ' + k.name")
    + ")[0])"
    # The pod's own profile confines at least the pause container.
    " + [[?c.spec.?securityContext.?seccompProfile]].map(s, size(s) == 0"
    " || s[0].?type.orValue('') == 'RuntimeDefault' ? [] : ("
    + _PROFILE.replace("{owner}", "'the pod'")
    + "))"
)

_TOKENS = (
    "[(c.spec.?automountServiceAccountToken.orValue(false) && !('yes' in c.shape.api)"
    " ? ['TOKEN_MOUNT: automountServiceAccountToken'] : [])]"
    " + c.spec.?volumes.orValue([]).map(v, v.?projected.?sources.orValue([])"
    ".filter(s, has(s.serviceAccountToken)"
    " && !(s.serviceAccountToken.?audience.orValue('') in c.shape.audiences)"
    f" && !('yes' in c.shape.gke && s.serviceAccountToken.?audience.orValue('').endsWith('{GKE_SUFFIX}')))"
    ".map(s, 'TOKEN_VOLUME: volume ' + v.name + ' for '"
    " + s.serviceAccountToken.?audience.orValue('')))"
)

_VOLUMES = (
    "[c.spec.?volumes.orValue([]).filter(v, has(v.hostPath)).map(v, 'HOSTPATH: volume ' + v.name)]"
)

_REPOSITORY = (
    # registry/path without tag and digest: a colon before a slash is the registry's port
    "w.find('^[^@:]*(:[0-9]+/[^@:]*)?')"
)
_IS_HOST = "r.contains('/') && (r.find('^[^/]*').matches('[.:A-Z]') || r.startsWith('localhost/'))"
_HUB = "['index.docker.io/', 'docker.io/']"
_CANONICAL = (
    # github.com/distribution/reference v0.6, normalize.go: Docker Hub is implied
    f"[w].map(w, {_REPOSITORY})"
    f".map(r, {_HUB}.exists(h, r.startsWith(h)) ? {_HUB}.filter(h, r.startsWith(h))"
    ".map(h, ['docker.io/', r.substring(size(h))])[0]"
    f" : ({_IS_HOST}) ? ['', r] : ['docker.io/', r])"
    ".map(r, r[0] != '' && !r[1].contains('/') ? r[0] + 'library/' + r[1] : r[0] + r[1])[0]"
    " + w.find('@.*')"
)
_COMPONENT = "[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REFERENCE = (
    f"^({_LABEL}([.]{_LABEL})*|[[][a-fA-F0-9:]+[]])(:[0-9]+)?(/{_COMPONENT})+"
    "(@(sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}))?$"
)
_IMAGES = (
    "(c.declared.map(k, ['container ' + k.name, string(k.?image.orValue(''))])"
    " + c.spec.?volumes.orValue([]).filter(v, has(v.image))"
    ".map(v, ['volume ' + v.name, string(v.image.?reference.orValue(''))])).map(i, "
    "(i[1].contains('@') ? [] : ['IMAGE_DIGEST: ' + i[0] + ' has ' + i[1]])"
    f" + ([i[1]].map(w, {_CANONICAL})"
    f".all(w, w.matches('{_REFERENCE}') && [c.images.filter(p, "
    "p.substring(1, 2) == '^' ? w.startsWith(p.substring(2)) : w == p.substring(2))]"
    ".all(f, size(f) > 0 && f[size(f) - 1].startsWith('+')))"
    " ? [] : ['IMAGE: ' + i[0] + ' has ' + i[1]]))"
)

CHECKS: tuple[Check, ...] = (
    Check("account", "an agent runs as its own ServiceAccount", f"[{_ACCOUNT}]"),
    Check("host", "no namespaces of the node", f"[{_HOST}]"),
    Check(
        "privileged",
        "no privileged containers",
        _each("privileged", "PRIVILEGED", "k.?securityContext.?privileged.orValue(false)"),
    ),
    Check(
        "escalation",
        "nothing gains privileges",
        _each(
            "allowPrivilegeEscalation",
            "ESCALATION",
            "k.?securityContext.?allowPrivilegeEscalation.orValue(true)",
        ),
    ),
    Check(
        "root_files",
        "images' files stay as they are, where the policy says so",
        _each(
            "readOnlyRootFilesystem",
            "WRITABLE_ROOT",
            "'yes' in c.shape.readonly"
            " && !k.?securityContext.?readOnlyRootFilesystem.orValue(false)",
        ),
    ),
    Check("user", "not root, and the user that the policy names", _USER),
    Check("capabilities", "all capabilities dropped, granted ones added", _CAPABILITIES),
    Check("seccomp", "the agent's own seccomp profile", _SECCOMP),
    Check(
        "runtime",
        "the runtime class that the policy names",
        "[c.spec.?runtimeClassName.orValue('') in c.shape.runtime"
        " ? [] : ['RUNTIME_CLASS: ' + c.spec.?runtimeClassName.orValue('')]]",
    ),
    Check("tokens", "no token beyond the envelope", _TOKENS),
    Check("volumes", "no files of the node", _VOLUMES),
    Check("images", "granted images, each by its digest", _IMAGES),
)
