/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What the kernel side and recorder/layout.py share. Every field has a fixed width and padding is spelt out;
 * a test compares both sides through the object's BTF.
 */
#ifndef RECORDER_LAYOUT_H
#define RECORDER_LAYOUT_H

#include <linux/types.h>

#define NATIVE 0
#define COMPAT 1
#define SYSCALL_WORDS 8 /* bitmaps of 512 syscall numbers */
#define MAX_SYSCALLS (SYSCALL_WORDS * 64)

#define PATH_BYTES 2048 /* longer paths are counted as lost */
#define MAX_COMPONENTS 48

#define ANCESTORS 6

#define TLS_CALLS 2 /* of one task at a time: TLS may be carried by TLS */

#define UNIT_BYTES 256 /* as the longest name of a folder, and its end */
#define COMM_BYTES 16

#define TEXT_BYTES 128 /* of a name in a message, with its end; what is longer is lost */

enum phase {
	SETUP, /* of a program that was exec'd outside of all that is recorded: a runtime */
	APPLICATION, /* of one that was exec'd in the subject */
	INHERITED, /* of one that was exec'd in another subject: user land knows whose that is */
	PHASES,
};

/* The domains of a profile that can lose something; the order is that of layout.DOMAINS. */
enum domain {
	SYSCALLS,
	EXECUTABLES,
	FILES,
	EGRESS,
	INGRESS,
	CAPABILITIES,
	TOOLS,
	MODELS,
	LOSS_DOMAINS,
};

enum event_kind {
	EVENT_SUBJECT = 1, /* a subject was seen for the first time; its key follows */
	EVENT_ENDED,	   /* the last known task of a subject exited; its key follows */
	EVENT_RUNTIME,	   /* a container runtime was exec'd: arguments, then its working directory as a path */
	EVENT_DNS,	   /* an answer of a name server: a peer_key and the message follow */
	EVENT_TLS,	   /* a TLS greeting: a peer_key and its first bytes follow */
	EVENT_NAME,	   /* a tool or model: its name, NUL, the name of the server, NUL, an `enum side` */
	EVENT_PEER_NAME,   /* a tool or model: a peer_key, then its name */
	EVENT_PATH,	   /* a file or executable was seen for the first time; components follow, last one first */
	EVENT_ARGUMENTS,   /* what an executable was called with: its shape, NUL, and the path as above */
	EVENT_TLS_SERVER,  /* OpenSSL was told whom it will greet: the name */
	EVENT_UNREAD,	   /* messages of a form that is not read: an `enum unread` */
};

/* What a system call does; bits, by number in `struct actions`. */
enum action {
	ACTION_OPEN = 1, /* returns a descriptor of a path */
	ACTION_ACCEPT = 2, /* returns a descriptor of a connection */
	ACTION_MEMORY = 4, /* asks for SYS_ADMIN, only to know how much may be overcommitted */
	ACTION_READ = 8, /* fills a buffer, the second argument */
	ACTION_READ_VECTORS = 16, /* fills several, of which the second argument is a list */
	ACTION_RECEIVE = 32, /* fills a buffer as a read does; the fourth argument says how */
	ACTION_RECEIVE_MESSAGE = 64, /* fills several, of which the second argument has a list; the third says how */
	ACTION_CARRY = 128, /* takes what nobody can read here: moves it, or takes several messages */
	ACTION_CARRY_SECOND = 256, /* the same, of the descriptor that is the second argument */
};

/* Whose a message is that no packet shows. */
enum side {
	SIDE_CLIENT = 1, /* over TLS: the server is who the program says that it asks */
	SIDE_SERVER, /* over TLS: the program is asked itself */
	SIDE_INPUT, /* the program reads it from its standard input */
};

/* Forms of messages in which no name is looked for. */
enum unread {
	UNREAD_HTTP2 = 1,
	UNREAD_ENCODED, /* compressed, by a Content-Encoding */
	UNREAD_32_BIT, /* over TLS, by a program whose arguments are not in registers */
	UNREAD_CARRIED, /* from standard input, by calls that fill no buffer of their own */
	UNREAD_UPGRADE, /* after an Upgrade, as to WebSocket */
	UNREAD_UNNAMED, /* to a model that the request does not name */
	UNREAD_WIDE, /* in UTF-16 or UTF-32 */
	UNREAD_BIO, /* over TLS, by OpenSSL's filter BIO_f_ssl, which calls none of its functions that are probed */
	UNREAD_FILE, /* over TLS, from a file that the kernel sends */
	UNREAD_MPTCP, /* in packets of connections that the kernel makes beside the first (RFC 8684) */
};

