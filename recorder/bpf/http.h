/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What stands between messages: nothing but white space in a stream of JSON-RPC, and in HTTP/1 (RFC 9112) the lines of
 * a request. Of those only how its body is to be read is looked for, so that bodies which are no JSON cost nothing.
 */
#ifndef RECORDER_HTTP_H
#define RECORDER_HTTP_H

#define LONGEST_WORD 32 /* of those that are looked for */
#define VERSION_BYTES 7 /* `HTTP/1.` */

/* FNV-1a of names and values of headers, of versions and of methods, in lower case. */
enum http_word {
	WORD_CONTENT_ENCODING = 0x03e2ed88,
	WORD_CONTENT_LENGTH = 0x4df9451d,
	WORD_TRANSFER_ENCODING = 0xddb4744c,
	WORD_UPGRADE = 0xdc97cc77,
	WORD_CHUNKED = 0xd31f4213,
	WORD_HTTP_1 = 0xd2a167c9,
	WORD_HTTP_2 = 0x3099acfe,
	WORD_GET = 0x540ca757,
	WORD_POST = 0x89e7fa47,
	WORD_PUT = 0x697299ee,
	WORD_PATCH = 0xf9100aa9,
	WORD_HEAD = 0x32694bc3,
	WORD_DELETE = 0x67c2444a,
	WORD_OPTIONS = 0xef286ca5,
	WORD_CONNECT = 0xaae0ccf9,
	WORD_PROXY = 0x7da2065b,
};

/* Told twice, or in a form that others may read otherwise. */
static __always_inline void note_told(struct stream *stream, __u8 told)
{
	stream->told |= stream->told & (TOLD_LENGTH | TOLD_CHUNKS) ? TOLD_UNCLEAR : told;
}

/* A request has no body but one that its headers tell of (RFC 9112, 6.3). One that is unclear is read as lines. */
static __always_inline void begin_body(struct stream *stream)
{
	__u8 told = stream->told;

	stream->in_headers = 0;
	if (told & TOLD_UNCLEAR || (told & TOLD_CHUNKS && told & TOLD_OLD)) {
		stream->found |= FOUND_UNCLEAR;
		return;
	}
	if (told & TOLD_CHUNKS)
		stream->chunks = CHUNKS_SIZE;
	else if (told & TOLD_LENGTH && stream->length)
		stream->left = stream->length;
	else
		return;
	stream->skips = !!(told & TOLD_ENCODED);
	stream->found |= FOUND_BODY;
}

static __always_inline bool has_no_body(__u32 method)
{
	return method == WORD_GET || method == WORD_HEAD || method == WORD_DELETE || method == WORD_OPTIONS;
}

/* A request without a version is one of HTTP/0.9 for some servers, and begins headers for others. */
static __always_inline void end_short_line(struct stream *stream)
{
	__u32 method = stream->key;

	drop_target(stream);
	if (!has_no_body(method) && method != WORD_POST && method != WORD_PUT && method != WORD_PATCH)
		return;
	stream->in_headers = stream->is_http = 1;
	stream->told = TOLD_UNCLEAR;
	stream->is_return = 0;
}

static __always_inline void begin_headers(struct stream *stream)
{
	bool is_unusual = has_no_body(stream->key);

	stream->in_headers = stream->is_http = 1;
	stream->told = (is_unusual ? TOLD_UNUSUAL : 0) | (stream->length == '0' ? TOLD_OLD : 0);
	stream->is_return = 0;
	/* Who reads about a model asks it for nothing. */
	if (stream->route == ROUTE_NAMED && !is_unusual)
		stream->found |= FOUND_TARGET;
	else if (stream->route == ROUTE_UNKNOWN && !is_unusual)
		stream->found |= FOUND_UNCLEAR;
}

/* Of a connection that speaks HTTP/2 nothing more is read. */
static __always_inline void end_request_line(struct stream *stream)
{
	if (stream->hash == WORD_HTTP_1) {
		begin_headers(stream);
		return;
	}
	drop_target(stream);
	if (stream->hash == WORD_HTTP_2) {
		stream->found |= FOUND_HTTP2 | FOUND_BODY;
		stream->left = ~0ULL;
		stream->skips = 1;
	}
}

static __always_inline void end_header_line(struct stream *stream)
{
	if (stream->line == LINE_START)
		begin_body(stream);
	else if (stream->line == LINE_WORD || (stream->line == LINE_LENGTH && !stream->word_bytes))
		stream->told |= TOLD_UNCLEAR;
	else if (stream->line == LINE_CODING)
		note_told(stream, stream->hash == WORD_CHUNKED ? TOLD_CHUNKS : TOLD_UNCLEAR);
}

static __always_inline void begin_value(struct stream *stream, __u8 line)
{
	stream->line = line;
	stream->hash = FNV_START;
	stream->word_bytes = 0;
}

