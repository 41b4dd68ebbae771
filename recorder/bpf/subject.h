/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Which subject a task belongs to, and what of it is lost. */
#ifndef RECORDER_SUBJECT_H
#define RECORDER_SUBJECT_H

#define EEXIST 17
#define E2BIG 7

/* Show the verifier what the compiler knows already: that x < limit, a power of two. */
#define BOUNDED(x, limit)                      \
	do {                                   \
		asm volatile("" : "+r"(x));    \
		x &= (limit) - 1;              \
	} while (0)

static __always_inline void count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

static __always_inline struct ledger *ledger(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&losses, &zero);
}

static __always_inline void lose(struct subject *subject, __u32 domain)
{
	if (domain < LOSS_DOMAINS)
		count(&subject->lost[domain]);
}

static __always_inline void lose_all(struct subject *subject)
{
	for (int domain = 0; domain < LOSS_DOMAINS; domain++)
		count(&subject->lost[domain]);
}

/* NULL also when user land has removed it, and then perhaps another has its place: see comes_back. */
static __always_inline struct subject *subject_of(struct task_state *state)
{
	struct subject *subject = bpf_map_lookup_elem(&subjects, &state->key);

	return subject && subject->id == state->subject ? subject : NULL;
}

/* Whose item it is, also where no task stands for it. */
struct owner {
	__u64 id;
	struct subject *subject; /* NULL in a packet */
	__u32 phase;
	__u32 pid;
};

static __always_inline void blame(const struct owner *owner, __u32 domain)
{
	struct ledger *counts = ledger();

	if (owner->subject)
		lose(owner->subject, domain);
	else if (counts && domain < LOSS_DOMAINS)
		count(&counts->ownerless[domain]);
}

/*
 * A program that was exec'd outside is the runtime (runc and crun exec nothing inside but the application). One that was
 * exec'd in another mount namespace is an application that made itself a new one, or a runtime that has one of its own.
 */
static __always_inline __u32 phase_of(struct task_state *state)
{
	if (state->image == (state->key.tree ? state->key.tree : state->key.mntns))
		return APPLICATION;
	return state->image ? INHERITED : SETUP;
}

static __always_inline struct owner owner_of(struct task_state *state)
{
	return (struct owner){ .id = state->subject, .subject = subject_of(state), .phase = phase_of(state),
			       .pid = bpf_get_current_pid_tgid() >> 32 };
}

/* Inode numbers of namespaces are used again at once; this id never is. */
static __always_inline __u64 mntns_of(struct mnt_namespace *ns)
{
	if (bpf_core_field_exists(ns->ns.ns_id))
		return BPF_CORE_READ(ns, ns.ns_id);
	if (bpf_core_field_exists(ns->seq))
		return BPF_CORE_READ(ns, seq);
	return BPF_CORE_READ(ns, ns.inum);
}

/*
 * Whether an event wakes user land: at once when it cannot wait, else when an eighth of the ring is in use. What
 * names something that is in a map already may lie there until somebody reads.
 */
static __always_inline __u64 waking(bool at_once)
{
	__u64 used;

	if (at_once)
		return BPF_RB_FORCE_WAKEUP;
	used = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	return used * 8 > bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void tell(__u32 kind, __u64 id, const struct subject_key *key)
{
	struct subject_event told = {
		.event = { .kind = kind, .subject = id, .at_ns = bpf_ktime_get_boot_ns(), .bytes = sizeof(*key) },
		.key = *key,
	};

	/* Nothing is lost when it is full: user land also finds subjects in their map, a little later. */
	bpf_ringbuf_output(&events, &told, sizeof(told), waking(true));
}

static __always_inline void leave(struct task_state *state)
{
	struct subject *subject = subject_of(state);

	if (subject && __sync_fetch_and_add(&subject->alive, -1) == 1)
		tell(EVENT_ENDED, subject->id, &state->key);
}

/* A mount namespace that a process of a container makes itself has no user namespace of its own: see on_capable. */
static __always_inline __u32 userns_level_of(struct subject *before)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return before ? before->userns_level : BPF_CORE_READ(task, cred, user_ns, level);
}

