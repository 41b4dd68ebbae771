/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The field `model` of a form in parts (multipart/form-data, RFC 7578), as requests to models have it that bring a file. A
 * body that begins with two hyphens is one: its first line stands before each part, and what other parts hold is passed
 * over a line at a time.
 */
#ifndef RECORDER_FORM_H
#define RECORDER_FORM_H

#define LONGEST_BOUNDARY 80 /* RFC 2046, 5.1.1: 70, with what stands around it */

/* FNV-1a of the header that names a field, and of fields that requests to models have. */
enum form_word {
	WORD_DISPOSITION = 0xe7d03e5c, /* content-disposition */
	WORD_FILE = 0xaaea5743,
	WORD_IMAGE = 0xb35135fa,
	WORD_IMAGES = 0x4c1f4c6a, /* image[] */
};

enum form {
	FORM_NONE,
	FORM_FIRST, /* in the line that stands before each part */
	FORM_HEADER, /* the start of a line of a part's headers */
	FORM_NAME, /* of one */
	FORM_REST, /* of a line in which nothing is looked for */
	FORM_PARAMETER,
	FORM_VALUE, /* of a parameter */
	FORM_QUOTED,
	FORM_MODEL, /* in the value of that field */
	FORM_CONTENT, /* of another */
	FORM_LINE, /* the start of a line of one */
	FORM_MARK, /* what may be the line before the next part */
	FORM_DELIMITER, /* which it is, if it ends here */
};

static __always_inline void go_on(struct stream *stream, __u8 form)
{
	stream->form = form;
	stream->hash = FNV_START;
	stream->word_bytes = 0;
}

static __always_inline void begin_form(struct stream *stream, __u8 byte)
{
	drop_message(stream);
	stream->is_prompt = stream->key = stream->inner_key = 0;
	go_on(stream, FORM_FIRST);
	hash_byte(stream, byte);
	stream->word_bytes = 1;
	if (stream->told & TOLD_UNUSUAL)
		stream->found |= FOUND_UNCLEAR;
}

static __always_inline void end_form(struct stream *stream)
{
	stream->form = FORM_NONE;
	stream->found |= FOUND_END;
	skip_rest(stream);
}

/* It is none, or of a kind that is not read. */
static __always_inline void break_form(struct stream *stream)
{
	drop_message(stream);
	skip_rest(stream);
}

static __always_inline void read_first_line(struct stream *stream, __u8 byte)
{
	if (byte == '\n') {
		stream->boundary = stream->hash;
		go_on(stream, FORM_HEADER);
	} else if (stream->word_bytes > LONGEST_BOUNDARY || (stream->word_bytes == 1 && byte != '-')) {
		break_form(stream);
	} else if (byte != '\r' && byte != ' ' && byte != '\t') {
		stream->word_bytes++;
		hash_byte(stream, byte);
	}
}

/* A field whose name is told twice is what the server likes. */
static __always_inline void end_value(struct stream *stream)
{
	__u32 hash = stream->hash;

	if (stream->inner_key != WORD_NAME)
		return;
	stream->found |= stream->key ? FOUND_TORN : 0;
	stream->key = hash;
	if (hash == WORD_PROMPT || hash == WORD_INPUT || hash == WORD_MESSAGES || hash == WORD_FILE ||
	    hash == WORD_IMAGE || hash == WORD_IMAGES)
		stream->found |= FOUND_PROMPT;
	stream->is_prompt |= hash == WORD_PROMPT || hash == WORD_MESSAGES;
}

static __always_inline void begin_content(struct stream *stream)
{
	bool is_model = stream->key == WORD_MODEL;

	/* Twice: which one is meant, the server knows. */
	if (is_model && stream->model_bytes)
		stream->found |= FOUND_TORN;
	if (is_model && !stream->model_bytes)
		stream->form = FORM_MODEL;
	else
		stream->form = FORM_LINE;
}

/* The start of a line of a part's headers. One that begins with a blank goes on with the line before. */
static __always_inline void read_form_header(struct stream *stream, __u8 byte)
{
	if (byte == '\n') {
		begin_content(stream);
	} else if (byte == ' ' || byte == '\t') {
		stream->found |= FOUND_TORN;
		stream->form = FORM_REST;
	} else if (byte != '\r') {
		go_on(stream, FORM_NAME);
		hash_byte(stream, byte | 0x20);
	}
}

