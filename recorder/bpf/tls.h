/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Messages over TLS, where OpenSSL 1.1 or 3 has them in plain: what a client has just written, and what a server has
 * just read.
 */
#ifndef RECORDER_TLS_H
#define RECORDER_TLS_H

#define ARRIVING 1 /* in a stream's id */

/* Of a task whose call can be read, as known_state; a 32-bit program has its arguments elsewhere. */
static __always_inline struct task_state *calling_state(struct task_struct *task, struct pt_regs *registers)
{
	struct task_state *state = known_state(task);

	if (!state || !is_32_bit(task, registers))
		return state;
	note_unread_form(UNREAD_32_BIT);
	return NULL;
}

/* A new stream of a TLS connection, or NULL when there is no room. */
static __always_inline struct stream *open_stream(struct task_struct *task, const struct stream_key *key)
{
	struct speaker *speaker;

	if (!make_stream(key))
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
	if ((key->process & ~BY_INPUT) == *process)
		bpf_map_delete_elem(&streams, key);
	return 0;
}

/*
 * A process that ended, or executes another program, without telling OpenSSL, or whose thread that had read a standard
 * input is gone. A thread that executes one in place of the first has not what that one had noted.
 */
static __noinline int end_streams(struct task_struct *task, bool is_another)
{
	struct speaker *speaker = bpf_task_storage_get(&speakers, task->group_leader, NULL, 0);
	__u64 process = task->tgid;

	if (!is_another && (!speaker || speaker->open <= 0))
		return 0;
	bpf_for_each_map_elem(&streams, end_stream_of, &process, 0);
	if (speaker)
		speaker->open = 0;
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

/* From its first call on a connection is one; one that was only made greets nobody. */
static __always_inline void note_connecting(struct task_struct *task, struct task_state *state, __u64 ssl)
{
	struct stream_key key = { .id = ssl, .process = task->tgid };
	struct stream *stream = bpf_map_lookup_elem(&streams, &key);

	if (!stream || !stream->is_new)
		return;
	stream->is_new = 0;
	send_server(state, stream->server);
}

/* SSL_connect(ssl) and SSL_do_handshake(ssl); without them reading and writing begin the connection. */
SEC("uprobe")
int on_tls_connect(struct pt_regs *registers)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = calling_state(task, registers);

	if (state)
		note_connecting(task, state, ARGUMENT_1(registers));
	return 0;
}

/*
 * SSL_set_connect_state(ssl), and SSL_connect(ssl), which calls it: a client, which greets its server also when it has no
 * name for it. One that has is known already, and so is one that calls again.
 */
SEC("uprobe")
int on_tls_client(struct pt_regs *registers)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct stream_key key = { .id = ARGUMENT_1(registers), .process = task->tgid };
	struct stream *stream;

	if (!calling_state(task, registers) || bpf_map_lookup_elem(&streams, &key))
		return 0;
	stream = open_stream(task, &key);
	if (stream)
		stream->is_new = 1;
	return 0;
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
	stream->is_new = 1;
	return 0;
}

#define NEAR 512 /* bytes of stack, of a function that only calls another one */

/* Whether one that hands the same on to another call is still open: SSL_write_ex does to SSL_write_ex2 (OpenSSL 3.3). */
static __always_inline bool is_within(const struct tls_call *outer, const struct tls_call *call)
{
	return outer->stack > call->stack && outer->stack - call->stack < NEAR && outer->ssl == call->ssl &&
	       outer->buffer == call->buffer && outer->writes == call->writes;
}

/*
 * What SSL_read fills is there when it returns, and only then it is known how much SSL_write took: it may take a part, or
 * nothing, and be called again with the rest. The calls that a task is in are told apart by the stack: one whose frame
 * lies below the running one's has returned unseen.
 */
static __always_inline void begin_call(struct pt_regs *registers, __u64 bytes_at, bool writes)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = calling_state(task, registers);
	struct tls_call call = { .stack = registers->sp, .ssl = ARGUMENT_1(registers),
				 .buffer = ARGUMENT_2(registers), .bytes_at = bytes_at, .writes = writes };
	struct tls_calls *calls;
	struct owner owner;

	if (!state)
		return;
	note_connecting(task, state, ARGUMENT_1(registers));
	calls = bpf_task_storage_get(&tls_calls, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	for (int i = 0; calls && i < TLS_CALLS; i++) {
		if (is_within(&calls->open[i], &call))
			return;
		if (calls->open[i].stack > call.stack)
			continue;
		calls->open[i] = call;
		return;
	}
	owner = owner_of(state);
	blame_messages(&owner);
}

/* SSL_read(ssl, buffer, bytes) */
SEC("uprobe")
int on_tls_read(struct pt_regs *registers)
{
	begin_call(registers, 0, false);
	return 0;
}

/* SSL_read_ex(ssl, buffer, bytes, read) */
SEC("uprobe")
int on_tls_read_ex(struct pt_regs *registers)
{
	begin_call(registers, ARGUMENT_4(registers), false);
	return 0;
}

/* SSL_write(ssl, buffer, bytes) */
SEC("uprobe")
int on_tls_write(struct pt_regs *registers)
{
	begin_call(registers, 0, true);
	return 0;
}

/* SSL_write_ex(ssl, buffer, bytes, written) */
SEC("uprobe")
int on_tls_write_ex(struct pt_regs *registers)
{
	begin_call(registers, ARGUMENT_4(registers), true);
	return 0;
}