/* The name of a header ended. */
static __always_inline void end_name(struct stream *stream)
{
	__u32 hash = stream->hash;

	stream->line = LINE_REST;
	if (hash == WORD_CONTENT_ENCODING) {
		stream->found |= FOUND_ENCODED;
		stream->told |= TOLD_ENCODED;
	} else if (hash == WORD_UPGRADE) {
		stream->found |= FOUND_UPGRADE;
	} else if (hash == WORD_TRANSFER_ENCODING) {
		begin_value(stream, LINE_CODING);
	} else if (hash == WORD_CONTENT_LENGTH) {
		note_told(stream, TOLD_LENGTH);
		stream->length = 0;
		begin_value(stream, LINE_LENGTH);
	}
}

static __always_inline void end_method(struct stream *stream)
{
	__u32 hash = stream->hash;

	stream->tunnels |= hash == WORD_CONNECT || hash == WORD_PROXY;
	stream->length = 0;
	stream->key = hash;
	begin_target(stream);
}

/* Between the words of a request line: some servers take any control character for a blank, and those of Latin-1. */
static __always_inline bool is_gap(__u8 byte)
{
	return byte <= ' ' || byte == 0x85 || byte == 0xa0;
}

/* Names of headers are of any case, and one that ends in a blank may be none. */
static __always_inline void read_word(struct stream *stream, __u8 byte)
{
	if (stream->left && !is_gap(byte) && (byte < 'A' || byte > 'Z')) {
		skip_rest(stream);
	} else if (byte == ':') {
		end_name(stream);
	} else if ((byte == ' ' || byte == '\t') && stream->in_headers) {
		stream->told |= TOLD_UNCLEAR;
		stream->line = LINE_REST;
	} else if (!stream->in_headers && is_gap(byte)) {
		end_method(stream);
	} else if (stream->word_bytes < LONGEST_WORD) {
		stream->word_bytes++;
		hash_byte(stream, byte | 0x20);
	} else if (stream->in_headers) {
		stream->hash = 0;
	} else {
		skip_rest(stream);
	}
}

/* Of several gaps before the target one is enough. */
static __always_inline void read_target_line(struct stream *stream, __u8 byte)
{
	bool is_path = stream->line == LINE_TARGET;

	if (byte == '\r' || (is_path && stream->route == ROUTE_EMPTY && is_gap(byte)))
		return;
	if (is_path && is_gap(byte))
		end_path(stream);
	if (is_gap(byte))
		begin_value(stream, LINE_VERSION);
	else if (is_path)
		read_target(stream, byte);
}

/* The last word of the line is kept: as the hash of its beginning, and the byte behind that. */
static __always_inline void read_version(struct stream *stream, __u8 byte)
{
	if (is_gap(byte)) {
		stream->word_bytes = 0;
		return;
	}
	if (!stream->word_bytes)
		stream->hash = FNV_START;
	if (stream->word_bytes < VERSION_BYTES)
		hash_byte(stream, byte | 0x20);
	else if (stream->word_bytes == VERSION_BYTES)
		stream->length = byte;
	if (stream->word_bytes <= VERSION_BYTES)
		stream->word_bytes++;
}

/* What is not a number, or too large for one, is no length. */
static __always_inline void read_length(struct stream *stream, __u8 byte)
{
	const __u8 ended = 2;

	if (byte == ' ' || byte == '\t' || byte == '\r') {
		stream->word_bytes = stream->word_bytes ? ended : 0;
		return;
	}
	if (byte < '0' || byte > '9' || stream->word_bytes == ended)
		stream->told |= TOLD_UNCLEAR;
	stream->word_bytes = 1;
	stream->length = stream->length * 10 + (byte & 0xf);
	if (stream->length > MOST_LENGTH) {
		stream->told |= TOLD_UNCLEAR;
		stream->length = 0;
	}
}

/* The last of a list says whether there are chunks; all others, how the body is encoded. */
static __always_inline void read_coding(struct stream *stream, __u8 byte)
{
	if (byte == '\r' || (!stream->word_bytes && (byte == ' ' || byte == '\t')))
		return;
	if (byte == ',') {
		stream->found |= FOUND_ENCODED;
		stream->told |= TOLD_ENCODED;
		begin_value(stream, LINE_CODING);
	} else {
		stream->word_bytes = 1;
		hash_byte(stream, byte | 0x20);
	}
}

static __always_inline void read_mark(struct stream *stream, __u8 byte)
{
	__u8 before = stream->hash;

	if (before ? byte == (before ^ 1) : byte == '{' || byte == '[') {
		stream->found |= FOUND_WIDE;
		skip_rest(stream);
	} else if (!before && byte >= 0xfe) {
		stream->hash = byte;
	} else if (!before && (byte == ' ' || byte == '\t' || byte == '\r')) {
		begin_line(stream);
	} else if (before || byte) {
		skip_rest(stream);
	}
}

