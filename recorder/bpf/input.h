/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What a server over standard input reads: pipes, and the socket pairs that Node uses for them. The pipe is followed
 * and not the number of its descriptor: a server may move its standard input to keep others from it.
 */
#ifndef RECORDER_INPUT_H
#define RECORDER_INPUT_H

#define S_IFMT 0170000 /* include/uapi/linux/stat.h */
#define S_IFIFO 0010000
#define S_IFSOCK 0140000
#define MSG_PEEK 2 /* include/linux/socket.h */
#define MOST_VECTORS 1024 /* include/uapi/linux/uio.h: of one call */

/* By the number of its inode, which no other pipe or socket gets soon; 0 for all else. */
static __always_inline __u64 input_of(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	unsigned int kind = BPF_CORE_READ(inode, i_mode) & S_IFMT;

	return kind == S_IFIFO || kind == S_IFSOCK ? BPF_CORE_READ(inode, i_ino) : 0;
}

static __always_inline struct stream_key input_key(struct task_struct *task, __u64 inode)
{
	return (struct stream_key){ .id = inode, .process = task->tgid | BY_INPUT };
}

/* Another one than before: nobody asks for the stream of that any more. */
static __always_inline void remember_input(struct task_struct *task, struct task_state *state, __u64 inode)
{
	struct speaker *speaker;

	if (state->input && state->input != inode) {
		speaker = bpf_task_storage_get(&speakers, task->group_leader, NULL, 0);
		if (speaker)
			end_stream(speaker, state->input, task->tgid | BY_INPUT);
	}
	state->input = inode;
}

/* From the first read on; one that is not there is counted as lost by who reads. */
static __always_inline void open_input(struct task_struct *task, const struct stream_key *key)
{
	struct stream *stream;

	if (bpf_map_lookup_elem(&streams, key))
		return;
	stream = open_stream(task, key);
	if (!stream)
		return;
	stream->by_line = 1;
	stream->side = SIDE_INPUT;
	__builtin_memcpy(stream->server, "stdio:", 6);
	bpf_probe_read_kernel_str(stream->server + 6, 16, task->group_leader->comm);
}

static __always_inline bool is_peek(__u32 action, struct pt_regs *registers)
{
	if (action & ACTION_RECEIVE)
		return CALL_ARGUMENT_4(registers) & MSG_PEEK;
	return action & ACTION_RECEIVE_MESSAGE && ARGUMENT_3(registers) & MSG_PEEK;
}

/* The buffers that a call has filled. */
static __always_inline void find_buffers(struct reading *reading, __u32 action, struct pt_regs *registers, __u32 bytes)
{
	__u64 second = ARGUMENT_2(registers), third = ARGUMENT_3(registers);
	struct msghdr message = {};

	if (action & (ACTION_READ | ACTION_RECEIVE)) {
		reading->from = second;
		/* A datagram's length may be told, and not only what there was room for. */
		reading->bytes = bytes < third ? bytes : third;
		return;
	}
	/* One that cannot be read has no buffers, and what was filled is counted as lost. */
	if (action & ACTION_RECEIVE_MESSAGE)
		bpf_probe_read_user(&message, sizeof(message), (const void *)second);
	reading->vectors = action & ACTION_RECEIVE_MESSAGE ? (__u64)message.msg_iov : second;
	reading->vectors_left = MOST_VECTORS;
	reading->bytes_left = bytes;
}

static __always_inline void note_input(struct task_struct *task, __u64 inode, __u32 action, struct pt_regs *registers,
				       __u32 returned)
{
	struct reading reading = {};

	if (action & (ACTION_CARRY | ACTION_CARRY_SECOND)) {
		note_unread_form(UNREAD_CARRIED);
	} else if (!is_peek(action, registers)) {
		reading.key = input_key(task, inode);
		open_input(task, &reading.key);
		find_buffers(&reading, action, registers, returned);
		read_memory(&reading);
	}
}

#endif
