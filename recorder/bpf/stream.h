/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* How far a stream of messages was read: what its readers (json.h, http.h) have in common. */
#ifndef RECORDER_STREAM_H
#define RECORDER_STREAM_H

#define FNV_START 0x811c9dc5U
#define FNV_STEP 16777619U
#define TLS_HANDSHAKE 0x16 /* what a greeting begins with (RFC 8446, 5.1) */
#define MOST_LENGTH (1ULL << 48) /* of a body or chunk; what is longer is no length */

enum found {
	FOUND_CALL = 1, /* `"method": "tools/call"` */
	FOUND_PROMPT = 2, /* a key that a request to a model has, and little else */
	FOUND_SESSION = 4, /* `"method": "initialize"`, by which a session of MCP begins */
	FOUND_TORN = 8, /* a key or name that is not known whole */
	FOUND_END = 16, /* of the outermost object */
	FOUND_ENCODED = 32, /* the header of a body that cannot be read */
	FOUND_BODY = 64, /* where a body begins, or what is left of it can be skipped */
	FOUND_ANOTHER = 128, /* message, before the running one has ended */
	FOUND_UPGRADE = 256, /* the header of a connection that goes on in another protocol */
	FOUND_UNNAMED = 512, /* a request to a model that does not name it */
	FOUND_WIDE = 1024, /* a body in UTF-16 or UTF-32 */
	FOUND_HTTP2 = 2048,
	FOUND_UNCLEAR = 4096, /* where a body ends: others may see messages where none is read */
	FOUND_TARGET = 8192, /* a request line that names a model */
	OF_STREAM = FOUND_ENCODED | FOUND_UPGRADE | FOUND_UNNAMED | FOUND_WIDE | FOUND_HTTP2 | FOUND_UNCLEAR,
	OF_MESSAGE = FOUND_CALL | FOUND_PROMPT | FOUND_SESSION | FOUND_TORN,
	OF_PLACE = FOUND_END | FOUND_BODY | FOUND_ANOTHER | FOUND_TARGET, /* something is to be done before the next byte */
};

enum line {
	LINE_START, /* nothing but white space until now */
	LINE_LIST, /* of messages (JSON-RPC 2.0, 6), over several lines or not */
	LINE_MARK, /* bytes with which a text in UTF-16 or UTF-32 may begin */
	LINE_PROXY, /* no line: what a proxy says of whom it speaks for */
	LINE_WORD, /* the first one: of a header or a request */
	LINE_TARGET, /* the second one of what may be a request */
	LINE_QUERY, /* behind the path in it */
	LINE_VERSION, /* its last one */
	LINE_LENGTH, /* the value of Content-Length */
	LINE_CODING, /* the value of Transfer-Encoding */
	LINE_REST, /* of which nothing is looked for */
};

enum told {
	TOLD_LENGTH = 1,
	TOLD_CHUNKS = 2,
	TOLD_ENCODED = 4,
	TOLD_UNCLEAR = 8, /* servers may take it for something else than is taken here */
	TOLD_UNUSUAL = 16, /* requests of this method have no body, and some servers look for none (RFC 9110, 9.3.1) */
	TOLD_OLD = 32, /* HTTP/1.0, which has no chunks (RFC 9112, 6.1) */
};

static __always_inline void hash_byte(struct stream *stream, __u8 byte)
{
	stream->hash = (stream->hash ^ byte) * FNV_STEP;
}

static __always_inline void keep_nothing(struct stream *stream)
{
	__builtin_memset(stream->name, 0, sizeof(stream->name));
	__builtin_memset(stream->model, 0, sizeof(stream->model));
	stream->name_bytes = stream->model_bytes = 0;
}

/* Between messages again, and nothing of this one stays. */
static __always_inline void drop_message(struct stream *stream)
{
	stream->depth = stream->in_string = stream->escaped = stream->form = stream->steps = 0;
	stream->found &= ~OF_MESSAGE;
	keep_nothing(stream);
}

static __always_inline void begin_line(struct stream *stream)
{
	stream->line = LINE_START;
	stream->hash = FNV_START;
	stream->word_bytes = 0;
}

/* What was read of the stream says nothing of what comes: it goes on as at its beginning. */
static __always_inline void forget_place(struct stream *stream)
{
	/* Some servers take a form without its last line. */
	if (stream->form && stream->model_bytes)
		stream->found |= FOUND_UNCLEAR;
	stream->left = stream->skips = stream->chunks = stream->in_headers = stream->is_return = 0;
	drop_message(stream);
	begin_line(stream);
}

/* A body, or the beginning of standard input, may be of another encoding than UTF-8. */
static __always_inline bool may_be_wide(struct stream *stream)
{
	return stream->left || (stream->by_line && !stream->is_begun);
}

/* A body that does not begin as a message is none, and what follows one in it is none either. */
static __always_inline void skip_rest(struct stream *stream)
{
	stream->line = LINE_REST;
	if (stream->left) {
		stream->skips = 1;
		stream->found |= FOUND_BODY | (stream->told & TOLD_UNUSUAL ? FOUND_UNCLEAR : 0);
	}
}

/* What seemed to be a message is none. */
static __always_inline void break_message(struct stream *stream, __u8 byte)
{
	drop_message(stream);
	if (byte == '\n')
		begin_line(stream);
	else
		skip_rest(stream);
}

#endif