struct config {
	__u64 started_ns; /* boot time; a task that is older was there before the recorder */
	__u32 watch;	  /* record every mount namespace but two, or only marked trees */
	__u32 host_inum;  /* the mount namespace of the host's first process */
	__u32 own_inum;	  /* the recorder's */
	__u32 pad;
};

struct actions {
	__u16 at_exit[MAX_SYSCALLS]; /* what of it is looked at when it returns, in one ABI or the other */
	__u16 of[2][MAX_SYSCALLS];
};

/* A container is a mount namespace and a cgroup; a recorded command is a tree of processes. */
struct subject_key {
	__u64 mntns;
	__u64 cgroup;
	__u64 tree;
};

struct subject {
	__u64 id; /* counts up from 1; never used twice */
	__u64 origin; /* id of the subject whose task entered this one first, or 0 for the host */
	__u64 first_ns;
	__u64 netns; /* cookie of the network namespace of its first program; 0: not known */
	__u64 made_in; /* that of whoever entered it first; 0: not known */
	__u32 mntns_inum; /* as /proc/PID/ns/mnt shows it */
	__u32 userns_level; /* how deep its user namespace lies below the host's */
	__u32 pids[ANCESTORS]; /* of the first process seen and its ancestors, in the initial pid namespace */
	__u64 begun_ns[ANCESTORS]; /* when each of these began: numbers are used again */
	__s32 alive; /* known tasks */
	__u32 late; /* it had tasks before the recorder had programs */
	__u64 syscalls[PHASES][2][SYSCALL_WORDS];
	__u64 denied[PHASES][2][SYSCALL_WORDS]; /* by seccomp */
	__u64 asked[PHASES]; /* capabilities */
	__u64 granted[PHASES];
	__u64 lost[LOSS_DOMAINS];
	__u64 sessions; /* of MCP that others began with it */
	__u64 entered; /* by tasks from elsewhere, so many times */
	__u32 has_program; /* one was exec'd in it */
	__u32 has_own_root; /* a program runs in it that does not have the machine's */
	char unit[UNIT_BYTES]; /* its cgroup's name, without those above */
	char maker[COMM_BYTES]; /* what whoever entered it first was called then */
};

/* One per task; what was already noted for it costs one look at it. */
struct task_state {
	/* Every call looks at these, in one line of the processor's cache and most of the next. */
	__u64 nsproxy; /* addresses of what the key was made of: as long as they stay, so does the key */
	__u64 cgroups;
	__u32 syscall; /* the one that was entered last */
	__u32 pad;
	__u64 seen[2][SYSCALL_WORDS];
	struct subject_key key;
	__u64 subject; /* 0: the map of subjects was full */
	__u64 image; /* mount namespace, or tree, in which the running program was exec'd; 0: outside */
	__u64 asked;
	__u64 granted;
	__u64 input; /* inode number of the pipe or socket that is its standard input; 0: none that is known */
};

struct item_key {
	__u64 subject;
	__u64 hash;
	__u32 domain;
	__u32 phase;
};

struct item {
	__u64 first_ns;
	__u64 last_ns;
	__u64 count;
	__u32 modes; /* 1: read, 2: write */
	__u32 sent; /* its name went into the ring */
	__u64 refused; /* of `count`: requests of io_uring that failed */
};

struct peer_key {
	__u64 subject;
	__u8 address[16]; /* IPv4 in the first four bytes */
	__u16 port; /* of the server's side, host byte order */
	__u8 domain; /* EGRESS or INGRESS */
	__u8 protocol; /* IPPROTO_... */
	__u8 family; /* AF_... */
	__u8 phase;
	__u8 pad[2];
};

struct peer {
	__u64 first_ns;
	__u64 last_ns;
	__u64 count;
	__u32 answered; /* of EGRESS: a handshake ended, or a datagram came back */
	__u32 pad;
};

/* What a socket is known for, from the call that set it up to its packets, which no task stands for. */
struct socket_state {
	struct peer_key peer; /* of the last connect; `subject` 0: none */
	__u64 server; /* subject that bound it */
	__u8 server_phase;
	__u8 bound; /* to a port that the program chose */
	__u8 sent; /* packets that were looked at */
	__u8 plain; /* HTTP that is not encrypted */
	__u8 answered; /* the peer of a datagram, since it is the peer */
	__u8 foreign; /* of a network namespace that the program made itself */
	__u8 visited; /* somebody sent it a datagram */
	__u8 pad;
};

/* Who sent a datagram to a server's socket. */
struct visitor {
	__u64 socket; /* its cookie */
	__u8 address[16]; /* as in a peer_key */
	__u16 port; /* the visitor's */
	__u8 family;
	__u8 pad[5];
};

