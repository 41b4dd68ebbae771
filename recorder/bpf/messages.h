/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Names in messages: the tool of a JSON-RPC `tools/call` (Model Context Protocol, 2025-06-18) and the model of a
 * request to a language model. Messages are read here, byte by byte, so that nothing else of them leaves the
 * program's memory: no body, no header and no token reaches a map or user land.
 */
#ifndef RECORDER_MESSAGES_H
#define RECORDER_MESSAGES_H

#define CHUNK 1024
#define MAX_CHUNKS 256 /* of one write; what is longer and still open is counted as lost */
#define MAX_DEPTH 63
#define S_IFMT 0170000 /* include/uapi/linux/stat.h */
#define S_IFIFO 0010000
#define S_IFSOCK 0140000
#define FNV_START 0x811c9dc5U
#define FNV_STEP 16777619U

/* FNV-1a of the keys and of the one value that are looked for. */
enum word {
	WORD_METHOD = 0xab45f730,
	WORD_PARAMS = 0x215f6853,
	WORD_NAME = 0x8d39bde6,
	WORD_MODEL = 0xb08b665a,
	WORD_MESSAGES = 0xc00385b5,
	WORD_PROMPT = 0xdfe6493b,
	WORD_INPUT = 0xf9d86f7b,
	WORD_TOOLS_CALL = 0x3ddc0bad,
	WORD_INITIALIZE = 0xce92964b,
	WORD_CONTENT_ENCODING = 0x03e2ed88,
};

enum keeping {
	KEEP_NOTHING,
	KEEP_NAME,
	KEEP_MODEL,
};

enum found {
	FOUND_CALL = 1, /* `"method": "tools/call"` */
	FOUND_PROMPT = 2, /* a key that a request to a model has, and little else */
	FOUND_END = 4, /* of the outermost object */
	FOUND_ENCODED = 8, /* the header of a body that cannot be read */
	FOUND_SESSION = 16, /* `"method": "initialize"`, by which a session of MCP begins */
};

struct scan {
	struct scratch *scratch;
	struct stream *stream;
	const void *from; /* in user memory */
	struct __sk_buff *packet; /* or there, from the offset on */
	__u32 offset;
	__u32 bytes;
	__u32 at; /* bytes that were read */
	__u32 messages;
	const struct owner *owner;
	const struct peer_key *peer; /* of a packet, or NULL */
	bool arrives; /* in pieces that its author did not make */
};

static __always_inline void begin_string(struct stream *stream)
{
	stream->in_string = 1;
	stream->hash = FNV_START;
	stream->keeps = KEEP_NOTHING;
	if (stream->is_key)
		return;
	if (stream->depth == 1 && stream->key == WORD_MODEL) {
		stream->keeps = KEEP_MODEL;
		stream->model_bytes = 0;
	} else if (stream->depth == 2 && stream->key == WORD_PARAMS && stream->inner_key == WORD_NAME) {
		stream->keeps = KEEP_NAME;
		stream->name_bytes = 0;
	}
}

static __always_inline void end_string(struct stream *stream)
{
	__u32 hash = stream->hash;

	stream->in_string = 0;
	if (!stream->is_key) {
		if (stream->depth == 1 && stream->key == WORD_METHOD && hash == WORD_TOOLS_CALL)
			stream->found |= FOUND_CALL;
		else if (stream->depth == 1 && stream->key == WORD_METHOD && hash == WORD_INITIALIZE)
			stream->found |= FOUND_SESSION;
	} else if (stream->depth == 1) {
		stream->key = hash;
		if (hash == WORD_MESSAGES || hash == WORD_PROMPT || hash == WORD_INPUT)
			stream->found |= FOUND_PROMPT;
	} else if (stream->depth == 2) {
		stream->inner_key = hash;
	}
}

static __always_inline void read_string(struct stream *stream, __u8 byte)
{
	__u32 at;

	if (!stream->escaped && byte == '"') {
		end_string(stream);
		return;
	}
	stream->escaped = !stream->escaped && byte == '\\';
	stream->hash = (stream->hash ^ byte) * FNV_STEP;
	if (stream->keeps == KEEP_NAME) {
		at = stream->name_bytes;
		if (at < TEXT_BYTES - 1) {
			stream->name[at] = byte;
			stream->name_bytes = at + 1;
		}
	} else if (stream->keeps == KEEP_MODEL) {
		at = stream->model_bytes;
		if (at < TEXT_BYTES - 1) {
			stream->model[at] = byte;
			stream->model_bytes = at + 1;
		}
	}
}

static __always_inline void open_level(struct stream *stream, bool is_object)
{
	if (!stream->depth) {
		stream->found &= FOUND_ENCODED;
		stream->name_bytes = stream->model_bytes = 0;
		stream->key = stream->inner_key = 0;
	}
	if (stream->depth < MAX_DEPTH)
		stream->depth++;
	if (stream->depth == 2)
		stream->inner_key = 0;
	if (is_object)
		stream->objects |= 1ULL << (stream->depth & 63);
	else
		stream->objects &= ~(1ULL << (stream->depth & 63));
	stream->is_key = is_object;
}

