/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Messages are read here where they lie, so that nothing but names leaves the program's memory: no body, no header and
 * no token reaches a map or user land.
 */
#ifndef RECORDER_MESSAGES_H
#define RECORDER_MESSAGES_H

#define CHUNK 1024
#define MAX_BYTES (1 << 20) /* of one write, but for what is skipped; what is longer is counted as lost */
#define MAX_PIECES (1 << 14) /* of it: as many messages at most, or chunks */
#define MAX_STEPS (1 << 20) /* in one message, each of some ten nanoseconds; what takes more is counted as lost */

struct scan {
	struct scratch *scratch;
	struct stream *stream;
	const void *from; /* in user memory */
	const struct iovec *vectors; /* further pieces of it */
	__u32 vectors_left;
	__u32 bytes_left; /* in them */
	struct __sk_buff *packet; /* or there, from the offset on */
	__u32 offset;
	__u32 bytes;
	__u32 at; /* bytes that were read */
	__u32 looked_at; /* bytes, in all pieces */
	__u32 place; /* in the running chunk */
	__u32 end; /* of it */
	const struct owner *owner;
	const struct peer_key *peer; /* of a packet, or NULL */
	bool arrives; /* in pieces that its author did not make */
};

/* Bytes at which reading stops: in eight at once, as many of them as are looked for (Hacker's Delight, 6-1). */
struct looked_for {
	__u64 folds; /* bits that the first pattern does not compare */
	__u64 first, second, third;
	bool is_any;
};

#define EIGHT(byte) (0x0101010101010101ULL * (byte))

static __always_inline __u64 zeroes_in(__u64 word)
{
	return (word - EIGHT(1)) & ~word & EIGHT(0x80);
}

/* What changes nothing: bytes of strings that do not matter, what lies deep, and the rest of lines. */
static __always_inline struct looked_for look_for(struct stream *stream)
{
	if (is_between_chunks(stream))
		return (struct looked_for){};
	if (stream->in_string)
		return (struct looked_for){ 0, EIGHT('"'), EIGHT('\\'), EIGHT(stream->by_line ? '\n' : '"'),
					    !stream->matters && !stream->escaped };
	/* With these bits set all four brackets are one byte. */
	if (stream->depth)
		return (struct looked_for){ EIGHT(0x26), EIGHT(0x7f), EIGHT('"'), EIGHT(stream->by_line ? '\n' : '"'),
					    stream->depth > 2 || (stream->depth == 2 && stream->key != WORD_PARAMS) };
	return (struct looked_for){ 0, EIGHT('\n'), EIGHT('\n'), EIGHT(stream->in_headers ? '\r' : '\n'),
				    stream->line == LINE_REST && !stream->is_return };
}

/* The place of the lowest byte of eight that is not zero. */
static __always_inline __u32 first_of(__u64 bytes)
{
	__u32 place = 0;

	if (!(bytes & 0xffffffff)) {
		place += 4;
		bytes >>= 32;
	}
	if (!(bytes & 0xffff)) {
		place += 2;
		bytes >>= 16;
	}
	return bytes & 0xff ? place : place + 1;
}

struct window {
	__u64 words[8];
};

/* How many bytes can be passed over. Not static, as read_byte, so that it is verified by itself. */
__noinline int dull_bytes(const struct window *window, struct stream *stream)
{
	struct looked_for wanted;
	__u64 word, stops;

	if (!window || !stream)
		return 0;
	wanted = look_for(stream);
	if (!wanted.is_any)
		return 0;
	for (int i = 0; i < 8; i++) {
		word = window->words[i];
		stops = zeroes_in((word | wanted.folds) ^ wanted.first) | zeroes_in(word ^ wanted.second) |
			zeroes_in(word ^ wanted.third);
		if (stops)
			return i * 8 + first_of(stops);
	}
	return sizeof(*window);
}

/* Whether something is to be done before the next byte. */
__noinline int read_byte(struct stream *stream, __u32 byte)
{
	if (!stream)
		return 1;
	if (is_between_chunks(stream))
		read_framing(stream, byte);
	else if (stream->in_string)
		read_string(stream, byte);
	else if (stream->depth)
		read_inside(stream, byte);
	else
		read_line(stream, byte);
	return stream->found & OF_PLACE ? 1 : 0;
}

