/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The model that a request line names. Some gateways have it in the path and not in the body:
 *
 *	.../openai/deployments/NAME/...			Azure OpenAI
 *	.../model/NAME/invoke, /converse, ...		Amazon Bedrock
 *	.../models/NAME:generateContent, ...		Gemini, Vertex AI, TensorFlow Serving
 *
 * Escapes (RFC 3986, 2.1) are taken out here, as servers do, so that none hides a word. What the last word of the path
 * asks for says whether a body that has only a `model` is a request to one.
 */
#ifndef RECORDER_TARGET_H
#define RECORDER_TARGET_H

/* FNV-1a of parts of a path, in lower case. */
enum path_word {
	WORD_OPENAI = 0xede616c3,
	WORD_DEPLOYMENTS = 0xf6f981f7,
	WORD_MODELS = 0x1471d28b,
	WORD_TUNED_MODELS = 0xb7752a3b,
	WORD_ENDPOINTS = 0x388ee79d,
	WORD_DOT = 0x2b0c98f1,
	WORD_DOTS = 0xa3d4a70d,
	WORD_INVOKE = 0xb2f7980d,
	WORD_INVOKE_STREAM = 0x24b526cb, /* invoke-with-response-stream */
	WORD_CONVERSE = 0xbdeaf8c8,
	WORD_CONVERSE_STREAM = 0x8c8de1ff,
	WORD_COUNT_TOKENS = 0x9c823091,
	WORD_COMPLETIONS = 0x7fa01abc,
	WORD_COMPLETION = 0x039a1fa7,
	WORD_EMBEDDINGS = 0xa19cba13,
	WORD_EMBED = 0x281ba64e,
	WORD_MODERATIONS = 0xd2ca8f7a,
	WORD_RESPONSES = 0x5b97e357,
	WORD_SPEECH = 0x5dcc0b17,
	WORD_TRANSCRIPTIONS = 0xb67ff024,
	WORD_TRANSLATIONS = 0x3be7778d,
	WORD_GENERATIONS = 0xdfcad08c,
	WORD_EDITS = 0x8ff5b2c6,
	WORD_VARIATIONS = 0x499b2737,
	WORD_RERANK = 0x4b0fe58e,
	WORD_GENERATE = 0xcd840a92,
	WORD_CHAT = 0xa24bf9ab,
	VERB_GENERATE_CONTENT = 0xc25020eb,
	VERB_STREAM_GENERATE_CONTENT = 0x307c8e0b,
	VERB_BATCH_GENERATE_CONTENT = 0xc797bd01,
	VERB_EMBED_CONTENT = 0xbee500af,
	VERB_BATCH_EMBED_CONTENTS = 0x899fa08e,
	VERB_COUNT_CONTENT = 0x170b9326, /* countTokens */
	VERB_COMPUTE_TOKENS = 0x68e22894,
	VERB_GENERATE_ANSWER = 0xd20fce44,
	VERB_PREDICT = 0x1c4d962a,
	VERB_RAW_PREDICT = 0x5c4587b6,
	VERB_STREAM_RAW_PREDICT = 0x8be45056,
	VERB_SERVER_STREAMING_PREDICT = 0xf9f956ef,
	VERB_DIRECT_PREDICT = 0xeebbe3d9,
	VERB_DIRECT_RAW_PREDICT = 0x94fe584b,
	VERB_STREAMING_PREDICT = 0xeaa20974,
	VERB_STREAMING_RAW_PREDICT = 0x858b6ee4,
	VERB_LONG_PREDICT = 0x4c9cf923, /* predictLongRunning */
	VERB_EXPLAIN = 0x1271ab5c,
	VERB_CLASSIFY = 0xbf602e2f,
	VERB_REGRESS = 0x8919574e,
};

enum route {
	ROUTE_EMPTY, /* nothing of the target was read */
	ROUTE_OTHER,
	ROUTE_OPENAI, /* behind that word */
	ROUTE_DEPLOYMENT, /* its name is being read */
	ROUTE_DEPLOYED, /* behind that: what is asked of it comes */
	ROUTE_MODEL, /* its name is being read */
	ROUTE_OPERATION, /* behind that */
	ROUTE_MODELS, /* a name is being read that a colon ends */
	ROUTE_VERB, /* behind that */
	ROUTE_NAMED, /* the model is known */
	ROUTE_UNKNOWN, /* which model is meant is what the server makes of a step up or on the spot */
};

static __always_inline bool is_operation(__u32 hash)
{
	return hash == WORD_INVOKE || hash == WORD_INVOKE_STREAM || hash == WORD_CONVERSE ||
	       hash == WORD_CONVERSE_STREAM || hash == WORD_COUNT_TOKENS;
}

/* What a model is asked for behind a colon; other resources are called models and endpoints, too, and have verbs of their own. */
static __always_inline bool is_verb(__u32 hash)
{
	switch (hash) {
	case VERB_GENERATE_CONTENT:
	case VERB_STREAM_GENERATE_CONTENT:
	case VERB_BATCH_GENERATE_CONTENT:
	case VERB_EMBED_CONTENT:
	case VERB_BATCH_EMBED_CONTENTS:
	case VERB_COUNT_CONTENT:
	case VERB_COMPUTE_TOKENS:
	case VERB_GENERATE_ANSWER:
	case VERB_PREDICT:
	case VERB_RAW_PREDICT:
	case VERB_STREAM_RAW_PREDICT:
	case VERB_SERVER_STREAMING_PREDICT:
	case VERB_DIRECT_PREDICT:
	case VERB_DIRECT_RAW_PREDICT:
	case VERB_STREAMING_PREDICT:
	case VERB_STREAMING_RAW_PREDICT:
	case VERB_LONG_PREDICT:
	case VERB_EXPLAIN:
	case VERB_CLASSIFY:
	case VERB_REGRESS:
		return true;
	}
	return false;
}

