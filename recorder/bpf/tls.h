/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Messages over TLS, where OpenSSL 1.1 or 3 has them in plain: what a client is about to write, and what a server
 * has just read.
 */
#ifndef RECORDER_TLS_H
#define RECORDER_TLS_H

#define ARRIVING 1 /* in a stream's id */

/* Of a task whose call can be read, as known_state; a 32-bit program has its arguments elsewhere. */
static __always_inline struct task_state *calling_state(struct task_struct *task, struct pt_regs *registers)
{
	struct task_state *state = known_state(task);
	struct owner owner;
	struct scan scan = { .owner = &owner };

	if (!state || !is_32_bit(task, registers))
		return state;
	owner = owner_of(state);
	scan.scratch = take_scratch(IN_CALL);
	if (scan.scratch) {
		note_unread(&scan, UNREAD_32_BIT);
		scan.scratch->busy = 0;
	} else {
		blame_messages(&owner);
	}
	return NULL;
}

/* A new stream of a TLS connection, or NULL when there is no room. */
static __always_inline struct stream *open_stream(struct task_struct *task, const struct stream_key *key)
{
	struct speaker *speaker;
	struct stream *stream;
	__u32 zero = 0;

	stream = bpf_map_lookup_elem(&no_stream, &zero);
	if (!stream || bpf_map_update_elem(&streams, key, stream, BPF_NOEXIST))
		return bpf_map_lookup_elem(&streams, key);
	speaker = bpf_task_storage_get(&speakers, task->group_leader, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (speaker)
		__sync_fetch_and_add(&speaker->open, 1);
	return bpf_map_lookup_elem(&streams, key);
}

static __always_inline struct stream *written_stream(struct task_struct *task, __u64 ssl)
{
	struct stream_key key = { .id = ssl, .process = task->tgid };
	struct stream *stream = bpf_map_lookup_elem(&streams, &key);

	return stream ? stream : open_stream(task, &key);
}

static __always_inline void end_stream(struct speaker *speaker, __u64 id, __u64 process)
{
	struct stream_key key = { .id = id, .process = process };

	if (!bpf_map_delete_elem(&streams, &key))
		__sync_fetch_and_add(&speaker->open, -1);
}

static long end_stream_of(void *map, const struct stream_key *key, void *stream, const __u64 *process)
{
	if (key->process == *process)
		bpf_map_delete_elem(&streams, key);
	return 0;
}

/* A process that ended without telling OpenSSL. */
static __noinline int end_streams(struct task_struct *task)
{
	struct speaker *speaker = bpf_task_storage_get(&speakers, task->group_leader, NULL, 0);
	__u64 process = task->tgid;

	if (speaker && speaker->open > 0 && !BPF_CORE_READ(task, signal, live.counter))
		bpf_for_each_map_elem(&streams, end_stream_of, &process, 0);
	return 0;
}

/* SSL_free(ssl): its address may be another connection's next. */
SEC("uprobe")
int on_tls_free(struct pt_regs *registers)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct speaker *speaker = bpf_task_storage_get(&speakers, task->group_leader, NULL, 0);
	__u64 ssl = ARGUMENT_1(registers);

	if (!speaker || speaker->open <= 0)
		return 0;
	end_stream(speaker, ssl, task->tgid);
	end_stream(speaker, ssl | ARRIVING, task->tgid);
	return 0;
}

/* SSL_write(ssl, buffer, bytes) and SSL_write_ex(ssl, buffer, bytes, written). */
SEC("uprobe")
int on_tls_write(struct pt_regs *registers)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = calling_state(task, registers);
	const void *from = (void *)ARGUMENT_2(registers);
	__s64 bytes = ARGUMENT_3(registers);
	struct owner owner;
	struct scan scan = { .from = from, .bytes = bytes, .owner = &owner };
	char start[4] = {};

	if (!state || bytes <= 0)
		return 0;
	owner = owner_of(state);
	scan.stream = written_stream(task, ARGUMENT_1(registers));
	bpf_probe_read_user(start, sizeof(start), from);
	if (scan.stream && !bpf_strncmp(start, 4, "HTTP"))
		scan.stream->answers = 1;
	if (!scan.stream || !scan.stream->answers)
		read_stream(&scan, IN_CALL, true);
	return 0;
}

/*
 * So user land knows of which greetings OpenSSL will be the author; the others' connections cannot be read. One that
 * is not told here counts among those: nothing is lost.
 */
static __always_inline void send_server(struct task_state *state, const char *name)
{
	struct scratch *scratch = take_scratch(IN_CALL);
	struct event *event;

	if (!scratch)
		return;
	event = &scratch->event;
	*event = (struct event){ .kind = EVENT_TLS_SERVER, .subject = state->subject, .bytes = TEXT_BYTES };
	__builtin_memcpy(scratch->text, name, TEXT_BYTES);
	bpf_ringbuf_output(&events, event, sizeof(*event) + TEXT_BYTES, 0);
	scratch->busy = 0;
}

/* SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, type, name): how SSL_set_tlsext_host_name says who is meant. */
SEC("uprobe")
int on_tls_control(struct pt_regs *registers)
{
	const int set_hostname = 55; /* include/openssl/tls1.h */
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = calling_state(task, registers);
	struct stream *stream;

	if ((int)ARGUMENT_2(registers) != set_hostname || !state)
		return 0;
	stream = written_stream(task, ARGUMENT_1(registers));
	if (!stream)
		return 0;
	/* The object may have been another connection's before. */
	__builtin_memset(stream, 0, sizeof(*stream));
	bpf_probe_read_user_str(stream->server, TEXT_BYTES, (void *)ARGUMENT_4(registers));
	send_server(state, stream->server);
	return 0;
}

/*
 * What SSL_read fills is there when it returns. The calls that a task is in are told apart by the stack: one whose
 * frame lies below the running one's has returned unseen.
 */
static __always_inline void begin_read(struct pt_regs *registers, __u64 bytes_at)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = calling_state(task, registers);
	__u64 stack = registers->sp;
	struct tls_reads *reads;
	struct owner owner;

	if (!state)
		return;
	reads = bpf_task_storage_get(&tls_reads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	for (int i = 0; reads && i < TLS_READS; i++) {
		if (reads->open[i].stack > stack)
			continue;
		reads->open[i] = (struct tls_read){ .stack = stack, .ssl = ARGUMENT_1(registers),
						    .buffer = ARGUMENT_2(registers), .bytes_at = bytes_at };
		return;
	}
	owner = owner_of(state);
	blame_messages(&owner);
}

/* SSL_read(ssl, buffer, bytes) */
SEC("uprobe")
int on_tls_read(struct pt_regs *registers)
{
	begin_read(registers, 0);
	return 0;
}

/* SSL_read_ex(ssl, buffer, bytes, read) */
SEC("uprobe")
int on_tls_read_ex(struct pt_regs *registers)
{
	begin_read(registers, ARGUMENT_4(registers));
	return 0;
}

static __always_inline struct tls_read *ended_read(struct task_struct *task, __u64 stack)
{
	struct tls_reads *reads = bpf_task_storage_get(&tls_reads, task, NULL, 0);

	for (int i = 0; reads && i < TLS_READS; i++)
		if (reads->open[i].stack == stack)
			return &reads->open[i];
	return NULL;
}

/* Only a server is asked. */
static __always_inline bool is_asked(const char *start)
{
	return is_request(start) || is_http2(start);
}

/* The stream of what arrives at a server, from the first request on; NULL for anything else. */
static __always_inline struct stream *served_stream(struct task_struct *task, __u64 ssl, const char *start)
{
	struct stream_key key = { .id = ssl | ARRIVING, .process = task->tgid };
	struct stream *stream = bpf_map_lookup_elem(&streams, &key);

	if (stream || !is_asked(start))
		return stream;
	stream = open_stream(task, &key);
	if (stream) {
		stream->side = SIDE_SERVER;
		bpf_probe_read_kernel_str(stream->server, 16, task->group_leader->comm);
	}
	return stream;
}

/* How much a call has read; 0 or less: nothing. */
static __always_inline __s64 bytes_read(struct pt_regs *registers, const struct tls_read *read)
{
	__s64 bytes = (int)RETURNED(registers);

	if (bytes > 0 && read->bytes_at &&
	    bpf_probe_read_user(&bytes, sizeof(bytes), (const void *)read->bytes_at))
		return 0;
	return bytes;
}

/* Either has returned. */
SEC("uretprobe")
int on_tls_read_return(struct pt_regs *registers)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = known_state(task);
	struct tls_read *ended = ended_read(task, STACK_AT_RETURN(registers)), read;
	struct owner owner;
	struct scan scan = { .owner = &owner, .arrives = true };
	char start[4] = {};
	__s64 bytes;

	if (!state || !ended)
		return 0;
	read = *ended;
	*ended = (struct tls_read){};
	bytes = bytes_read(registers, &read);
	if (bytes <= 0)
		return 0;
	scan.from = (const void *)read.buffer;
	scan.bytes = bytes;
	if (bytes >= sizeof(start))
		bpf_probe_read_user(start, sizeof(start), scan.from);
	owner = owner_of(state);
	scan.stream = served_stream(task, read.ssl, start);
	if (scan.stream || is_asked(start))
		read_stream(&scan, IN_CALL, true);
	return 0;
}

#endif
