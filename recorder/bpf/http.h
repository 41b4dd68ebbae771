/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What stands between messages: nothing but white space in a stream of JSON-RPC, and in HTTP/1 (RFC 9112) the lines of
 * a request. Of those only how its body is to be read is looked for, so that bodies which are no JSON cost nothing.
 */
#ifndef RECORDER_HTTP_H
#define RECORDER_HTTP_H

#define LONGEST_WORD 32 /* of those that are looked for */
#define MOST_LENGTH (1ULL << 48)

/* FNV-1a of names of headers and of methods, in lower case. */
enum http_word {
	WORD_CONTENT_ENCODING = 0x03e2ed88,
	WORD_CONTENT_LENGTH = 0x4df9451d,
	WORD_TRANSFER_ENCODING = 0xddb4744c,
	WORD_GET = 0x540ca757,
	WORD_POST = 0x89e7fa47,
	WORD_PUT = 0x697299ee,
	WORD_PATCH = 0xf9100aa9,
	WORD_DELETE = 0x67c2444a,
};

/* A body whose length is not known is read as lines, to its end and beyond. */
static __always_inline void begin_body(struct stream *stream)
{
	stream->in_headers = 0;
	if (stream->lengths != 1 || !stream->length || stream->length > MOST_LENGTH)
		return;
	stream->left = stream->length;
	stream->skips = !!(stream->found & FOUND_ENCODED);
	stream->found |= FOUND_BODY;
}

static __always_inline void begin_request(struct stream *stream)
{
	stream->in_headers = 1;
	stream->lengths = stream->length = 0;
	stream->line = LINE_REST;
}

/* The first word of a line ended. */
static __always_inline void end_word(struct stream *stream, __u8 byte)
{
	__u32 hash = stream->hash;

	stream->line = LINE_REST;
	if (stream->by_line)
		return;
	if (byte == ' ') {
		if (hash == WORD_POST || hash == WORD_GET || hash == WORD_PUT || hash == WORD_PATCH ||
		    hash == WORD_DELETE)
			begin_request(stream);
	} else if (hash == WORD_CONTENT_ENCODING) {
		stream->found |= FOUND_ENCODED;
	} else if (hash == WORD_TRANSFER_ENCODING) {
		stream->lengths |= 2;
	} else if (hash == WORD_CONTENT_LENGTH) {
		stream->lengths = stream->lengths ? 2 : 1;
		stream->length = 0;
		stream->line = LINE_LENGTH;
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
	} else if (stream->left || stream->line == LINE_LIST || stream->by_line) {
		skip_rest(stream);
	} else {
		stream->line = LINE_WORD;
		hash_byte(stream, byte | 0x20);
		stream->word_bytes = 1;
	}
}

static __always_inline void read_word(struct stream *stream, __u8 byte)
{
	if (byte == ':' || byte == ' ')
		end_word(stream, byte);
	else if (stream->word_bytes++ < LONGEST_WORD)
		hash_byte(stream, byte | 0x20); /* names of headers are of any case */
	else
		stream->line = LINE_REST;
}

/* What is not a number, or too large for one, is no length. */
static __always_inline void read_length(struct stream *stream, __u8 byte)
{
	if (byte == ' ' || byte == '\t' || byte == '\r')
		return;
	if (byte < '0' || byte > '9' || stream->length > MOST_LENGTH)
		stream->lengths = 2;
	stream->length = stream->length * 10 + (byte & 0xf);
}

/* In no object. */
static __always_inline void read_line(struct stream *stream, __u8 byte)
{
	bool is_blank = byte == ' ' || byte == '\t' || byte == '\r';

	if (byte == '\n') {
		if (stream->in_headers && stream->line == LINE_START)
			begin_body(stream);
		if (stream->line != LINE_LIST)
			begin_line(stream);
	} else if (stream->line == LINE_START || stream->line == LINE_LIST) {
		if (!is_blank)
			read_start(stream, byte);
	} else if (stream->line == LINE_WORD) {
		read_word(stream, byte);
	} else if (stream->line == LINE_LENGTH) {
		read_length(stream, byte);
	}
}

#endif
