"""Syscalls that build a container and that no application is given by a guess.

Recorders that attach early and do not tell the phases apart write the runtime's
set-up into the application's profile.  These calls change namespaces, mounts, keys,
modules or the kernel itself (their pages in section 2 of man-pages 6.9 name a
capability for each of them, but for the key calls and for ``unshare`` of a user
namespace); an agent that needs one says so with an ``allow`` line.
"""

from __future__ import annotations

SETUP_ONLY = frozenset(
    """
    acct add_key bpf chroot delete_module finit_module fsconfig fsmount fsopen fspick init_module kexec_file_load
    kexec_load keyctl mount mount_setattr move_mount open_by_handle_at open_tree open_tree_attr perf_event_open
    pivot_root quotactl quotactl_fd reboot request_key setdomainname sethostname setns swapoff swapon umount umount2
    unshare
    """.split()
)
