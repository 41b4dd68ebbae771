// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * Kernel side of the recorder. Everything is aggregated here; user land reads maps without emptying them and
 * gets only first sightings through the ring. Only BTF tracepoints, which also load where kprobes, fentry
 * and LSM programs are refused.
 */
#include "kernel.h"
#include "layout.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "machine.h"
#include "maps.h"
#include "subject.h"
#include "outside.h"
#include "paths.h"
#include "arguments.h"
#include "stream.h"
#include "json.h"
#include "chunks.h"
#include "target.h"
#include "form.h"
#include "proxy.h"
#include "http.h"
#include "window.h"
#include "messages.h"
#include "readers.h"
#include "tls.h"
#include "input.h"
#include "sockets.h"

/* Types that no map has, kept in the object's BTF: the test of layout.py reads them there. */
enum phase *shared_phase;
enum domain *shared_domain;
enum event_kind *shared_event_kind;
enum action *shared_action;
enum side *shared_side;
enum unread *shared_unread;
struct subject_event *shared_subject_event;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void note_syscall(struct task_struct *task, struct task_state *state, __u32 number)
{
	__u32 abi = abi_of(task), word = number / 64;
	__u64 bit = 1ULL << (number % 64);
	struct subject *subject;

	state->syscall = number;
	/* Numbers that no bitmap has: those of x32, and of kernels to come. */
	if (word >= SYSCALL_WORDS) {
		subject = subject_of(state);
		if (subject)
			lose(subject, SYSCALLS);
		return;
	}
	BOUNDED(word, SYSCALL_WORDS);
	if (state->seen[abi][word] & bit)
		return;
	subject = subject_of(state);
	if (!subject && comes_back(task, state))
		subject = subject_of(state);
	if (!subject)
		return;
	state->seen[abi][word] |= bit;
	__sync_fetch_and_or(&subject->syscalls[phase_of(state)][abi][word], bit);
}

/* Separate, as nearly no call comes here: what it needs is not saved and put back for every call. */
static __noinline int on_new_call(struct task_struct *task, struct task_state *state, __u32 number)
{
	state = up_to_date(task, state);
	if (!state)
		return 0;
	note_syscall(task, state, number);
	note_root_of_runtime(task, state);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs *regs, long entered)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&task_states, task, NULL, 0);
	__u32 number = entered, word = number / 64;

	if (!state || !is_current(task, state) || word >= SYSCALL_WORDS)
		return on_new_call(task, state, number);
	BOUNDED(word, SYSCALL_WORDS);
	state->syscall = number;
	if (state->seen[abi_of(task)][word] & 1ULL << (number % 64))
		return 0;
	return on_new_call(task, state, number);
}

/*
 * A call that seccomp refuses does not reach sys_enter, but it has an exit. A path is read when the call
 * returns, from the open file: the argument may not be in memory before, and may be changed meanwhile.
 */
static __noinline int on_returned(struct task_struct *task, __u32 action, long returned)
{
	struct task_state *state = current_state(task);
	struct file *file = state ? file_of(task, returned) : NULL;

	if (file && action & ACTION_OPEN)
		note_file(task, state, file);
	else if (file)
		note_accepted(state, file);
	return 0;
}

/* Of a program's standard input, or of another descriptor of the same pipe. */
static __noinline int on_input(struct task_struct *task, struct pt_regs *registers, __u32 action, long returned)
{
	struct task_state *state = current_state(task);
	__u32 descriptor = action & ACTION_CARRY_SECOND ? ARGUMENT_2(registers) : FIRST_AT_EXIT(registers);
	struct file *file = state ? file_of(task, descriptor) : NULL;
	__u64 inode = file ? input_of(file) : 0;

	if (!inode)
		return 0;
	if (!descriptor)
		remember_input(task, state, inode);
	if (state->input == inode)
		note_input(task, inode, action, registers, returned);
	return 0;
}

static __always_inline void note_denied(struct task_struct *task, struct task_state *state, __u32 number)
{
	struct subject *subject = subject_of(state);
	__u32 abi = abi_of(task), word = number / 64;

	if (!subject && comes_back(task, state))
		subject = subject_of(state);
	if (!subject)
		return;
	if (word >= SYSCALL_WORDS) {
		lose(subject, SYSCALLS);
		return;
	}
	BOUNDED(word, SYSCALL_WORDS);
	__sync_fetch_and_or(&subject->denied[phase_of(state)][abi][word], 1ULL << (number % 64));
}

/* Separate, as few of the calls that fail come here. */
static __noinline int on_refused(struct task_struct *task, struct task_state *state, __u32 number)
{
	bool is_known = state;

	state = up_to_date(task, state);
	if (!state)
		return 0;
	if (is_known)
		note_denied(task, state, number);
	else
		note_syscall(task, state, number);
	return 0;
}

/*
 * Did a filter refuse it? Then it was not the call that this task entered last. One that repeats the call before
 * it, and is refused for its arguments, is not told apart. Of a task that is new here the entry was not seen:
 * its call counts as made.
 */
static __noinline int on_failed(struct pt_regs *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 number = number_of(regs);
	struct task_state *state;

	if (!task->seccomp.mode || number == NO_CALL)
		return 0;
	state = bpf_task_storage_get(&task_states, task, NULL, 0);
	return state && state->syscall == number ? 0 : on_refused(task, state, number);
}

/* What takes something from the descriptor that is its first argument. */
#define TAKES (ACTION_READ | ACTION_READ_VECTORS | ACTION_RECEIVE | ACTION_RECEIVE_MESSAGE | ACTION_CARRY)

/* Whether the running task has a standard input that may have another descriptor, too. */
static __always_inline bool has_input(void)
{
	struct task_state *state = bpf_task_storage_get(&task_states, bpf_get_current_task_btf(), NULL, 0);

	return state && state->input;
}

