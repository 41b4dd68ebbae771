/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Who hands messages over: programs that read the running task's memory, and those that see packets. */
#ifndef RECORDER_READERS_H
#define RECORDER_READERS_H

/* What is to be read of the running program's memory; only numbers, so that its reader is verified once for all callers. */
struct reading {
	struct stream_key key;
	__u64 from;
	__u64 vectors; /* address of an array of `struct iovec`, for what is not at `from` */
	__u32 vectors_left;
	__u32 bytes_left; /* in them */
	__u32 bytes;
	__u32 arrives;
};

/* Not static, so that it is verified by itself. */
__noinline int read_memory(const struct reading *reading)
{
	struct task_state *state = known_state(bpf_get_current_task_btf());
	struct scan scan = {};
	struct owner owner;

	if (!reading || !state)
		return 0;
	owner = owner_of(state);
	scan.owner = &owner;
	scan.stream = bpf_map_lookup_elem(&streams, &reading->key);
	if (!owner.subject || !scan.stream) {
		blame_messages(&owner);
		return 0;
	}
	scan.from = (const void *)reading->from;
	scan.vectors = (const void *)reading->vectors;
	scan.vectors_left = reading->vectors_left;
	scan.bytes_left = reading->bytes_left;
	scan.bytes = reading->bytes;
	scan.arrives = reading->arrives;
	read_stream(&scan, IN_CALL);
	return 0;
}

/* The running program's messages may have had names, and none was looked for. */
__noinline int note_unread_form(__u32 form)
{
	struct task_state *state = known_state(bpf_get_current_task_btf());
	struct scratch *scratch;
	struct owner owner;

	if (!state)
		return 0;
	owner = owner_of(state);
	scratch = take_scratch(IN_CALL);
	if (scratch) {
		note_unread(scratch, &owner, form);
		scratch->busy = 0;
	} else {
		blame_messages(&owner);
	}
	return 0;
}

/* A packet may be sent again, also with others: what was read of it is not read twice. */
static __always_inline void follow_sequence(struct scan *scan, __u32 sequence)
{
	struct stream *stream = scan->stream;
	__s32 known = stream->is_begun ? stream->sequence - sequence : 0;

	stream->is_begun = 1;
	if (known < 0) {
		blame_messages(scan->owner);
		forget_place(stream);
	} else if (known) {
		known = known < scan->bytes ? known : scan->bytes;
		scan->offset += known;
		scan->bytes -= known;
		sequence += known;
	}
	if (scan->bytes)
		stream->sequence = sequence + scan->bytes;
}

/* A packet of a connection that is not encrypted. What comes behind it may be, or be of no HTTP. */
static __always_inline void read_packet(struct __sk_buff *packet, __u32 offset, __u32 sequence,
					struct socket_state *socket)
{
	struct bpf_sock *sock = packet->sk ? bpf_sk_fullsock(packet->sk) : NULL;
	struct peer_key *peer = &socket->peer;
	struct owner owner = { .id = peer->subject, .phase = peer->phase };
	struct scan scan = { .packet = packet, .offset = offset, .bytes = packet->len - offset, .owner = &owner,
			     .peer = peer };

	if (sock)
		scan.stream = bpf_sk_storage_get(&socket_streams, sock, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (scan.stream)
		follow_sequence(&scan, sequence);
	if (scan.bytes)
		read_stream(&scan, IN_PACKET_OUT);
	if (scan.stream && scan.stream->tunnels)
		socket->sent = 1;
	if (scan.stream && scan.stream->is_other)
		socket->plain = 0;
}

#endif
