/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef RECORDER_MAPS_H
#define RECORDER_MAPS_H

#define SUBJECTS 4096
#define ITEMS 65536
#define STREAMS 8192
#define VISITORS 32768
#define GENERATION (VISITORS / 4)
#define GENERATIONS 4
#define WORDS 1024
#define RING_BYTES (1 << 22)
#define SCRATCH_BYTES (PATH_BYTES + 256)

/* 0 -> what user land wants; cannot be full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct config);
} settings SEC(".maps");

/* Which exits are looked at; a map of its own with one entry, which programs read without a look-up. */
volatile struct actions syscall_actions SEC(".data.actions");

/* Task -> its state. No memory left: counted in ledger.state_full, and the task is not recorded. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} task_states SEC(".maps");

/*
 * Thread -> a copy of its task's state, for programs at sockets: those of Linux 6.12 may not look into the storage of
 * a task. Empty where they may. Full: counted in subject.lost of peers.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ITEMS);
	__type(key, __u32);
	__type(value, struct task_state);
} callers SEC(".maps");

/* Whether `callers` is kept. */
volatile __u8 keep_callers SEC(".data.callers");

/* Subject -> its sets. Full: counted in ledger.subjects_full; user land removes those that ended. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SUBJECTS);
	__type(key, struct subject_key);
	__type(value, struct subject);
} subjects SEC(".maps");

/* File or executable of a subject -> how often. Full: counted in subject.lost of its domain. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ITEMS);
	__type(key, struct item_key);
	__type(value, struct item);
} items SEC(".maps");

/*
 * Request of io_uring to open a file -> its item. Full: how it ends is not known, and it counts as opened. One whose end
 * is not told stays until the next that lies at its address.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STREAMS);
	__type(key, __u64);
	__type(value, struct item_key);
} requests SEC(".maps");

/* Peer of a subject -> how often. Full: counted in subject.lost of its domain. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ITEMS);
	__type(key, struct peer_key);
	__type(value, struct peer);
} peers SEC(".maps");

/* Socket -> its state. No memory left: its peer is noted at once, and its names are counted as lost. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_state);
} socket_states SEC(".maps");

/*
 * Visitor of a server's socket -> nothing. Full: those that came longest ago make room, of whichever server. What a
 * server sends while one of ten seconds ago may be forgotten, and to nobody who is remembered, is counted as lost.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, VISITORS);
	__type(key, struct visitor);
	__type(value, __u8);
} visitors SEC(".maps");

struct visiting {
	__u64 count; /* visitors that were put into the map */
	__u64 began_ns[GENERATIONS]; /* when so many generations of them began, the last ones */
};

/* 0 -> how fast visitors come; cannot be full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct visiting);
} visiting SEC(".maps");

/*
 * Direction of a TLS connection, or standard input -> how far it was read. Full: each message of another one is counted
 * as lost. SSL_free ends one, another standard input the one before, and their process all that it has.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STREAMS);
	__type(key, struct stream_key);
	__type(value, struct stream);
} streams SEC(".maps");

/* First task of a process -> what it has in `streams`. No memory left: those stay after its end. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct speaker);
} speakers SEC(".maps");

/* Task -> its calls of SSL_read and SSL_write. No memory left: each is counted as lost. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tls_calls);
} tls_calls SEC(".maps");

/* Socket that speaks plain HTTP -> how far it was read. No memory left: each packet is counted as lost. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct stream);
} socket_streams SEC(".maps");

/* 0 -> a stream of which nothing was read; never written. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stream);
} no_stream SEC(".maps");

/* FNV-1a of a word -> nothing: arguments that are shown as they are. User land fills it, and never over. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WORDS);
	__type(key, __u64);
	__type(value, __u8);
} words SEC(".maps");

/* First sightings. Full: item.sent stays 0 and the next sighting tries again; user land knows by it. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} events SEC(".maps");

/* 0 -> losses of no single subject; cannot be full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ledger);
} losses SEC(".maps");

/* 0 -> the next subject's id; cannot be full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} next_subject SEC(".maps");

/* 0 -> room to make up a subject in; written by programs that cannot sleep or nest. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct subject);
} fresh_subjects SEC(".maps");

struct scratch {
	__u32 busy; /* a program of this CPU was interrupted while it used it */
	__u32 pad;
	struct event event;
	char text[SCRATCH_BYTES];
};

/* How far the arguments of a program were read. */
struct shaping {
	__u64 hash; /* FNV-1a of the running argument */
	__u32 used; /* bytes of the shape */
	__u32 copied; /* of the running argument behind them */
	__u32 place; /* in the running argument */
	__u32 number; /* of the running argument */
	__u8 first, second, last, last_but_one;
	__u8 is_number, is_name, has_value, has_slash, is_url;
	__u8 before; /* the shape of the argument before it */
	__u8 repeated;
	__u8 pad[5];
};

/* 0 -> the state of who has the scratch of IN_ARGUMENTS; cannot be full. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct shaping);
} shapings SEC(".maps");

/* Where a program runs: one may interrupt the one before it, and needs room of its own. */
enum context {
	IN_CALL,
	IN_PACKET_OUT,
	IN_PACKET_IN,
	IN_ARGUMENTS, /* a second room of a call */
	CONTEXTS,
};

/* Context -> room for one path or message; in use: the sighting is counted as lost. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CONTEXTS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

#endif