static __noinline int on_succeeded(struct pt_regs *regs, long returned)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 number = number_of(regs), action, abi = abi_of(task);

	if (number >= MAX_SYSCALLS)
		return 0;
	BOUNDED(number, MAX_SYSCALLS);
	action = syscall_actions.of[abi][number];
	if (action & (TAKES | ACTION_CARRY_SECOND) && abi == NATIVE)
		return returned ? on_input(task, regs, action, returned) : 0;
	if (action & (ACTION_OPEN | ACTION_ACCEPT))
		return on_returned(task, action, returned);
	return 0;
}

/* Almost every exit leaves at once: this much is all that it costs. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long returned)
{
	__u32 action, place;

	if (returned < 0)
		return on_failed(regs);
	/* A number that is too large is taken for another here, and told apart there. */
	place = number_of(regs) % MAX_SYSCALLS;
	action = syscall_actions.at_exit[place];
	if (!action || (!(action & ~TAKES) && FIRST_AT_EXIT(regs) && !has_input()))
		return 0;
	return on_succeeded(regs, returned);
}

/* seccomp kills with SIGSYS before the call has an entry or an exit. */
SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int signal, struct kernel_siginfo *info, struct task_struct *task)
{
	const int sigsys = 31, sys_seccomp = 1;
	struct task_state *state;

	/* It may be a number instead of a pointer, so verifiers let nobody read it as one. */
	if (signal != sigsys || (unsigned long)info <= 1 || BPF_CORE_READ(info, si_code) != sys_seccomp)
		return 0;
	if (task != bpf_get_current_task_btf())
		return 0;
	state = current_state(task);
	if (state)
		note_denied(task, state, BPF_CORE_READ(info, _sifields._sigsys._syscall));
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_request, struct io_kiocb *request)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state;
	__u64 place = (__u64)request;

	if (!is_open_request(request))
		return 0;
	/* What lay at its address before may have ended unseen, and is not refused by this one. */
	bpf_map_delete_elem(&requests, &place);
	state = known_state(task);
	if (state)
		note_request(task, state, request);
	return 0;
}

/* What has no request is an answer of several (multishot), which no open gives. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_completed, void *ring, struct io_kiocb *request)
{
	if (bpf_core_field_exists(request->cqe) && request && is_open_request(request))
		note_refused(request);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_state *from = bpf_task_storage_get(&task_states, parent, NULL, 0);
	struct task_state *state;
	struct subject *subject;

	if (!from)
		return 0;
	subject = subject_of(from);
	state = bpf_task_storage_get(&task_states, child, from, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (subject && state)
		__sync_fetch_and_add(&subject->alive, 1);
	else if (subject)
		lose_all(subject);
	if (state)
		copy_state(child, state);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *program)
{
	struct task_state *state = current_state(task);
	struct file *file;

	/* A program in a container may have any name: it is believed only where it sees the machine's own files. */
	if (is_runtime() && is_outside(task))
		send_arguments(task);
	/* A thread that is not the first becomes it. */
	if (old_pid != task->pid)
		forget_caller(old_pid);
	if (!state)
		return 0;
	end_streams(task, old_pid != task->pid);
	state->image = state->key.tree ? state->key.tree : state->key.mntns;
	__builtin_memset(state->seen, 0, sizeof(state->seen));
	state->asked = state->granted = 0;
	file = file_of(task, 0);
	remember_input(task, state, file ? input_of(file) : 0);
	copy_state(task, state);
	note_network(task, state);
	note_program(task, state);
	note_path(task, state, &program->file->f_path, EXECUTABLES, 1);
	note_arguments(task, state, program->file);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct task_state *state = bpf_task_storage_get(&task_states, task, NULL, 0);

	if (state) {
		note_root_of_runtime(task, state);
		leave(state);
	}
	forget_caller(task->pid);
	if (!BPF_CORE_READ(task, signal, live.counter))
		end_streams(task, false);
	return 0;
}

/* Each mmap of every process asks for SYS_ADMIN (security_vm_enough_memory_mm), and none needs it. */
static __always_inline bool is_overcommit(struct task_state *state, __u32 abi, int capability)
{
	const int sys_admin = 21;
	__u32 number = state->syscall;

	if (capability != sys_admin || number >= MAX_SYSCALLS)
		return false;
	BOUNDED(number, MAX_SYSCALLS);
	return syscall_actions.of[abi][number] & ACTION_MEMORY;
}

/* Whoever moves it, the task's css_set may get the address of the one before. */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_moved, struct cgroup *to, const char *path, struct task_struct *task)
{
	struct task_state *state = bpf_task_storage_get(&task_states, task, NULL, 0);

	if (state)
		state->cgroups = 0;
	return 0;
}

/*
 * Over a user namespace of its own making a program holds every capability, and that is none of the container's: it
 * is as one that was refused.
 */
SEC("tp_btf/cap_capable")
int BPF_PROG(on_capable, const void *cred, struct user_namespace *target, void *holder, int capability, int refused)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&task_states, task, NULL, 0);
	__u64 bit = 1ULL << (capability & 63);
	struct subject *subject;
	__u32 phase;

	if (!state || is_overcommit(state, abi_of(task), capability))
		return 0;
	if (refused ? state->asked & bit : state->granted & bit)
		return 0;
	subject = subject_of(state);
	if (!subject)
		return 0;
	phase = phase_of(state);
	state->asked |= bit;
	__sync_fetch_and_or(&subject->asked[phase], bit);
	if (refused || target->level > subject->userns_level)
		return 0;
	state->granted |= bit;
	__sync_fetch_and_or(&subject->granted[phase], bit);
	return 0;
}
