/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What a proxy says before all else of whom it speaks for (the PROXY protocol, haproxy.org, version 2): 16 bytes of which
 * the last two tell how many follow. It begins with two empty lines, which nobody misses. What is said in one line
 * (version 1) is read as any line.
 */
#ifndef RECORDER_PROXY_H
#define RECORDER_PROXY_H

#define PROXY_SIGNED 8 /* bytes of the signature behind the two lines */
#define PROXY_BYTES 12 /* behind the two lines */
#define WORD_SIGNATURE 0xffcd3d5b /* FNV-1a of them */

static __always_inline void begin_proxy(struct stream *stream, __u8 byte)
{
	begin_line(stream);
	stream->line = LINE_PROXY;
	hash_byte(stream, byte);
	stream->word_bytes = 1;
	stream->length = 0;
}

/* What comes behind it may be of TLS, as behind what is said to a proxy. */
static __always_inline void end_proxy(struct stream *stream)
{
	stream->tunnels = 1;
	begin_line(stream);
	if (!stream->length)
		return;
	stream->left = stream->length;
	stream->skips = 1;
	stream->found |= FOUND_BODY;
}

static __always_inline void read_proxy(struct stream *stream, __u8 byte)
{
	__u8 place = ++stream->word_bytes;

	if (place <= PROXY_SIGNED)
		hash_byte(stream, byte);
	else if (place > PROXY_BYTES - 2)
		stream->length = stream->length << 8 | byte;
	if (place == PROXY_SIGNED && stream->hash != WORD_SIGNATURE) {
		stream->is_other = 1;
		stream->line = LINE_REST;
	} else if (place == PROXY_BYTES) {
		end_proxy(stream);
	}
}

#endif
