/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Names in an object of JSON (RFC 8259): the tool of a JSON-RPC `tools/call` (Model Context Protocol, 2025-06-18) and
 * the model of a request to a language model. Only keys of the two upper levels count, so what lies deeper is only
 * counted in and out, however deep it is.
 */
#ifndef RECORDER_JSON_H
#define RECORDER_JSON_H

/* FNV-1a of the keys and of the values that are looked for. */
enum word {
	WORD_METHOD = 0xab45f730,
	WORD_PARAMS = 0x215f6853,
	WORD_NAME = 0x8d39bde6,
	WORD_MODEL = 0xb08b665a,
	WORD_MESSAGES = 0xc00385b5,
	WORD_PROMPT = 0xdfe6493b,
	WORD_INPUT = 0xf9d86f7b,
	WORD_CONTENTS = 0x8d4e0fa3,
	WORD_TOOLS_CALL = 0x3ddc0bad,
	WORD_INITIALIZE = 0xce92964b,
};

enum keeping {
	KEEP_NOTHING,
	KEEP_NAME,
	KEEP_MODEL,
};

enum escape {
	ESCAPE_NONE,
	ESCAPE_FIRST, /* after the backslash */
	ESCAPE_DIGITS = 5, /* after the `u`: one more than digits to come */
};

static __always_inline void begin_string(struct stream *stream)
{
	stream->in_string = 1;
	stream->hash = FNV_START;
	stream->keeps = KEEP_NOTHING;
	stream->matters = stream->is_key;
	if (stream->is_key)
		return;
	if (stream->depth == 1 && stream->key == WORD_METHOD) {
		stream->matters = 1;
	} else if (stream->depth == 1 && stream->key == WORD_MODEL) {
		stream->keeps = KEEP_MODEL;
		stream->model_bytes = 0;
		__builtin_memset(stream->model, 0, sizeof(stream->model));
	} else if (stream->depth == 2 && stream->key == WORD_PARAMS && stream->inner_key == WORD_NAME) {
		stream->keeps = KEEP_NAME;
		stream->name_bytes = 0;
		__builtin_memset(stream->name, 0, sizeof(stream->name));
	}
	stream->matters |= stream->keeps;
}

static __always_inline void end_string(struct stream *stream)
{
	__u32 hash = stream->hash;

	stream->in_string = 0;
	if (!stream->is_key) {
		if (stream->depth != 1 || stream->key != WORD_METHOD)
			return;
		stream->found &= ~(FOUND_CALL | FOUND_SESSION);
		if (hash == WORD_TOOLS_CALL)
			stream->found |= FOUND_CALL;
		else if (hash == WORD_INITIALIZE)
			stream->found |= FOUND_SESSION;
	} else if (stream->depth == 1) {
		stream->key = hash;
		if (hash == WORD_MESSAGES || hash == WORD_PROMPT || hash == WORD_INPUT || hash == WORD_CONTENTS)
			stream->found |= FOUND_PROMPT;
		/* `input` alone is a word of many. */
		stream->is_prompt |= hash == WORD_MESSAGES || hash == WORD_CONTENTS || hash == WORD_PROMPT;
	} else {
		stream->inner_key = hash;
	}
}

static __always_inline __u8 digit_of(__u8 byte)
{
	return (byte & 0xf) + (byte >> 6) * 9;
}

/* A key may be written with escapes, as `tools\/call` or `\u006eame`; what is not of ASCII is no word that counts. */
static __always_inline void read_escaped(struct stream *stream, __u8 byte)
{
	if (stream->escaped == ESCAPE_FIRST) {
		stream->escaped = byte == 'u' ? ESCAPE_DIGITS : ESCAPE_NONE;
		stream->code = stream->is_wide = 0;
		if (byte != 'u')
			hash_byte(stream, byte == '/' || byte == '"' || byte == '\\' ? byte : byte | 0x80);
		return;
	}
	stream->is_wide |= stream->code >> 4;
	stream->code = stream->code << 4 | digit_of(byte);
	if (--stream->escaped == ESCAPE_FIRST) {
		stream->escaped = ESCAPE_NONE;
		hash_byte(stream, stream->is_wide ? 0x80 : stream->code);
	}
}

/* As it stands there; user land takes the escapes out. */
static __always_inline void keep_byte(struct stream *stream, __u8 byte)
{
	__u32 at = stream->keeps == KEEP_NAME ? stream->name_bytes : stream->model_bytes;

	if (at >= TEXT_BYTES - 1) {
		stream->found |= FOUND_TORN;
	} else if (stream->keeps == KEEP_NAME) {
		stream->name[at] = byte;
		stream->name_bytes = at + 1;
	} else {
		stream->model[at] = byte;
		stream->model_bytes = at + 1;
	}
}

static __always_inline void read_string(struct stream *stream, __u8 byte)
{
	if (!stream->escaped && byte == '"') {
		end_string(stream);
	} else if (byte == '\n' && stream->by_line) {
		/* JSON has no such byte there, so this was none. */
		break_message(stream, byte);
	} else if (!stream->matters) {
		stream->escaped = !stream->escaped && byte == '\\';
	} else {
		if (stream->keeps)
			keep_byte(stream, byte);
		if (stream->escaped)
			read_escaped(stream, byte);
		else if (byte == '\\')
			stream->escaped = ESCAPE_FIRST;
		else
			hash_byte(stream, byte);
	}
}

static __always_inline void open_level(struct stream *stream, bool is_object)
{
	__u32 depth = ++stream->depth;

	stream->is_key = 0;
	if (depth > 2)
		return;
	if (depth == 1) {
		drop_message(stream);
		stream->is_prompt = 0;
		stream->depth = 1;
		stream->key = 0;
	}
	stream->inner_key = 0;
	stream->objects = (stream->objects & ~(1 << depth)) | is_object << depth;
	stream->is_key = is_object && (depth == 1 || stream->key == WORD_PARAMS);
}

/* At the first level, and at the second of what may have a name. */
static __always_inline bool has_keys(struct stream *stream)
{
	__u32 depth = stream->depth;

	if (depth == 1)
		return stream->objects & 2;
	return depth == 2 && stream->key == WORD_PARAMS && stream->objects & 4;
}

/*
 * In an object, and in no string. Where each message has a line (MCP, 2025-06-18, stdio), an object at the start of one
 * is most likely another message, and the one before was none; it may be none itself.
 */
static __always_inline void read_inside(struct stream *stream, __u8 byte)
{
	bool at_start = stream->at_start;

	stream->at_start = byte == '\n' && stream->by_line;
	if (at_start && byte == '{') {
		stream->found |= FOUND_ANOTHER;
		drop_message(stream);
		begin_line(stream);
		open_level(stream, true);
	} else if (byte == '{' || byte == '[') {
		open_level(stream, byte == '{');
	} else if (byte == '"') {
		begin_string(stream);
	} else if (byte == ':') {
		stream->is_key = 0;
	} else if (byte == ',') {
		stream->is_key = has_keys(stream);
	} else if (byte == '}' || byte == ']') {
		stream->is_key = 0;
		if (!--stream->depth)
			stream->found |= FOUND_END;
	} else if (byte >= 0x7f || (byte < ' ' && byte != '\n' && byte != '\r' && byte != '\t')) {
		/* Before the first key. */
		if (!byte && stream->depth == 1 && stream->is_key && !stream->key && may_be_wide(stream))
			stream->found |= FOUND_WIDE;
		break_message(stream, byte);
	}
}

#endif