/*
 * Between messages. One begins with an object at the start of a line or of a write: after the headers of HTTP, or
 * alone; or in a list of them (JSON-RPC 2.0, 6).
 */
static __always_inline void read_between(struct stream *stream, __u8 byte)
{
	bool starts = !stream->last || stream->last == '\n';

	if (byte == '{' && (starts || stream->in_list)) {
		open_level(stream, true);
	} else if (byte == '[' && starts) {
		stream->in_list = 1;
	} else if (stream->in_list) {
		stream->in_list = byte == ',' || byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
	} else if (byte == '\n') {
		stream->hash = FNV_START;
	} else if (byte == ':') {
		if (stream->hash == WORD_CONTENT_ENCODING)
			stream->found |= FOUND_ENCODED;
	} else {
		/* Names of headers are of any case; of what else stands there nothing but the hash is kept. */
		stream->hash = (stream->hash ^ (byte | 0x20)) * FNV_STEP;
	}
}

static long read_byte(__u32 index, struct scan *scan)
{
	struct stream *stream = scan->stream;
	__u8 byte;

	if (index >= CHUNK)
		return 1;
	byte = scan->scratch->text[index];
	if (stream->in_string) {
		read_string(stream, byte);
		return 0;
	}
	if (!stream->depth)
		read_between(stream, byte);
	else if (byte == '{' || byte == '[')
		open_level(stream, byte == '{');
	else if (byte == '"')
		begin_string(stream);
	else if (byte == ':')
		stream->is_key = 0;
	else if (byte == ',')
		stream->is_key = stream->objects >> (stream->depth & 63) & 1;
	else if ((byte == '}' || byte == ']') && !--stream->depth)
		stream->found |= FOUND_END;
	stream->last = byte;
	return stream->found & FOUND_END ? 1 : 0;
}

/* A program that may read packets may not read user memory, and the other way round: `packets` is constant. */
static __always_inline long load(struct scan *scan, __u32 start, __u32 bytes, bool packets)
{
	char *text = scan->scratch->text;

	if (packets)
		return bpf_skb_load_bytes(scan->packet, scan->offset + start, text, bytes);
	return bpf_probe_read_user(text, bytes, scan->from + start);
}

/* A name, and whose it is: behind it the server's, before it the peer. */
static __always_inline void note_name(struct scan *scan, __u32 domain, const char *name)
{
	const struct peer_key *peer = scan->peer;
	char *text = scan->scratch->text;

	if (peer) {
		__builtin_memcpy(text, peer, sizeof(*peer));
		__builtin_memcpy(text + sizeof(*peer), name, TEXT_BYTES);
		note_text(scan->scratch, scan->owner, EVENT_PEER_NAME, domain, 0, sizeof(*peer) + TEXT_BYTES);
	} else {
		__builtin_memcpy(text, name, TEXT_BYTES);
		__builtin_memcpy(text + TEXT_BYTES, scan->stream->server, TEXT_BYTES);
		text[2 * TEXT_BYTES] = scan->stream->side ?: SIDE_CLIENT;
		note_text(scan->scratch, scan->owner, EVENT_NAME, domain, 0, 2 * TEXT_BYTES + 1);
	}
}

/* What was no tool and no model may be anything: none of it stays. */
static __always_inline void end_message(struct scan *scan)
{
	struct stream *stream = scan->stream;

	if (stream->found & FOUND_CALL && stream->name_bytes)
		note_name(scan, TOOLS, stream->name);
	else if (stream->found & FOUND_PROMPT && stream->model_bytes)
		note_name(scan, MODELS, stream->model);
	else if (stream->found & FOUND_SESSION && scan->arrives && scan->owner->subject && !stream->began) {
		stream->began = 1;
		count(&scan->owner->subject->sessions);
	}
	stream->found &= FOUND_ENCODED;
	__builtin_memset(stream->name, 0, sizeof(stream->name));
	__builtin_memset(stream->model, 0, sizeof(stream->model));
	scan->messages++;
}

/* Up to the end of the chunk, or of a message in it. */
static __always_inline long read_chunk(struct scan *scan, bool packets)
{
	__u32 start = scan->at, bytes = scan->bytes - start;

	if (start >= scan->bytes)
		return 1;
	if (bytes > CHUNK)
		bytes = CHUNK;
	asm volatile("" : "+r"(bytes));
	if (!bytes || bytes > CHUNK || load(scan, start, bytes, packets))
		return 1;
	scan->at += bpf_loop(bytes, read_byte, scan, 0);
	if (scan->stream->found & FOUND_END)
		end_message(scan);
	return 0;
}

static long read_memory_chunk(__u32 index, struct scan *scan)
{
	return read_chunk(scan, false);
}