/* What only APIs of models are asked for, as the last word of a path. */
static __always_inline bool is_of_models(__u32 hash)
{
	switch (hash) {
	case WORD_COMPLETIONS:
	case WORD_COMPLETION:
	case WORD_MESSAGES:
	case WORD_EMBEDDINGS:
	case WORD_EMBED:
	case WORD_MODERATIONS:
	case WORD_RESPONSES:
	case WORD_SPEECH:
	case WORD_TRANSCRIPTIONS:
	case WORD_TRANSLATIONS:
	case WORD_GENERATIONS:
	case WORD_EDITS:
	case WORD_VARIATIONS:
	case WORD_RERANK:
	case WORD_GENERATE:
	case WORD_CHAT:
		return true;
	}
	return false;
}

static __always_inline void forget_target(struct stream *stream)
{
	__builtin_memset(stream->target, 0, sizeof(stream->target));
	stream->target_bytes = 0;
}

static __always_inline void drop_target(struct stream *stream)
{
	stream->route = ROUTE_EMPTY;
	stream->asks = 0;
	forget_target(stream);
}

/* Where a word leads to that is no part of a form by itself. */
static __always_inline __u8 route_behind(__u8 route, __u32 hash)
{
	if (hash == WORD_OPENAI)
		return ROUTE_OPENAI;
	if (hash == WORD_DEPLOYMENTS && route == ROUTE_OPENAI)
		return ROUTE_DEPLOYMENT;
	if (hash == WORD_MODEL)
		return ROUTE_MODEL;
	if (hash == WORD_MODELS || hash == WORD_TUNED_MODELS || hash == WORD_ENDPOINTS)
		return ROUTE_MODELS;
	return ROUTE_OTHER;
}

/* A part of the path ended; of two slashes one is enough. */
static __always_inline void end_part(struct stream *stream)
{
	__u32 hash = stream->hash;
	__u8 route = stream->route;

	if (!stream->word_bytes)
		return;
	stream->hash = FNV_START;
	stream->word_bytes = 0;
	stream->asks = is_of_models(hash);
	if (hash == WORD_DOT || hash == WORD_DOTS) {
		stream->route = ROUTE_UNKNOWN;
	} else if (route == ROUTE_DEPLOYED || (route == ROUTE_VERB && is_verb(hash)) ||
		   (route == ROUTE_OPERATION && is_operation(hash))) {
		stream->route = ROUTE_NAMED;
	} else if (route == ROUTE_DEPLOYMENT) {
		stream->route = ROUTE_DEPLOYED;
	} else if (route == ROUTE_MODEL && hash != WORD_MODEL) {
		stream->route = ROUTE_OPERATION;
	} else if (route < ROUTE_NAMED) {
		stream->route = route_behind(route, hash);
		forget_target(stream);
	}
}

/* User land reads names as they stand in JSON: what would be another one there is none that is known. */
static __always_inline void keep_of_target(struct stream *stream, __u8 byte)
{
	__u32 at = stream->target_bytes;

	if (at >= TEXT_BYTES - 1 || byte < ' ' || byte >= 0x7f || byte == '"' || byte == '\\') {
		stream->target_bytes = TEXT_BYTES;
		return;
	}
	stream->target[at] = byte;
	stream->target_bytes = at + 1;
}

static __always_inline void read_part(struct stream *stream, __u8 byte)
{
	__u8 route = stream->route;

	if (route == ROUTE_MODELS && byte == ':' && stream->word_bytes) {
		stream->route = ROUTE_VERB;
		stream->hash = FNV_START;
		stream->word_bytes = 0;
		return;
	}
	if (route == ROUTE_DEPLOYMENT || route == ROUTE_MODEL || route == ROUTE_MODELS)
		keep_of_target(stream, byte);
	stream->word_bytes = 1;
	hash_byte(stream, byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
}

static __always_inline void begin_target(struct stream *stream)
{
	stream->line = LINE_TARGET;
	stream->hash = FNV_START;
	stream->word_bytes = stream->escaped = 0;
	drop_target(stream);
}

/* The path ended, or the target. Of what names no model nothing stays. */
static __always_inline void end_path(struct stream *stream)
{
	end_part(stream);
	stream->escaped = 0;
	if (stream->route != ROUTE_NAMED)
		forget_target(stream);
}

static __always_inline void read_target(struct stream *stream, __u8 byte)
{
	const __u8 digits = 2;

	if (stream->route == ROUTE_EMPTY)
		stream->route = ROUTE_OTHER;
	if (stream->escaped) {
		stream->code = stream->code << 4 | digit_of(byte);
		if (!--stream->escaped)
			read_part(stream, stream->code);
	} else if (byte == '%') {
		stream->escaped = digits;
		stream->code = 0;
	} else if (byte == '/') {
		end_part(stream);
	} else if (byte == '?' || byte == '#') {
		end_path(stream);
		stream->line = LINE_QUERY;
	} else {
		read_part(stream, byte);
	}
}

#endif
