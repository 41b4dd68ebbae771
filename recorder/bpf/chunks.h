/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What stands between the chunks of a body that is sent in parts (RFC 9112, 7.1): how long each is, and behind the last
 * one lines as those of headers. It is read apart from the body, whose text goes on where the chunk before it ended.
 * Whatever is not exactly of this form, also a line that ends in half of what a line ends in, is unclear: servers differ in
 * what they make of it.
 */
#ifndef RECORDER_CHUNKS_H
#define RECORDER_CHUNKS_H

enum chunks {
	CHUNKS_NONE,
	CHUNKS_SIZE, /* no digit yet */
	CHUNKS_DIGITS,
	CHUNKS_EXTENSION, /* behind the size: nothing is looked for in it */
	CHUNKS_END, /* behind a chunk, and while there is something left of it */
	CHUNKS_TRAILER, /* the start of a line of those */
	CHUNKS_TRAILER_LINE,
};

/* Whether the next byte is of no body. */
static __always_inline bool is_between_chunks(struct stream *stream)
{
	return stream->chunks && !stream->left;
}

static __always_inline void lose_chunks(struct stream *stream)
{
	forget_place(stream);
	stream->line = LINE_REST;
	stream->found |= FOUND_UNCLEAR | FOUND_BODY;
}

static __always_inline void read_digit(struct stream *stream, __u8 byte)
{
	__u8 lower = byte | 0x20;
	bool is_letter = lower >= 'a' && lower <= 'f';

	if ((!is_letter && (byte < '0' || byte > '9')) || stream->length > MOST_LENGTH)
		lose_chunks(stream);
	stream->length = stream->length << 4 | digit_of(byte);
}

static __always_inline void end_size(struct stream *stream)
{
	stream->chunks = stream->length ? CHUNKS_END : CHUNKS_TRAILER;
	stream->left = stream->length;
	if (stream->left)
		stream->found |= FOUND_BODY;
}

static __always_inline void end_framing_line(struct stream *stream)
{
	__u8 chunks = stream->chunks;

	if (chunks == CHUNKS_DIGITS || chunks == CHUNKS_EXTENSION) {
		end_size(stream);
	} else if (chunks == CHUNKS_END) {
		stream->chunks = CHUNKS_SIZE;
	} else if (chunks == CHUNKS_TRAILER_LINE) {
		stream->chunks = CHUNKS_TRAILER;
	} else if (chunks == CHUNKS_TRAILER) {
		forget_place(stream);
		stream->found |= FOUND_BODY;
	} else {
		lose_chunks(stream);
	}
}

static __always_inline void read_framing(struct stream *stream, __u8 byte)
{
	bool is_return = stream->is_return;
	__u8 chunks = stream->chunks;

	stream->is_return = byte == '\r';
	if (is_return != (byte == '\n')) {
		lose_chunks(stream);
	} else if (byte == '\n') {
		end_framing_line(stream);
	} else if (byte == '\r') {
		return;
	} else if (chunks == CHUNKS_SIZE) {
		stream->length = 0;
		stream->chunks = CHUNKS_DIGITS;
		read_digit(stream, byte);
	} else if (chunks == CHUNKS_DIGITS) {
		if (byte == ';' || byte == ' ' || byte == '\t')
			stream->chunks = CHUNKS_EXTENSION;
		else
			read_digit(stream, byte);
	} else if (chunks == CHUNKS_END) {
		lose_chunks(stream);
	} else if (chunks == CHUNKS_TRAILER) {
		stream->chunks = CHUNKS_TRAILER_LINE;
	}
}

#endif