static long read_packet_chunk(__u32 index, struct scan *scan)
{
	return read_chunk(scan, true);
}

static __always_inline bool is_request(const char *text)
{
	return (text[0] == 'P' && text[1] == 'O' && text[2] == 'S' && text[3] == 'T') ||
	       (text[0] == 'G' && text[1] == 'E' && text[2] == 'T' && text[3] == ' ');
}

static __always_inline bool is_http2(const char *text)
{
	return text[0] == 'P' && text[1] == 'R' && text[2] == 'I' && text[3] == ' ';
}

static __always_inline void blame_messages(const struct owner *owner)
{
	blame(owner, TOOLS);
	blame(owner, MODELS);
}

/*
 * A request line begins a message, wherever the last one was left. What is written comes as its author made it, so a
 * write begins a line; what arrives may be cut anywhere, also before a word that only looks like a request's first.
 */
static __always_inline void resynchronise(struct scan *scan, const char *text)
{
	struct stream *stream = scan->stream;
	bool begins = is_request(text);

	if (begins && stream->depth && scan->arrives)
		blame_messages(scan->owner);
	if (begins)
		stream->depth = stream->in_string = stream->escaped = stream->in_list = stream->found = 0;
	if (!stream->depth && (begins || !scan->arrives)) {
		stream->last = 0;
		stream->hash = FNV_START;
	}
}

/* Names may have been in there, and none was looked for. */
static __always_inline void note_unread(struct scan *scan, __u32 form)
{
	scan->scratch->text[0] = form;
	note_text(scan->scratch, scan->owner, EVENT_UNREAD, TOOLS, 0, 1);
}

/* Read one write of a stream, of packets when there is a peer, and note the names in it. */
static __always_inline void read_message(struct scan *scan, bool is_http)
{
	struct stream *stream = scan->stream;
	char *text = scan->scratch->text;
	bool is_other;

	load(scan, 0, 4, scan->peer);
	if (scan->bytes < 4)
		text[0] = 0;
	is_other = is_http && is_http2(text);
	resynchronise(scan, text);
	bpf_loop(MAX_CHUNKS, scan->peer ? read_packet_chunk : read_memory_chunk, scan, 0);
	__builtin_memset(text, 0, CHUNK);
	if (is_other)
		note_unread(scan, UNREAD_HTTP2);
	else if (is_http && stream->found & FOUND_ENCODED)
		note_unread(scan, UNREAD_ENCODED);
	stream->found &= ~FOUND_ENCODED;
	/* Not to be read, too long, or of more messages than fit. */
	if (scan->at < scan->bytes && (stream->depth || scan->messages || !scan->at)) {
		blame_messages(scan->owner);
		stream->depth = stream->in_string = 0;
		__builtin_memset(stream->name, 0, sizeof(stream->name));
		__builtin_memset(stream->model, 0, sizeof(stream->model));
	}
}

/* Read what there is of a stream, or count it as lost where there is no room for the stream. */
static __always_inline void read_stream(struct scan *scan, __u32 context, bool is_http)
{
	scan->scratch = take_scratch(context);
	if (scan->scratch && scan->stream) {
		read_message(scan, is_http);
	} else {
		blame_messages(scan->owner);
	}
	if (scan->scratch)
		scan->scratch->busy = 0;
}

/* What a server over standard input reads: pipes, and the socket pairs that Node uses for them. */
static __always_inline void note_input(struct task_struct *task, struct task_state *state, struct file *file,
				       const void *from, __u64 bytes)
{
	unsigned int kind = BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;
	struct owner owner = owner_of(state);
	struct scan scan = { .from = from, .bytes = bytes, .owner = &owner };
	struct input *input;

	if (kind != S_IFIFO && kind != S_IFSOCK)
		return;
	input = bpf_task_storage_get(&inputs, task->group_leader, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (input && input->file != (__u64)file) {
		__builtin_memset(input, 0, sizeof(*input));
		input->file = (__u64)file;
		input->stream.side = SIDE_INPUT;
		__builtin_memcpy(input->stream.server, "stdio:", 6);
		bpf_probe_read_kernel_str(input->stream.server + 6, 16, task->group_leader->comm);
	}
	if (input)
		scan.stream = &input->stream;
	read_stream(&scan, IN_CALL, false);
}

/* A packet of a connection that is not encrypted. */
static __always_inline void read_packet(struct __sk_buff *packet, __u32 offset, struct peer_key *peer)
{
	struct bpf_sock *sock = packet->sk ? bpf_sk_fullsock(packet->sk) : NULL;
	struct owner owner = { .id = peer->subject, .phase = peer->phase };
	struct scan scan = { .packet = packet, .offset = offset, .bytes = packet->len - offset, .owner = &owner,
			     .peer = peer };

	if (sock)
		scan.stream = bpf_sk_storage_get(&socket_streams, sock, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	read_stream(&scan, IN_PACKET_OUT, true);
}

#endif