/* The cookie of a task's network namespace; 0 where the kernel gives none. */
static __always_inline __u64 network_of(struct task_struct *task)
{
	struct net *net = BPF_CORE_READ(task, nsproxy, net_ns);

	return bpf_core_field_exists(net->net_cookie) ? BPF_CORE_READ(net, net_cookie) : 0;
}

/* Rare, and separate: what it needs is not on the stack of every program. */
static __noinline int add_subject(struct task_state *state, __u32 inum, __u64 origin, __u32 late, __u32 userns_level)
{
	struct ledger *counts = ledger();
	struct task_struct *task = (void *)bpf_get_current_task();
	struct subject *fresh;
	__u32 zero = 0;
	__u64 *next;
	long failed;

	next = bpf_map_lookup_elem(&next_subject, &zero);
	fresh = bpf_map_lookup_elem(&fresh_subjects, &zero);
	if (!state || !counts || !next || !fresh)
		return 0;
	fresh->id = __sync_fetch_and_add(next, 1) + 1;
	fresh->origin = origin;
	fresh->first_ns = bpf_ktime_get_boot_ns();
	fresh->mntns_inum = inum;
	fresh->userns_level = userns_level;
	for (int step = 0; step < ANCESTORS; step++) {
		fresh->pids[step] = BPF_CORE_READ(task, tgid);
		fresh->begun_ns[step] = BPF_CORE_READ(task, group_leader, start_boottime);
		task = BPF_CORE_READ(task, real_parent);
	}
	fresh->late = late;
	task = (void *)bpf_get_current_task();
	fresh->made_in = late ? 0 : network_of(task);
	bpf_get_current_comm(fresh->maker, sizeof(fresh->maker));
	bpf_probe_read_kernel_str(fresh->unit, UNIT_BYTES, BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, name));
	failed = bpf_map_update_elem(&subjects, &state->key, fresh, BPF_NOEXIST);
	if (!failed)
		tell(EVENT_SUBJECT, fresh->id, &state->key);
	else if (failed != -EEXIST)
		count(&counts->subjects_full);
	return 0;
}

/* The task is in a mount namespace or cgroup that its state does not know yet. */
static __always_inline void enter(struct task_struct *task, struct task_state *state, __u64 mntns,
				  __u64 cgroup, __u32 inum, __u64 started_ns)
{
	__u64 origin = state->subject;
	bool was_removed;
	/* It ran before the recorder did, so which program it runs is not known: not the runtime, most likely. */
	__u32 late = !state->key.mntns && task->start_boottime < started_ns;
	struct subject *subject = origin ? subject_of(state) : NULL;
	__u32 userns_level = userns_level_of(subject);

	was_removed = origin && !subject;
	if (state->key.mntns)
		leave(state);
	else if (late)
		state->image = mntns;
	state->key.mntns = mntns;
	state->key.cgroup = cgroup;
	state->subject = state->asked = state->granted = 0;
	__builtin_memset(state->seen, 0, sizeof(state->seen));
	if (!mntns)
		return;
	subject = bpf_map_lookup_elem(&subjects, &state->key);
	if (!subject) {
		add_subject(state, inum, origin, late, userns_level);
		subject = bpf_map_lookup_elem(&subjects, &state->key);
	}
	if (!subject)
		return;
	__sync_fetch_and_add(&subject->alive, 1);
	count(&subject->entered);
	state->subject = subject->id;
	/* What it did since then is nowhere. */
	if (was_removed)
		lose_all(subject);
}

/*
 * The state that a program finds which runs on behalf of a call that was noted before. A worker of io_uring
 * makes no calls and is forked unseen: it stands for its process.
 */
static __always_inline struct task_state *known_state(struct task_struct *task)
{
	struct task_state *state = bpf_task_storage_get(&task_states, task, NULL, 0);

	if (!state)
		state = bpf_task_storage_get(&task_states, task->group_leader, NULL, 0);
	return state && state->subject ? state : NULL;
}

static __always_inline bool is_recorded(struct task_state *state)
{
	return state->key.tree || state->key.mntns;
}