static long read_step(__u32 index, struct scan *scan)
{
	const char *text = scan->scratch->text;
	__u32 place = scan->place, dull;

	if (place >= scan->end || place >= CHUNK)
		return 1;
	/* What lies behind the end may end it early, and never late. */
	dull = dull_bytes((const struct window *)(text + place), scan->stream);
	place += dull < sizeof(struct window) ? dull : sizeof(struct window);
	scan->place = place;
	if (dull >= sizeof(struct window))
		return 0;
	if (place >= scan->end || place >= CHUNK)
		return 1;
	scan->place = place + 1;
	return read_byte(scan->stream, (__u8)text[place]) ? 1 : 0;
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

static __always_inline void blame_messages(const struct owner *owner)
{
	blame(owner, TOOLS);
	blame(owner, MODELS);
}

/* What was no tool and no model may be anything: none of it stays. */
static __always_inline void end_message(struct scan *scan)
{
	struct stream *stream = scan->stream;
	__u32 found = stream->found;
	bool is_whole = !(found & FOUND_TORN);

	if (!is_whole && found & (FOUND_CALL | FOUND_PROMPT))
		blame_messages(scan->owner);
	if (is_whole && found & FOUND_CALL && stream->name_bytes)
		note_name(scan, TOOLS, stream->name);
	/* A gateway of models may look at its own keys alone. */
	if (is_whole && found & FOUND_PROMPT && stream->model_bytes)
		note_name(scan, MODELS, stream->model);
	else if (is_whole && stream->is_prompt && !(found & FOUND_CALL))
		stream->found |= FOUND_UNNAMED;
	else if (found & FOUND_SESSION && scan->arrives && scan->owner->subject && !stream->began) {
		stream->began = 1;
		count(&scan->owner->subject->sessions);
	}
	drop_message(stream);
}

/* These bytes were of a body or chunk; what ends with the body in the middle of a message was none. */
static __always_inline void end_body(struct stream *stream, __u64 bytes)
{
	stream->left -= bytes < stream->left ? bytes : stream->left;
	if (!stream->left && !stream->chunks)
		forget_place(stream);
}

/* These were not looked at, which is counted. Where the next chunk begins in them is not known. */
static __always_inline void pass_over(struct stream *stream, __u64 bytes)
{
	if (bytes > stream->left && stream->chunks)
		forget_place(stream);
	else if (stream->left)
		end_body(stream, bytes);
}

static __always_inline void give_up(struct scan *scan)
{
	blame_messages(scan->owner);
	scan->stream->in_headers = scan->stream->is_return = 0;
	drop_message(scan->stream);
	skip_rest(scan->stream);
}

/* Up to the end of the chunk, of a message in it, or of a body. */
static __always_inline long read_chunk(struct scan *scan, bool packets)
{
	struct stream *stream = scan->stream;
	__u32 start = scan->at, bytes = scan->bytes - start;
	bool in_body = stream->left;

	if (start >= scan->bytes || scan->looked_at >= MAX_BYTES)
		return 1;
	if (in_body && bytes > stream->left)
		bytes = stream->left;
	if (stream->skips && in_body) {
		scan->at += bytes;
		end_body(stream, bytes);
		return 0;
	}
	if (bytes > CHUNK)
		bytes = CHUNK;
	/* Joined into one comparison they say nothing of bytes to a verifier of Linux 6.1. */
	if (!bytes)
		return 1;
	barrier_var(bytes);
	if (bytes > CHUNK || load(scan, start, bytes, packets))
		return 1;
	scan->place = 0;
	scan->end = bytes;
	stream->found &= ~OF_PLACE;
	stream->steps += bpf_loop(CHUNK, read_step, scan, 0);
	if (scan->place < bytes)
		bytes = scan->place;
	scan->at += bytes;
	scan->looked_at += bytes;
	if (stream->found & FOUND_ANOTHER)
		blame_messages(scan->owner);
	if (stream->found & FOUND_END)
		end_message(scan);
	else if (stream->depth && stream->steps > MAX_STEPS)
		give_up(scan);
	if (in_body)
		end_body(stream, bytes);
	return 0;
}

/* Pieces of one read, in the order of a list of them. */
static __always_inline bool next_vector(struct scan *scan)
{
	struct iovec vector;

	if (!scan->vectors_left || !scan->bytes_left ||
	    bpf_probe_read_user(&vector, sizeof(vector), scan->vectors))
		return false;
	scan->vectors++;
	scan->vectors_left--;
	scan->from = vector.iov_base;
	scan->bytes = vector.iov_len < scan->bytes_left ? vector.iov_len : scan->bytes_left;
	scan->bytes_left -= scan->bytes;
	scan->at = 0;
	return true;
}

static long read_memory_chunk(__u32 index, struct scan *scan)
{
	if (scan->at >= scan->bytes)
		return !next_vector(scan);
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

/* In the first line of what may be a request. */
static __always_inline bool is_in_request_line(const struct stream *stream)
{
	return stream->line == LINE_WORD || stream->line == LINE_TARGET || stream->line == LINE_VERSION;
}

/* In the middle of something that goes on with the next write. */
static __always_inline bool is_amid(const struct stream *stream)
{
	return stream->left || stream->chunks || stream->in_headers || stream->depth || is_in_request_line(stream);
}

/*
 * What seems to be a request begins one, wherever the last one was left: but not within a body. What is written comes as
 * its author made it, so a write begins a line, or goes on with that of a request; what arrives may be cut anywhere.
 */
static __always_inline void resynchronise(struct scan *scan, const char *text)
{
	struct stream *stream = scan->stream;
	bool begins = is_request(text), is_message = !scan->arrives && (text[0] == '{' || text[0] == '[');
	bool is_new = !scan->arrives && stream->line != LINE_LIST && !is_amid(stream);

	/* The one before was not read to its end, or this is none. */
	if ((begins && is_amid(stream)) ||
	    (is_message && (stream->line == LINE_TARGET || stream->line == LINE_VERSION)))
		blame_messages(scan->owner);
	if (begins)
		forget_place(stream);
	else if (is_new || (is_message && is_in_request_line(stream) && !stream->in_headers))
		begin_line(stream);
}

/*
 * Names may have been in there, and none was looked for: of tools and of models, so that each counts what the ring has no
 * room for. Not inlined: its frame is not to lie below that of a reader.
 */
static __noinline int note_unread(struct scan *scan, __u32 form)
{
	scan->scratch->text[0] = form;
	for (__u32 domain = TOOLS; domain <= MODELS; domain++)
		note_text(scan->scratch, scan->owner, EVENT_UNREAD, domain, 0, 1);
	return 0;
}

/* By its first bytes. */
static __always_inline void begin_write(struct scan *scan)
{
	char *text = scan->scratch->text;

	__builtin_memset(text, 0, 4);
	load(scan, 0, scan->bytes < 4 ? 1 : 4, scan->peer);
	resynchronise(scan, text);
}

/* Read one write of a stream, of packets when there is a peer, and note the names in it. */
static __always_inline void read_message(struct scan *scan)
{
	struct stream *stream = scan->stream;
	char *text = scan->scratch->text;

	if (!stream->by_line && !stream->left && !stream->chunks)
		begin_write(scan);
	bpf_loop(MAX_PIECES, scan->peer ? read_packet_chunk : read_memory_chunk, scan, 0);
	__builtin_memset(text, 0, CHUNK);
	if (stream->found & FOUND_ENCODED)
		note_unread(scan, UNREAD_ENCODED);
	if (stream->found & FOUND_UPGRADE)
		note_unread(scan, UNREAD_UPGRADE);
	if (stream->found & FOUND_UNNAMED)
		note_unread(scan, UNREAD_UNNAMED);
	if (stream->found & FOUND_WIDE)
		note_unread(scan, UNREAD_WIDE);
	if (stream->found & FOUND_HTTP2)
		note_unread(scan, UNREAD_HTTP2);
	if (stream->found & FOUND_UNCLEAR)
		blame_messages(scan->owner);
	stream->found &= ~OF_STREAM;
	/* Not to be read, or too long. */
	if (scan->at < scan->bytes || scan->bytes_left) {
		give_up(scan);
		pass_over(stream, (__u64)scan->bytes - scan->at + scan->bytes_left);
	}
}

/* False when there is one, or no room. */
static __always_inline bool make_stream(const struct stream_key *key)
{
	__u32 zero = 0;
	struct stream *empty = bpf_map_lookup_elem(&no_stream, &zero);

	return empty && !bpf_map_update_elem(&streams, key, empty, BPF_NOEXIST);
}

/* Read what there is of a stream, or count it as lost where there is no room for the stream. */
static __always_inline void read_stream(struct scan *scan, __u32 context)
{
	if (scan->stream && scan->stream->skips && scan->stream->left > scan->bytes && !scan->bytes_left) {
		scan->stream->left -= scan->bytes;
		return;
	}
	scan->scratch = take_scratch(context);
	if (scan->scratch && scan->stream) {
		read_message(scan);
	} else {
		blame_messages(scan->owner);
		if (scan->stream)
			pass_over(scan->stream, (__u64)scan->bytes + scan->bytes_left);
	}
	if (scan->scratch)
		scan->scratch->busy = 0;
}

/* What is to be read of the running program's memory; only numbers, so that its reader is verified once for all callers. */
struct reading {
	struct stream_key key;
	__u64 from;
	__u64 vectors; /* address of an array of `struct iovec`, for what is not at `from` */
	__u32 vectors_left;
	__u32 bytes_left; /* in them */
	__u32 bytes;
	__u32 arrives;
};

/* Not static, so that it is verified by itself. */
__noinline int read_memory(const struct reading *reading)
{
	struct task_state *state = known_state(bpf_get_current_task_btf());
	struct stream_key key;
	struct scan scan = {};
	struct owner owner;

	if (!reading || !state)
		return 0;
	owner = owner_of(state);
	scan.owner = &owner;
	key = reading->key; /* on the stack: Linux 6.1 takes no key from elsewhere */
	scan.stream = bpf_map_lookup_elem(&streams, &key);
	if (!owner.subject || !scan.stream) {
		blame_messages(&owner);
		return 0;
	}
	scan.from = (const void *)reading->from;
	scan.vectors = (const void *)reading->vectors;
	scan.vectors_left = reading->vectors_left;
	scan.bytes_left = reading->bytes_left;
	scan.bytes = reading->bytes;
	scan.arrives = reading->arrives;
	read_stream(&scan, IN_CALL);
	return 0;
}

/* The running program's messages may have had names, and none was looked for. */
__noinline int note_unread_form(__u32 form)
{
	struct task_state *state = known_state(bpf_get_current_task_btf());
	struct scan scan = {};
	struct owner owner;

	if (!state)
		return 0;
	owner = owner_of(state);
	scan.owner = &owner;
	scan.scratch = take_scratch(IN_CALL);
	if (scan.scratch) {
		note_unread(&scan, form);
		scan.scratch->busy = 0;
	} else {
		blame_messages(&owner);
	}
	return 0;
}

/* A packet may be sent again, also with others: what was read of it is not read twice. */
static __always_inline void follow_sequence(struct scan *scan, __u32 sequence)
{
	struct stream *stream = scan->stream;
	__s32 known = stream->is_begun ? stream->sequence - sequence : 0;

	stream->is_begun = 1;
	if (known < 0) {
		blame_messages(scan->owner);
		forget_place(stream);
	} else if (known) {
		known = known < scan->bytes ? known : scan->bytes;
		scan->offset += known;
		scan->bytes -= known;
		sequence += known;
	}
	if (scan->bytes)
		stream->sequence = sequence + scan->bytes;
}

/* A packet of a connection that is not encrypted. What comes behind it may be, or be of no HTTP. */
static __always_inline void read_packet(struct __sk_buff *packet, __u32 offset, __u32 sequence,
					struct socket_state *socket)
{
	struct bpf_sock *sock = packet->sk ? bpf_sk_fullsock(packet->sk) : NULL;
	struct peer_key *peer = &socket->peer;
	struct subject *subject = asker_of(socket);
	struct owner owner = { .id = peer->subject, .subject = subject, .phase = peer->phase };
	struct scan scan = { .packet = packet, .offset = offset, .bytes = packet->len - offset, .owner = &owner,
			     .peer = peer };

	if (sock)
		scan.stream = bpf_sk_storage_get(&socket_streams, sock, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (scan.stream)
		follow_sequence(&scan, sequence);
	if (scan.bytes)
		read_stream(&scan, IN_PACKET_OUT);
	if (scan.stream && scan.stream->tunnels)
		socket->sent = 1;
	if (scan.stream && scan.stream->is_other)
		socket->plain = 0;
}

#endif
