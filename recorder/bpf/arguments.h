/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What a program is called with, by its shape: `clone --depth=<text> <url>`. Arguments hold keys and passwords, and no
 * rule tells those from names. So an argument leaves the kernel side only when it is an option's name or one of the
 * words that user land gave (names of sub-commands); of all others only the type does.
 */
#ifndef RECORDER_ARGUMENTS_H
#define RECORDER_ARGUMENTS_H

#define ARGUMENT_BYTES 2048 /* what follows stands as <more> */
#define SHAPE_BYTES 512 /* so long it may be before its last token */
#define ROOM_BYTES (SHAPE_BYTES + 64)
#define WORD_BYTES 32 /* a longer option or word is a <text> */
#define FNV64_START 0xcbf29ce484222325ULL
#define FNV64_STEP 0x100000001b3ULL

#define TOKEN(text) { .bytes = sizeof(text) - 1, .chars = text " " }

struct token {
	char chars[12];
	__u32 bytes;
};

enum shape {
	SHAPE_WORD, /* it stands as it is */
	SHAPE_TEXT,
	SHAPE_NUMBER,
	SHAPE_PATH,
	SHAPE_URL,
	SHAPE_MORE,
	SHAPE_VALUE, /* behind an option */
	SHAPE_CLUSTER,
	SHAPES,
};

static const struct token tokens[SHAPES] = {
	[SHAPE_TEXT] = TOKEN("<text>"), [SHAPE_NUMBER] = TOKEN("<number>"), [SHAPE_PATH] = TOKEN("<path>"),
	[SHAPE_URL] = TOKEN("<url>"), [SHAPE_MORE] = TOKEN("<more>"), [SHAPE_VALUE] = TOKEN("=<text>"),
	[SHAPE_CLUSTER] = TOKEN("<text>"),
};

struct shaper {
	struct scratch *from, *to;
	struct shaping *shaping;
};

static __always_inline void put(struct scratch *to, __u32 at, char byte)
{
	if (at < ROOM_BYTES)
		to->text[at] = byte;
}

static __always_inline void put_token(struct scratch *to, struct shaping *shaping, __u32 shape)
{
	__u32 at = shaping->used;

	if (at >= ROOM_BYTES || shape >= SHAPES)
		return;
	__builtin_memcpy(to->text + at, tokens[shape].chars, sizeof(tokens[shape].chars));
	shaping->used = at + tokens[shape].bytes;
}

/* Between arguments of one type there is nothing to tell: `rm <path>+`. */
static __always_inline void put_type(struct scratch *to, struct shaping *shaping, __u32 shape)
{
	if (shaping->before != shape) {
		put_token(to, shaping, shape);
		put(to, shaping->used++, ' ');
	} else if (!shaping->repeated) {
		put(to, shaping->used - 1, '+');
		put(to, shaping->used++, ' ');
	}
	shaping->repeated = shaping->before == shape;
	shaping->before = shape;
}

static __always_inline __u32 type_of(struct shaping *shaping)
{
	if (!shaping->place)
		return SHAPE_TEXT;
	if (shaping->is_number)
		return SHAPE_NUMBER;
	if (shaping->is_url)
		return SHAPE_URL;
	return shaping->has_slash ? SHAPE_PATH : SHAPE_TEXT;
}

