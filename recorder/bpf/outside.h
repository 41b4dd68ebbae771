/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What is outside of all containers: the machine's own files and namespaces, and the runtimes that run there. */
#ifndef RECORDER_OUTSIDE_H
#define RECORDER_OUTSIDE_H

/* By the start of its name; user land looks again. */
static __always_inline bool is_runtime(void)
{
	char name[16] = {};

	bpf_get_current_comm(name, sizeof(name));
	return !bpf_strncmp(name, 4, "runc") || !bpf_strncmp(name, 4, "crun") || !bpf_strncmp(name, 5, "youki") ||
	       !bpf_strncmp(name, 5, "runsc") || !bpf_strncmp(name, 4, "kata");
}

enum root {
	ROOT_UNKNOWN, /* nobody above it, as far as is looked, is outside */
	ROOT_OF_MACHINE,
	ROOT_OF_ITS_OWN,
};

/*
 * Nothing lies above it but what a namespace begins with. A folder of the machine that a container was given, up to
 * the root itself, lies in the container's root.
 */
static __always_inline bool is_bottom(struct vfsmount *mnt)
{
	struct mount *mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	struct mount *above = BPF_CORE_READ(mount, mnt_parent);

	return above == mount || BPF_CORE_READ(above, mnt_parent) == above;
}

/*
 * A runtime may be given a mount namespace of its own (unshare(1), PrivateMounts= of systemd), and still has the
 * root of whoever started it outside. No container has: pivot_root(2) gave it another, and to go back to that one
 * takes capabilities that no user namespace below the machine's gives.
 */
static __noinline enum root root_of(struct task_struct *task)
{
	struct dentry *root = BPF_CORE_READ(task, fs, root.dentry);
	bool may_be = !BPF_CORE_READ(task, cred, user_ns, level) && is_bottom(BPF_CORE_READ(task, fs, root.mnt));
	__u32 zero = 0;
	struct config *config = bpf_map_lookup_elem(&settings, &zero);

	if (!config)
		return ROOT_UNKNOWN;
	for (int step = 0; step < ANCESTORS; step++) {
		task = BPF_CORE_READ(task, real_parent);
		if (BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum) == config->host_inum)
			return may_be && BPF_CORE_READ(task, fs, root.dentry) == root ? ROOT_OF_MACHINE :
											ROOT_OF_ITS_OWN;
	}
	return ROOT_UNKNOWN;
}

/* In the machine's own mount namespace, or with its root in another one; not by having no state, for want of memory. */
static __always_inline bool is_outside(struct task_struct *task)
{
	__u32 zero = 0, inum = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	struct config *config = bpf_map_lookup_elem(&settings, &zero);

	return config && (inum == config->host_inum || root_of(task) == ROOT_OF_MACHINE);
}

/* What no runtime accounts for is a container by its root: services with a mount namespace keep the machine's. */
static __always_inline void note_program(struct task_struct *task, struct task_state *state)
{
	struct subject *subject = subject_of(state);

	if (!subject)
		return;
	subject->has_program = 1;
	if (!state->key.tree && !subject->has_own_root)
		subject->has_own_root = root_of(task) == ROOT_OF_ITS_OWN;
}

/* Whether two tasks differ in more than their mount namespaces. */
static __always_inline bool are_apart(struct nsproxy *one, struct nsproxy *other)
{
	return BPF_CORE_READ(one, pid_ns_for_children) != BPF_CORE_READ(other, pid_ns_for_children) ||
	       BPF_CORE_READ(one, net_ns) != BPF_CORE_READ(other, net_ns) ||
	       BPF_CORE_READ(one, uts_ns) != BPF_CORE_READ(other, uts_ns) ||
	       BPF_CORE_READ(one, ipc_ns) != BPF_CORE_READ(other, ipc_ns) ||
	       BPF_CORE_READ(one, cgroup_ns) != BPF_CORE_READ(other, cgroup_ns);
}

/* Whether it has another namespace, besides that of mounts, than somebody above it who is outside. */
static __noinline bool is_apart(struct task_struct *task)
{
	struct nsproxy *own = task->nsproxy, *above;
	__u32 zero = 0;
	struct config *config = bpf_map_lookup_elem(&settings, &zero);

	if (!config)
		return false;
	for (int step = 0; step < ANCESTORS; step++) {
		task = BPF_CORE_READ(task, real_parent);
		above = BPF_CORE_READ(task, nsproxy);
		if (BPF_CORE_READ(above, mnt_ns, ns.inum) == config->host_inum && are_apart(own, above))
			return true;
	}
	return false;
}

/*
 * A runtime may become the program itself, as for WebAssembly, and then nothing is exec'd. Whoever unpacks an image also
 * takes another root without an exec, but leaves the other namespaces as they are.
 */
static __noinline int note_root_of_runtime(struct task_struct *task, struct task_state *state)
{
	struct subject *subject;

	if (!state || state->key.tree || phase_of(state) == APPLICATION)
		return 0;
	subject = subject_of(state);
	if (subject && !subject->has_own_root && root_of(task) == ROOT_OF_ITS_OWN && is_apart(task))
		subject->has_own_root = 1;
	return 0;
}
#endif
