/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* How many bytes of a stream change nothing, so that they are passed over many at a time. */
#ifndef RECORDER_WINDOW_H
#define RECORDER_WINDOW_H

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
	if (stream->form)
		return (struct looked_for){ 0, EIGHT('\n'), EIGHT('\n'), EIGHT('\n'),
					    stream->form == FORM_CONTENT || stream->form == FORM_REST };
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

#endif