#define BY_INPUT (1ULL << 32) /* in a stream's `process`: it is its standard input */

/* One direction of a TLS connection, or standard input. */
struct stream_key {
	__u64 id; /* address of the SSL object, which is even, one more for what arrives; or number of an inode */
	__u64 process;
};

/* How far a stream of JSON was read. Of its text only the names that are looked for are ever kept. */
struct stream {
	__u64 left; /* bytes to come of a body of HTTP, or of its running chunk; 0: of none */
	__u64 length; /* that the headers tell, or the line before a chunk */
	__u64 written_from; /* where the last write lay, for probes that see no return */
	__u64 written_to;
	__u64 is_new; /* OpenSSL was told that it is to greet somebody, and has not begun to */
	__u32 depth;
	__u32 hash; /* of the string or word that is being read */
	__u32 key; /* hash of the last key at depth 1, or of the running request's method */
	__u32 inner_key; /* at depth 2; in a form, of the parameter that names the field `key` */
	__u32 boundary; /* hash of the line that stands between the parts of a form */
	__u32 steps; /* that the running message took */
	__u32 sequence; /* of TCP: of the byte that comes next */
	__u16 found; /* bits */
	__u8 objects; /* bits by depth, 1 and 2: an object is open there and no list */
	__u8 in_string;
	__u8 matters; /* the string does, and so its bytes */
	__u8 escaped; /* how far an escape was read */
	__u8 code; /* of an escape: the lower half */
	__u8 is_wide; /* and whether there is more than that */
	__u8 is_key;
	__u8 keeps; /* which name is being read */
	__u8 name_bytes;
	__u8 model_bytes;
	__u8 line; /* where in a line between messages */
	__u8 word_bytes; /* of its first word */
	__u8 told; /* what the headers say of the body: bits */
	__u8 chunks; /* where between the chunks of a body; 0: it has none */
	__u8 is_return; /* the last byte, among headers or between chunks, was a carriage return */
	__u8 in_headers;
	__u8 skips; /* what is left of the body is none of a message */
	__u8 by_line; /* no HTTP: a message ends with its line at the latest, if not within a string */
	__u8 answers; /* what is written are a server's answers, which name nothing that this side calls */
	__u8 is_begun; /* of packets: `sequence` is known; of lines: one has ended */
	__u8 at_start; /* of a line, within a message */
	__u8 is_prompt; /* the message has a key that hardly any has but a request to a model */
	__u8 side;
	__u8 began; /* a session, which counts once */
	__u8 tunnels; /* it asked for a connection to somebody else, who is told what comes then */
	__u8 is_http; /* its first line was that of a request */
	__u8 is_other; /* or was not */
	__u8 route; /* how far the request's path is one that names a model */
	__u8 asks; /* its last word is one of an API of models */
	__u8 target_bytes; /* of the model in it; TEXT_BYTES: that is not known whole */
	__u8 form; /* where in a form; 0: in none */
	__u8 pad[3];
	char name[TEXT_BYTES];
	char model[TEXT_BYTES];
	char target[TEXT_BYTES]; /* the model that the path names */
	char server[TEXT_BYTES];
};

/* A call of SSL_read or SSL_write that has not returned. */
struct tls_call {
	__u64 stack; /* pointer at its entry; 0: none */
	__u64 ssl;
	__u64 buffer;
	__u64 bytes_at; /* where SSL_read_ex and SSL_write_ex say how much it was; 0: the value that returns does */
	__u64 writes;
};

struct tls_calls {
	struct tls_call open[TLS_CALLS];
};

/* One per process that has streams. */
struct speaker {
	__s64 open; /* streams */
};

struct event {
	__u32 kind;
	__u32 domain;
	__u64 subject; /* EVENT_RUNTIME: inode number of the mount namespace that it began in */
	__u64 hash; /* EVENT_RUNTIME: bytes of the arguments; EVENT_TLS: packets to the peer before it, for a proxy */
	__u64 at_ns;
	__u32 phase;
	__u32 pid; /* of the running process; 0 in a packet */
	__u32 bytes; /* of the text that follows */
	__u32 pad;
};

struct subject_event {
	struct event event;
	struct subject_key key;
};

/* What cannot be blamed on one subject; user land adds it to every run that was open. */
struct ledger {
	__u64 subjects_full;
	__u64 ring_full[LOSS_DOMAINS]; /* DNS answers and TLS greetings; others are sent again */
	__u64 ownerless[LOSS_DOMAINS]; /* what packets could not note, and messages that were too long */
	__u64 state_full; /* no memory for the state of a task */
};

#endif