/* SSL_write_ex2(ssl, buffer, bytes, flags, written) */
SEC("uprobe")
int on_tls_write_ex2(struct pt_regs *registers)
{
	begin_call(registers, ARGUMENT_5(registers), true);
	return 0;
}

static __always_inline struct tls_call *ended_call(struct task_struct *task, __u64 stack)
{
	struct tls_calls *calls = bpf_task_storage_get(&tls_calls, task, NULL, 0);

	for (int i = 0; calls && i < TLS_CALLS; i++)
		if (calls->open[i].stack == stack)
			return &calls->open[i];
	return NULL;
}

/*
 * BIO_f_ssl(): who reads and writes by such a filter (BIO_new_ssl makes one) calls the functions behind SSL_read and
 * SSL_write, which nothing names in a library.
 */
SEC("uprobe")
int on_tls_filter(struct pt_regs *registers)
{
	note_unread_form(UNREAD_BIO);
	return 0;
}

/* SSL_sendfile(ssl, file, offset, bytes, flags): of a server's answers nothing is read anyway. */
SEC("uprobe")
int on_tls_sendfile(struct pt_regs *registers)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct stream_key key = { .id = ARGUMENT_1(registers), .process = task->tgid };
	struct stream *stream;

	if (!calling_state(task, registers))
		return 0;
	stream = bpf_map_lookup_elem(&streams, &key);
	if (!stream || !stream->answers)
		note_unread_form(UNREAD_FILE);
	return 0;
}

#define FOUR(text) ((text)[0] | (text)[1] << 8 | (text)[2] << 16 | (text)[3] << 24)

/* Only a server is asked. Of less than four bytes the first one says it, but for the one that answers begin with, too. */
static __always_inline bool is_asked(const char *start)
{
	__u32 four = FOUR(start);

	switch (four) {
	case 'P':
	case 'G':
	case 'D':
	case 'O':
		return true;
	}
	return is_request(start) || is_http2(start) || (four & 0xffff) == ('\r' | '\n' << 8) || four == FOUR("HEAD") ||
	       four == FOUR("PUT ") || four == FOUR("PATC") || four == FOUR("DELE") || four == FOUR("OPTI") ||
	       four == FOUR("PROX");
}

/* Whether what arrives is read: at a server, from the first request on. */
static __always_inline bool is_served(struct task_struct *task, const struct stream_key *key, const char *start)
{
	struct stream *stream = bpf_map_lookup_elem(&streams, key);

	if (stream || !is_asked(start))
		return stream;
	stream = open_stream(task, key);
	if (stream) {
		stream->side = SIDE_SERVER;
		bpf_probe_read_kernel_str(stream->server, 16, task->group_leader->comm);
	}
	return true;
}

/* Whether what is written is read: all but a server's answers. */
static __always_inline bool is_asking(struct task_struct *task, const struct stream_key *key, const char *start)
{
	struct stream *stream = written_stream(task, key->id);

	if (!stream)
		return true;
	/* Within a request it is a piece of it. */
	if (!bpf_strncmp(start, 4, "HTTP") && !is_amid(stream))
		stream->answers = 1;
	else if (is_request(start) || is_http2(start))
		stream->answers = 0;
	return !stream->answers;
}

/* How much a call has read or written; 0 or less: nothing. */
static __always_inline __s64 bytes_of(struct pt_regs *registers, const struct tls_call *call)
{
	__s64 bytes = (int)RETURNED(registers);

	if (bytes > 0 && call->bytes_at &&
	    bpf_probe_read_user(&bytes, sizeof(bytes), (const void *)call->bytes_at))
		return 0;
	return bytes;
}

static __always_inline void read_call(struct task_struct *task, const struct tls_call *call, __u32 bytes)
{
	struct reading reading = {};
	char start[4] = {};

	reading.from = call->buffer;
	reading.bytes = bytes;
	reading.arrives = !call->writes;
	reading.key.process = task->tgid;
	reading.key.id = call->ssl | (call->writes ? 0 : ARRIVING);
	bpf_probe_read_user(start, bytes < sizeof(start) ? 1 : sizeof(start), (const void *)call->buffer);
	if (call->writes ? is_asking(task, &reading.key, start) : is_served(task, &reading.key, start))
		read_memory(&reading);
}

/* Any of them has returned. */
SEC("uretprobe")
int on_tls_return(struct pt_regs *registers)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = known_state(task);
	struct tls_call *ended = ended_call(task, STACK_AT_RETURN(registers)), call;
	__s64 bytes;

	if (!state || !ended)
		return 0;
	call = *ended;
	*ended = (struct tls_call){};
	bytes = bytes_of(registers, &call);
	if (bytes > 0)
		read_call(task, &call, bytes);
	return 0;
}

/*
 * SSL_write and SSL_write_ex where no probe may be at a return: all that it is asked to write counts as written at once.
 * What a call takes only in part comes again in the next: its end is the same.
 */
SEC("uprobe")
int on_tls_write_alone(struct pt_regs *registers)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = calling_state(task, registers);
	struct tls_call call = { .ssl = ARGUMENT_1(registers), .buffer = ARGUMENT_2(registers), .writes = true };
	__s64 bytes = ARGUMENT_3(registers);
	struct stream *stream;
	__u64 end = call.buffer + bytes;

	if (!state || bytes <= 0)
		return 0;
	stream = written_stream(task, call.ssl);
	note_connecting(task, state, call.ssl);
	if (stream && stream->written_to == end && call.buffer > stream->written_from)
		return 0;
	if (stream) {
		stream->written_from = call.buffer;
		stream->written_to = end;
	}
	read_call(task, &call, bytes);
	return 0;
}

#endif