static __always_inline void begin_word(struct stream *stream, __u8 byte)
{
	/* A greeting right behind what a proxy said: whose it is, nobody looks for there. */
	if (byte == TLS_HANDSHAKE && stream->tunnels && !stream->is_http)
		stream->found |= FOUND_UNCLEAR;
	begin_value(stream, LINE_WORD);
	hash_byte(stream, byte | 0x20);
	stream->word_bytes = 1;
}

/* The start of a body that is no message: of a form, of what may be a request, or of neither. */
static __always_inline void read_body_start(struct stream *stream, __u8 byte)
{
	if (byte == '-') {
		begin_form(stream, byte);
	} else if (byte >= 'A' && byte <= 'Z' && !stream->chunks) {
		if (stream->told & TOLD_UNUSUAL)
			stream->found |= FOUND_UNCLEAR;
		begin_word(stream, byte);
	} else {
		skip_rest(stream);
	}
}

static __always_inline void read_start(struct stream *stream, __u8 byte)
{
	if (byte == '{') {
		open_level(stream, true);
	} else if (byte == '[' && stream->line == LINE_START) {
		stream->line = LINE_LIST;
	} else if (byte == ',' && stream->line == LINE_LIST) {
		return;
	} else if ((!byte || byte >= 0xfe) && may_be_wide(stream)) {
		stream->hash = byte;
		stream->found |= stream->line == LINE_LIST ? FOUND_WIDE : 0;
		stream->line = LINE_MARK;
	} else if (stream->line == LINE_LIST || stream->by_line) {
		skip_rest(stream);
	} else if (stream->left) {
		read_body_start(stream, byte);
	} else if (!byte && !stream->is_http && !stream->is_other) {
		begin_proxy(stream, byte);
	} else {
		begin_word(stream, byte);
	}
}

/* The start of a line: of a header that begins with a blank, the line before it goes on (RFC 9112, 5.2). */
static __always_inline void read_header_start(struct stream *stream, __u8 byte)
{
	if (byte == ' ' || byte == '\t')
		stream->line = LINE_REST;
	else if (byte != '\r')
		begin_word(stream, byte);
}

/* White space, and the bytes of UTF-8's mark. */
static __always_inline bool is_blank(__u8 byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == 0xef || byte == 0xbb || byte == 0xbf;
}

/*
 * A body whose first line is that of a request: the client may have left the body out, for it was answered before, or the
 * server may have left it unread and take it for the next request. Which one it is, its answers would tell.
 */
static __always_inline void end_body_line(struct stream *stream)
{
	if (stream->line == LINE_VERSION && stream->hash == WORD_HTTP_1) {
		stream->left = 0;
		stream->found |= FOUND_UNCLEAR | FOUND_BODY;
		begin_headers(stream);
		begin_line(stream);
	} else if (stream->line >= LINE_WORD) {
		drop_target(stream);
		skip_rest(stream);
	} else if (stream->line != LINE_LIST) {
		begin_line(stream);
	}
}

static __always_inline bool is_of_proxy(const struct stream *stream)
{
	return stream->line > LINE_WORD && stream->line <= LINE_VERSION && stream->key == WORD_PROXY;
}

static __always_inline void end_line(struct stream *stream)
{
	if (stream->left) {
		end_body_line(stream);
		return;
	}
	if (stream->in_headers)
		end_header_line(stream);
	else if (stream->line == LINE_VERSION)
		end_request_line(stream);
	else if (stream->line == LINE_TARGET || stream->line == LINE_QUERY)
		end_short_line(stream);
	if (stream->line >= LINE_WORD && !is_of_proxy(stream))
		stream->is_other |= !stream->is_http;
	stream->is_begun |= stream->by_line;
	if (stream->line != LINE_LIST)
		begin_line(stream);
}

/* In no object. A carriage return alone ends a line of headers for some servers, and for others it does not. */
static __always_inline void read_line(struct stream *stream, __u8 byte)
{
	__u8 line = stream->line;

	if (stream->in_headers) {
		if (stream->is_return && byte != '\n')
			stream->told |= TOLD_UNCLEAR;
		stream->is_return = byte == '\r';
	}
	if (line == LINE_PROXY)
		read_proxy(stream, byte);
	else if (byte == '\n')
		end_line(stream);
	else if (line == LINE_START && stream->in_headers)
		read_header_start(stream, byte);
	else if ((line == LINE_START || line == LINE_LIST) && !is_blank(byte))
		read_start(stream, byte);
	else if (line == LINE_MARK)
		read_mark(stream, byte);
	else if (line == LINE_WORD)
		read_word(stream, byte);
	else if (line == LINE_TARGET || line == LINE_QUERY)
		read_target_line(stream, byte);
	else if (line == LINE_VERSION)
		read_version(stream, byte);
	else if (line == LINE_LENGTH)
		read_length(stream, byte);
	else if (line == LINE_CODING)
		read_coding(stream, byte);
}

#endif
