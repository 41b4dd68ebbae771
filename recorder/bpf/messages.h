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
	else if (stream->form)
		read_form(stream, byte);
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

/* Whether the request line has named the message's model already. */
static __always_inline bool is_of_target(const struct stream *stream)
{
	const __u64 *model = (const __u64 *)stream->model, *target = (const __u64 *)stream->target;
	__u64 differ = 0;

	for (int i = 0; i < TEXT_BYTES / 8; i++)
		differ |= model[i] ^ target[i];
	return stream->route == ROUTE_NAMED && !differ;
}

static __always_inline void note_target(struct scan *scan)
{
	if (scan->stream->target_bytes < TEXT_BYTES)
		note_name(scan, MODELS, scan->stream->target);
	else
		blame_messages(scan->owner);
}

/*
 * Whether the message asks a model. A gateway of models may look at its own keys alone, and `input` is a word of many.
 */
static __always_inline bool asks_model(struct scan *scan)
{
	struct stream *stream = scan->stream;
	bool has_prompt = stream->found & FOUND_PROMPT, is_call = stream->found & FOUND_CALL;

	if ((has_prompt || stream->asks) && stream->model_bytes) {
		if (!is_of_target(stream))
			note_name(scan, MODELS, stream->model);
		return true;
	}
	if (is_call || !(stream->is_prompt || (has_prompt && stream->asks)))
		return false;
	if (stream->route != ROUTE_NAMED)
		stream->found |= FOUND_UNNAMED;
	return true;
}

/* What was no tool and no model may be anything: none of it stays. */
static __always_inline void end_message(struct scan *scan)
{
	struct stream *stream = scan->stream;
	__u32 found = stream->found;
	bool is_whole = !(found & FOUND_TORN);

	if (!is_whole && (found & (FOUND_CALL | FOUND_PROMPT) || stream->asks))
		blame_messages(scan->owner);
	if (is_whole && found & FOUND_CALL && stream->name_bytes)
		note_name(scan, TOOLS, stream->name);
	if (!(is_whole && asks_model(scan)) && found & FOUND_SESSION && scan->arrives && scan->owner->subject && !stream->began) {
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
	asm volatile("" : "+r"(bytes));
	if (!bytes || bytes > CHUNK || load(scan, start, bytes, packets))
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
	if (stream->found & FOUND_TARGET)
		note_target(scan);
	if (stream->found & FOUND_END)
		end_message(scan);
	else if (stream->depth && stream->steps > MAX_STEPS)
		give_up(scan);
	/* Unless it was none: end_body_line. */
	if (in_body && stream->left)
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
	return stream->line >= LINE_WORD && stream->line <= LINE_VERSION;
}

/* In the middle of something that goes on with the next write. */
static __always_inline bool is_amid(const struct stream *stream)
{
	return stream->left || stream->chunks || stream->in_headers || stream->depth || stream->line == LINE_PROXY ||
	       is_in_request_line(stream);
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
	    (is_message && is_in_request_line(stream) && stream->line != LINE_WORD))
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
static __noinline int note_unread(struct scratch *scratch, const struct owner *owner, __u32 form)
{
	scratch->text[0] = form;
	for (__u32 domain = TOOLS; domain <= MODELS; domain++)
		note_text(scratch, owner, EVENT_UNREAD, domain, 0, 1);
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
		note_unread(scan->scratch, scan->owner, UNREAD_ENCODED);
	if (stream->found & FOUND_UPGRADE)
		note_unread(scan->scratch, scan->owner, UNREAD_UPGRADE);
	if (stream->found & FOUND_UNNAMED)
		note_unread(scan->scratch, scan->owner, UNREAD_UNNAMED);
	if (stream->found & FOUND_WIDE)
		note_unread(scan->scratch, scan->owner, UNREAD_WIDE);
	if (stream->found & FOUND_HTTP2)
		note_unread(scan->scratch, scan->owner, UNREAD_HTTP2);
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

#endif