/* It is recorded, and nothing that its key was made of has changed. */
static __always_inline bool is_current(struct task_struct *task, struct task_state *state)
{
	return state->nsproxy == (__u64)task->nsproxy && state->cgroups == (__u64)task->cgroups;
}

static __always_inline void forget_caller(__u32 thread)
{
	if (keep_callers)
		bpf_map_delete_elem(&callers, &thread);
}

/* What `callers` has of a task changed. */
static __always_inline void copy_state(struct task_struct *task, struct task_state *state)
{
	__u32 thread = task->pid;
	struct subject *subject;

	if (!keep_callers || !state->subject || !bpf_map_update_elem(&callers, &thread, state, BPF_ANY))
		return;
	subject = subject_of(state);
	if (subject) {
		lose(subject, EGRESS);
		lose(subject, INGRESS);
	}
}

/* As known_state, of the running task and without its storage. */
static __always_inline struct task_state *copied_state(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = id, process = id >> 32;
	struct task_state *state = bpf_map_lookup_elem(&callers, &thread);

	if (!state)
		state = bpf_map_lookup_elem(&callers, &process);
	return state && state->subject ? state : NULL;
}

/* The key of the task may have changed: make it anew. That of a recorded command's tree stays, wherever it goes. */
static __noinline int renew(struct task_struct *task, struct task_state *state)
{
	struct config *config;
	struct mnt_namespace *ns;
	__u64 mntns, cgroup;
	__u32 zero = 0, inum;

	config = bpf_map_lookup_elem(&settings, &zero);
	if (!config || !state)
		return 0;
	if (!state->key.tree) {
		ns = BPF_CORE_READ(task, nsproxy, mnt_ns);
		inum = BPF_CORE_READ(ns, ns.inum);
		mntns = inum == config->host_inum || inum == config->own_inum ? 0 : mntns_of(ns);
		cgroup = mntns ? BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id) : 0;
		if (state->key.mntns != mntns || state->key.cgroup != cgroup || (mntns && !subject_of(state)))
			enter(task, state, mntns, cgroup, inum, config->started_ns);
	}
	state->nsproxy = is_recorded(state) ? (__u64)task->nsproxy : 0;
	state->cgroups = (__u64)task->cgroups;
	if (!state->subject)
		forget_caller(task->pid);
	copy_state(task, state);
	return 0;
}

/*
 * To be asked where the running task has no subject. User land removes one that nobody is in; whoever entered it in
 * that very moment enters anew. While the map is full, only a subject that somebody else could make helps.
 */
static __noinline bool comes_back(struct task_struct *task, struct task_state *state)
{
	if (!state || (!state->subject && !bpf_map_lookup_elem(&subjects, &state->key)))
		return false;
	renew(task, state);
	return state->subject;
}

/* Make a state for a task outside of the host's mount namespace, where those are recorded. */
static __always_inline struct task_state *first_state(struct task_struct *task)
{
	__u32 zero = 0, inum = task->nsproxy->mnt_ns->ns.inum;
	struct config *config = bpf_map_lookup_elem(&settings, &zero);
	struct task_state *state;
	struct ledger *counts;

	if (!config || !config->watch || inum == config->host_inum || inum == config->own_inum)
		return NULL;
	state = bpf_task_storage_get(&task_states, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	counts = ledger();
	if (!state && counts)
		count(&counts->state_full);
	return state;
}

/*
 * The state of the running task when it is to be recorded, up to date; or NULL. A task's own calls alone
 * change its nsproxy; another's move to a cgroup changes its css_set, and on_moved forgets that one.
 */
static __always_inline struct task_state *up_to_date(struct task_struct *task, struct task_state *state)
{
	if (!state)
		state = first_state(task);
	if (!state)
		return NULL;
	if (is_current(task, state))
		return state;
	renew(task, state);
	return is_recorded(state) ? state : NULL;
}

static __always_inline struct task_state *current_state(struct task_struct *task)
{
	return up_to_date(task, bpf_task_storage_get(&task_states, task, NULL, 0));
}
#endif