static __always_inline void read_parameter(struct stream *stream, __u8 byte)
{
	if (byte == '=') {
		stream->inner_key = stream->hash;
		go_on(stream, FORM_VALUE);
	} else if (byte == ';') {
		go_on(stream, FORM_PARAMETER);
	} else if (byte != ' ' && byte != '\t') {
		hash_byte(stream, byte | 0x20);
	}
}

static __always_inline void read_value(struct stream *stream, __u8 byte)
{
	if (byte == '"' && !stream->word_bytes) {
		go_on(stream, FORM_QUOTED);
	} else if (byte == ';') {
		end_value(stream);
		go_on(stream, FORM_PARAMETER);
	} else if (byte != '\r' && byte != ' ' && byte != '\t') {
		stream->word_bytes = 1;
		hash_byte(stream, byte);
	}
}

/* A backslash is one to some servers, and to others it stands before a byte that is not to end the value. */
static __always_inline void read_quoted(struct stream *stream, __u8 byte)
{
	if (byte == '"') {
		end_value(stream);
		go_on(stream, FORM_PARAMETER);
		return;
	}
	if (byte == '\\')
		stream->found |= FOUND_TORN;
	hash_byte(stream, byte);
}

/* As keep_of_target: user land reads it as it stands in JSON. */
static __always_inline void read_model(struct stream *stream, __u8 byte)
{
	__u32 at = stream->model_bytes;

	if (byte == '\r')
		return;
	if (byte < ' ' || byte == '"' || byte == '\\' || at >= TEXT_BYTES - 1) {
		stream->found |= FOUND_TORN;
		return;
	}
	stream->model[at] = byte;
	stream->model_bytes = at + 1;
}

/* With another line; a model has one. */
static __always_inline void read_on(struct stream *stream, __u8 form)
{
	if (stream->key == WORD_MODEL)
		stream->found |= FOUND_TORN;
	stream->form = form;
}

static __always_inline void read_form_line(struct stream *stream, __u8 byte)
{
	if (byte == '-') {
		go_on(stream, FORM_MARK);
		hash_byte(stream, byte);
		stream->word_bytes = 1;
	} else {
		read_on(stream, byte == '\n' ? FORM_LINE : FORM_CONTENT);
	}
}

static __always_inline void read_boundary(struct stream *stream, __u8 byte)
{
	if (stream->word_bytes > LONGEST_BOUNDARY) {
		read_on(stream, FORM_CONTENT);
		return;
	}
	stream->word_bytes++;
	hash_byte(stream, byte);
	if (stream->hash == stream->boundary)
		stream->form = FORM_DELIMITER;
}

static __always_inline void read_delimiter(struct stream *stream, __u8 byte)
{
	if (byte == '-')
		end_form(stream);
	else if (byte != '\r' && byte != ' ' && byte != '\t')
		read_on(stream, FORM_CONTENT);
}

static __always_inline void end_form_line(struct stream *stream)
{
	__u8 form = stream->form;

	if (form == FORM_DELIMITER) {
		stream->key = stream->inner_key = 0;
		go_on(stream, FORM_HEADER);
	} else if (form == FORM_MARK) {
		read_on(stream, FORM_LINE);
	} else if (form >= FORM_MODEL) {
		stream->form = FORM_LINE;
	} else {
		if (form == FORM_VALUE)
			end_value(stream);
		go_on(stream, FORM_HEADER);
	}
}

static __always_inline void read_form(struct stream *stream, __u8 byte)
{
	__u8 form = stream->form;

	if (form == FORM_FIRST)
		read_first_line(stream, byte);
	else if (form == FORM_HEADER)
		read_form_header(stream, byte);
	else if (form == FORM_LINE)
		read_form_line(stream, byte);
	else if (byte == '\n')
		end_form_line(stream);
	else if (form == FORM_NAME && byte == ':')
		go_on(stream, stream->hash == WORD_DISPOSITION ? FORM_PARAMETER : FORM_REST);
	else if (form == FORM_NAME)
		hash_byte(stream, byte | 0x20);
	else if (form == FORM_PARAMETER)
		read_parameter(stream, byte);
	else if (form == FORM_VALUE)
		read_value(stream, byte);
	else if (form == FORM_QUOTED)
		read_quoted(stream, byte);
	else if (form == FORM_MODEL)
		read_model(stream, byte);
	else if (form == FORM_MARK)
		read_boundary(stream, byte);
	else if (form == FORM_DELIMITER)
		read_delimiter(stream, byte);
}

#endif