static __always_inline bool is_letter(__u8 byte)
{
	return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

/* `-`, `--`, `-x`, `--name`, `--name=`, `-x...`: how much of the argument is an option's name; 0 when it is none. */
static __always_inline __u32 option_bytes(struct shaping *shaping)
{
	if (shaping->first != '-')
		return 0;
	if (shaping->place == 1)
		return 1;
	if (shaping->second == '-')
		return shaping->is_name && shaping->copied < WORD_BYTES ? shaping->copied : 0;
	return is_letter(shaping->second) ? 2 : 0;
}

static __always_inline void end_argument(struct scratch *to, struct shaping *shaping)
{
	__u32 option = option_bytes(shaping);
	bool is_word = option || (shaping->copied == shaping->place &&
				  bpf_map_lookup_elem(&words, &shaping->hash));

	if (!is_word || shaping->used >= SHAPE_BYTES) {
		put_type(to, shaping, type_of(shaping));
		return;
	}
	shaping->used += option ? option : shaping->copied;
	if (shaping->has_value && shaping->second == '-')
		put_token(to, shaping, SHAPE_VALUE);
	else if (option == 2 && shaping->place > 2 && shaping->second != '-')
		put_token(to, shaping, SHAPE_CLUSTER);
	put(to, shaping->used++, ' ');
	shaping->before = SHAPE_WORD;
	shaping->repeated = 0;
}

static __always_inline void begin_argument(struct shaping *shaping)
{
	shaping->hash = FNV64_START;
	shaping->place = shaping->copied = 0;
	shaping->first = shaping->second = shaping->last = shaping->last_but_one = 0;
	shaping->has_value = shaping->has_slash = shaping->is_url = 0;
	shaping->is_number = shaping->is_name = 1;
}

static __always_inline void read_argument(struct scratch *to, struct shaping *shaping, __u8 byte)
{
	if (!shaping->place)
		shaping->first = byte;
	else if (shaping->place == 1)
		shaping->second = byte;
	shaping->has_slash |= byte == '/';
	shaping->is_url |= byte == '/' && shaping->last == '/' && shaping->last_but_one == ':';
	if (byte == '=' && shaping->is_name)
		shaping->has_value = 1;
	shaping->is_number &= (byte >= '0' && byte <= '9') || byte == (shaping->place ? '.' : '-');
	if (!shaping->has_value) {
		/* No digits: keys have them, and few names of options do. */
		shaping->is_name &= is_letter(byte) || byte == '-';
		if (shaping->copied < WORD_BYTES)
			put(to, shaping->used + shaping->copied++, byte);
	}
	shaping->hash = (shaping->hash ^ byte) * FNV64_STEP;
	shaping->last_but_one = shaping->last;
	shaping->last = byte;
	shaping->place++;
}

static long shape_byte(__u32 index, struct shaper *shaper)
{
	struct shaping *shaping = shaper->shaping;
	__u8 byte;

	if (index >= ARGUMENT_BYTES)
		return 1;
	byte = shaper->from->text[index];
	shaper->from->text[index] = 0; /* nothing of it stays */
	if (shaping->used >= SHAPE_BYTES)
		return 0;
	if (!shaping->number) { /* the program's own name, which may be anything */
		shaping->number = !byte;
	} else if (byte) {
		read_argument(shaper->to, shaping, byte);
	} else {
		end_argument(shaper->to, shaping);
		begin_argument(shaping);
	}
	return 0;
}

/* The shape of the arguments at the start of scratch, and NUL; the bytes that it has, or 0 when they cannot be read. */
static __always_inline __u32 write_shape(struct shaper *shaper, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start), end = BPF_CORE_READ(task, mm, arg_end);
	struct shaping *shaping = shaper->shaping;
	__u64 length = end - start;
	bool is_cut = length > ARGUMENT_BYTES;
	__u32 used;

	shaper->to->text[0] = 0;
	if (!length)
		return 1;
	if (is_cut)
		length = ARGUMENT_BYTES;
	asm volatile("" : "+r"(length));
	if (!length || length > ARGUMENT_BYTES ||
	    bpf_probe_read_user(shaper->from->text, length, (const void *)start))
		return 0;
	__builtin_memset(shaping, 0, sizeof(*shaping));
	begin_argument(shaping);
	bpf_loop(length, shape_byte, shaper, 0);
	if (is_cut || shaping->used >= SHAPE_BYTES)
		put_type(shaper->to, shaping, SHAPE_MORE);
	used = shaping->used;
	put(shaper->to, used, 0);
	return used < ROOM_BYTES ? used + 1 : 0;
}

static __noinline int note_arguments(struct task_struct *task, struct task_state *state, struct file *file)
{
	__u32 zero = 0, used;
	struct shaper shaper = { .from = take_scratch(IN_ARGUMENTS), .to = take_scratch(IN_CALL),
				 .shaping = bpf_map_lookup_elem(&shapings, &zero) };
	struct owner owner = owner_of(state);

	used = shaper.from && shaper.to && shaper.shaping ? write_shape(&shaper, task) : 0;
	if (used)
		note_text(shaper.to, &owner, EVENT_ARGUMENTS, EXECUTABLES, 0,
			  write_path(shaper.to, task, &file->f_path, used));
	else
		blame(&owner, EXECUTABLES);
	if (shaper.to)
		shaper.to->busy = 0;
	if (shaper.from)
		shaper.from->busy = 0;
	return 0;
}

#endif
