/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Peers. The cgroup hooks see every connect and datagram of a process, whichever call or ring it came by;
 * what its packets say (names in DNS answers and in TLS greetings) is tied to it by the socket's storage.
 * To ask is not to be answered: what a NetworkPolicy drops was asked for, too. So a peer is noted when it is
 * asked, and marked when it answers.
 */
#ifndef RECORDER_SOCKETS_H
#define RECORDER_SOCKETS_H

#include <bpf/bpf_endian.h>

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262
#define TCP_ESTABLISHED 1 /* include/net/tcp_states.h */
#define TCP_SYN_SENT 2
#define LOOPBACK_INDEX 1 /* include/net/flow.h: of `lo`, in every network namespace */
#define DNS_PORT 53
#define CLIENT_HELLO 1
#define LOOKED_AT 8 /* packets at the start of a connection */
#define MESSAGE_BYTES 2048
#define MESSAGE_LEAST 16
#define ANSWERS_IN_NS 10000000000ULL

static __always_inline void note_peer(const struct peer_key *key, struct subject *subject)
{
	struct peer fresh = { .first_ns = bpf_ktime_get_boot_ns() };
	struct peer *peer = bpf_map_lookup_elem(&peers, key);
	struct ledger *counts = ledger();

	if (!peer) {
		bpf_map_update_elem(&peers, key, &fresh, BPF_NOEXIST);
		peer = bpf_map_lookup_elem(&peers, key);
	}
	if (peer) {
		count(&peer->count);
		peer->last_ns = bpf_ktime_get_boot_ns();
	} else if (subject) {
		lose(subject, key->domain);
	} else if (counts && key->domain < LOSS_DOMAINS) {
		count(&counts->ownerless[key->domain]);
	}
}

/*
 * The network namespace that a container's first program finds itself in is the container's. In one of its own making a
 * program may have any address, and answer itself: that says nothing. Of a container that was there before the recorder
 * it is not known which it is, and a recorded command goes where its user sends it.
 */
static __always_inline void note_network(struct task_struct *task, struct task_state *state)
{
	struct subject *subject;

	if (state->key.tree)
		return;
	subject = subject_of(state);
	if (subject && !subject->netns && !subject->late)
		subject->netns = network_of(task);
}

/* Whether a network namespace is none of the subject's; where no program was exec'd in it, its maker's is. */
static __always_inline bool is_foreign_network(struct subject *subject, __u64 cookie)
{
	__u64 own = subject->netns ? subject->netns : subject->made_in;

	return own && own != cookie;
}

static __always_inline bool is_foreign(struct bpf_sock_addr *address, struct subject *subject)
{
	return subject && is_foreign_network(subject, bpf_get_netns_cookie(address));
}

/* One that is not there was lost when it was asked, and is counted. */
static __always_inline bool note_answer(const struct peer_key *key)
{
	struct peer *peer = bpf_map_lookup_elem(&peers, key);

	if (peer)
		peer->answered = 1;
	return peer;
}

/* The address that a program names, in the form of a key: IPv4 in IPv6 is IPv4. */
static __always_inline void address_of(struct peer_key *key, __u32 family, const __u32 *words)
{
	if (family == AF_INET) {
		__builtin_memcpy(key->address, words, 4);
		key->family = AF_INET;
		return;
	}
	if (!words[0] && !words[1] && words[2] == bpf_htonl(0xffff)) {
		__builtin_memcpy(key->address, words + 3, 4);
		key->family = AF_INET;
		return;
	}
	__builtin_memcpy(key->address, words, 16);
	key->family = AF_INET6;
}

static __always_inline __u8 protocol_of(__u32 protocol)
{
	return protocol == IPPROTO_MPTCP ? IPPROTO_TCP : protocol;
}

static __always_inline void start_key(struct peer_key *key, struct bpf_sock_addr *address, __u32 domain,
				      struct task_state *state, __u32 family, const __u32 *words)
{
	key->subject = state->subject;
	key->port = bpf_ntohs(address->user_port);
	key->domain = domain;
	key->protocol = protocol_of(address->protocol);
	key->phase = phase_of(state);
	address_of(key, family, words);
}

static __always_inline struct task_state *caller(bool by_thread)
{
	return by_thread ? copied_state() : known_state(bpf_get_current_task_btf());
}

/* A UDP connect sends nothing: resolvers make one for each address that they sort. Its first packet counts. */
static __always_inline int connecting(struct bpf_sock_addr *address, __u32 family, const __u32 *words, bool by_thread)
{
	struct task_state *state = caller(by_thread);
	struct peer_key key = {};
	struct socket_state *socket;
	struct subject *subject;

	if (!state)
		return 1;
	start_key(&key, address, EGRESS, state, family, words);
	subject = subject_of(state);
	socket = address->sk ? bpf_sk_storage_get(&socket_states, address->sk, NULL,
						  BPF_SK_STORAGE_GET_F_CREATE) : NULL;
	if (socket) {
		socket->peer = key;
		socket->sent = socket->plain = socket->answered = 0;
		/* Another connection than the one before, if there was one. */
		bpf_sk_storage_delete(&socket_streams, address->sk);
		socket->foreign = is_foreign(address, subject);
	} else if (subject) {
		lose(subject, EGRESS);
	}
	if (key.protocol != IPPROTO_UDP || !socket)
		note_peer(&key, subject);
	return 1;
}

/* A server's datagram to who sent it one: the very port, for others of that address never asked. */
static __always_inline bool is_answer(const struct peer_key *to, struct bpf_sock_addr *address, struct socket_state *socket)
{
	struct visitor visitor = { .socket = bpf_get_socket_cookie(address), .port = to->port, .family = to->family };

	if (!socket->bound)
		return false;
	__builtin_memcpy(visitor.address, to->address, sizeof(visitor.address));
	return bpf_map_lookup_elem(&visitors, &visitor);
}

/* Whether somebody may be forgotten who came a moment ago. In half the map are those that nobody came back to. */
static __always_inline bool may_be_forgotten(void)
{
	__u32 zero = 0;
	struct visiting *counts = bpf_map_lookup_elem(&visiting, &zero);
	__u64 generation = counts ? counts->count / GENERATION : 0;

	return generation >= 2 &&
	       bpf_ktime_get_boot_ns() - counts->began_ns[(generation - 1) % GENERATIONS] < ANSWERS_IN_NS;
}

static __always_inline int sending(struct bpf_sock_addr *address, __u32 family, const __u32 *words, bool by_thread)
{
	struct task_state *state = caller(by_thread);
	struct peer_key key = {};
	struct socket_state *socket;
	struct subject *subject;

	if (!state)
		return 1;
	start_key(&key, address, EGRESS, state, family, words);
	subject = subject_of(state);
	socket = address->sk ? bpf_sk_storage_get(&socket_states, address->sk, NULL,
						  BPF_SK_STORAGE_GET_F_CREATE) : NULL;
	if (socket && is_answer(&key, address, socket))
		return 1;
	if (socket && socket->visited && may_be_forgotten()) {
		if (subject)
			lose(subject, EGRESS);
		return 1;
	}
	note_peer(&key, subject);
	/* A connected socket stays so: whom it may also send to cannot answer it. */
	if (socket && address->sk->dst_port)
		return 1;
	if (socket) {
		socket->peer = key;
		socket->sent = LOOKED_AT;
		socket->answered = 0;
		socket->foreign = is_foreign(address, subject);
	} else if (subject) {
		lose(subject, EGRESS);
	}
	return 1;
}

/* Datagrams that come to a port which the program chose are visits: note_visit. Others are answers. */
static __always_inline int binding(struct bpf_sock_addr *address, bool by_thread)
{
	struct task_state *state = caller(by_thread);
	struct socket_state *socket;
	struct subject *subject;

	if (!address->user_port || !address->sk || !state)
		return 1;
	subject = subject_of(state);
	socket = bpf_sk_storage_get(&socket_states, address->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (socket) {
		socket->bound = 1;
		socket->server = state->subject;
		socket->server_phase = phase_of(state);
		socket->foreign = is_foreign(address, subject);
	} else if (subject) {
		lose(subject, INGRESS);
	}
	return 1;
}

#define FOUR_WORDS(address) { (address)->user_ip4 }
#define SIX_WORDS(address) { (address)->user_ip6[0], (address)->user_ip6[1], (address)->user_ip6[2], (address)->user_ip6[3] }

#define FOUR_FAMILY AF_INET
#define SIX_FAMILY AF_INET6

/*
 * Each program at a socket twice, for kernels where it may look into the storage of a task and for those where it may
 * not; user land loads one of the two. The family is the hook's: a datagram of an IPv6 socket to an IPv4 address comes
 * by the hook of IPv4.
 */
#define ADDRESS_PROGRAM(section, name, act, kind, by_thread)     \
	SEC(section)                                             \
	int name(struct bpf_sock_addr *address)                  \
	{                                                        \
		const __u32 words[4] = kind##_WORDS(address);    \
		const __u32 family = kind##_FAMILY;              \
								 \
		return act(address, family, words, by_thread);   \
	}
#define ADDRESS_HOOK(section, name, act, kind)                   \
	ADDRESS_PROGRAM(section, name, act, kind, false)         \
	ADDRESS_PROGRAM(section, name##_by_thread, act, kind, true)

ADDRESS_HOOK("cgroup/connect4", on_connect4, connecting, FOUR)
ADDRESS_HOOK("cgroup/connect6", on_connect6, connecting, SIX)
ADDRESS_HOOK("cgroup/sendmsg4", on_sendmsg4, sending, FOUR)
ADDRESS_HOOK("cgroup/sendmsg6", on_sendmsg6, sending, SIX)

#define BIND_PROGRAM(section, name, by_thread)                   \
	SEC(section)                                             \
	int name(struct bpf_sock_addr *address)                  \
	{                                                        \
		return binding(address, by_thread);              \
	}
#define BIND_HOOK(section, name)                                 \
	BIND_PROGRAM(section, name, false)                       \
	BIND_PROGRAM(section, name##_by_thread, true)

BIND_HOOK("cgroup/bind4", on_bind4)
BIND_HOOK("cgroup/bind6", on_bind6)

/* A connection that a server took: the port is its own, the address the client's. */
static __always_inline void note_accepted(struct task_state *state, struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sock = BPF_CORE_READ(socket, sk);
	struct peer_key key = { .subject = state->subject, .domain = INGRESS, .phase = phase_of(state) };
	struct subject *subject = subject_of(state);
	__u16 family = BPF_CORE_READ(sock, __sk_common.skc_family);
	__u32 words[4] = {};

	if (family == AF_INET)
		words[0] = BPF_CORE_READ(sock, __sk_common.skc_daddr);
	else if (family == AF_INET6)
		BPF_CORE_READ_INTO(&words, sock, __sk_common.skc_v6_daddr);
	else
		return;
	key.port = BPF_CORE_READ(sock, __sk_common.skc_num);
	key.protocol = protocol_of(BPF_CORE_READ(sock, sk_protocol));
	address_of(&key, family, words);
	/* In a network namespace of its own making a program may be any client. */
	if (!subject || !is_foreign_network(subject, BPF_CORE_READ(sock, __sk_common.skc_net.net, net_cookie)))
		note_peer(&key, subject);
}

/* Give a message of a socket to user land, which takes the names from it; what the ring has no room for is lost. */
static __always_inline void send_message(struct __sk_buff *packet, __u32 offset, __u32 kind, struct peer_key *peer,
					 __u32 before)
{
	struct scratch *scratch = take_scratch(kind == EVENT_DNS ? IN_PACKET_IN : IN_PACKET_OUT);
	struct ledger *counts = ledger();
	__u32 bytes = packet->len - offset;
	struct event *event;
	char *text;

	if (!scratch) {
		if (counts)
			count(&counts->ring_full[EGRESS]);
		return;
	}
	if (bytes > MESSAGE_BYTES)
		bytes = MESSAGE_BYTES;
	__builtin_memcpy(scratch->text, peer, sizeof(*peer));
	text = scratch->text + sizeof(*peer);
	/* Joined into one comparison they say nothing of bytes to a verifier of Linux 6.12. */
	if (bytes < MESSAGE_LEAST && kind != EVENT_TLS)
		goto out;
	if (bytes < MESSAGE_LEAST) {
		/* A greeting in crumbs is one without a name. */
		__builtin_memset(text, 0, MESSAGE_LEAST);
		packet = NULL;
		bytes = MESSAGE_LEAST;
	}
	barrier_var(bytes);
	if (bytes <= MESSAGE_BYTES && (!packet || !bpf_skb_load_bytes(packet, offset, text, bytes))) {
		bytes += sizeof(*peer);
		event = &scratch->event;
		*event = (struct event){ .kind = kind, .domain = EGRESS, .subject = peer->subject,
					 .hash = before, .at_ns = bpf_ktime_get_boot_ns(), .phase = peer->phase, .bytes = bytes };
		if (bpf_ringbuf_output(&events, event, sizeof(*event) + bytes, waking(false)) && counts)
			count(&counts->ring_full[EGRESS]);
	}
out:
	scratch->busy = 0;
}

/* Where the payload begins, from which port it comes and where TCP has it; false when it has no TCP or UDP header. */
static __always_inline bool read_headers(struct __sk_buff *packet, __u32 *offset, __u8 *protocol, __u16 *source,
					 __u32 *sequence)
{
	__u8 first = 0, words[2] = {}; /* of TCP: how long its header is, and flags */
	__u16 port;

	if (bpf_skb_load_bytes(packet, 0, &first, 1))
		return false;
	*offset = first >> 4 == 4 ? (first & 0xf) * 4 : 40;
	if (bpf_skb_load_bytes(packet, first >> 4 == 4 ? 9 : 6, protocol, 1) ||
	    bpf_skb_load_bytes(packet, *offset, &port, 2))
		return false;
	*source = bpf_ntohs(port);
	if (*protocol == IPPROTO_UDP) {
		*offset += 8;
		return true;
	}
	if (*protocol != IPPROTO_TCP || bpf_skb_load_bytes(packet, *offset + 4, sequence, 4) ||
	    bpf_skb_load_bytes(packet, *offset + 12, words, 2))
		return false;
	/* SYN has a number of its own, before those of the bytes that may come with it. */
	*sequence = bpf_ntohl(*sequence) + (words[1] >> 1 & 1);
	*offset += (words[0] >> 4) * 4;
	return true;
}

/* By the header alone, without a helper: most packets are, and of those that come in this is all the cost. */
static __always_inline bool is_tcp(struct __sk_buff *packet)
{
	const __u8 *start = (void *)(long)packet->data, *end = (void *)(long)packet->data_end;

	return start + 10 <= end && (start[0] >> 4 == 4 ? start[9] : start[6]) == IPPROTO_TCP;
}

/* The helper itself refuses what is no full socket. */
static __always_inline struct socket_state *state_of(struct bpf_sock *sock)
{
	return sock ? bpf_sk_storage_get(&socket_states, sock, NULL, 0) : NULL;
}

/* A method, in capital letters; or blank lines, which servers pass over (RFC 9112, 2.2). The first line says more. */
static __always_inline bool is_http(const __u8 *start, bool is_whole)
{
	__u8 first = start[0], second = start[1];
	bool is_blank = first == '\r' || first == '\n' || first == ' ';

	if (is_blank && is_whole && second != '\r' && second != '\n' && second != ' ')
		first = second;
	else if (is_blank)
		return true;
	return first >= 'A' && first <= 'Z';
}

/*
 * The first packets of a connection say what it carries. A greeting may come behind what is said to a proxy (CONNECT,
 * SOCKS): whom it names is then not the peer. What begins as HTTP without a proxy stays so, until it asks for one.
 */
static __always_inline void look_at_start(struct __sk_buff *packet, __u32 offset, struct socket_state *socket)
{
	__u8 start[6] = {}, place = socket->sent++;
	bool is_whole = !bpf_skb_load_bytes(packet, offset, start, sizeof(start));

	if (!is_whole && bpf_skb_load_bytes(packet, offset, start, 1))
		return;
	if (start[0] == TLS_HANDSHAKE && (!place || (start[1] == 3 && start[5] == CLIENT_HELLO))) {
		socket->sent = LOOKED_AT;
		socket->plain = 0;
		send_message(packet, offset, EVENT_TLS, &socket->peer, place);
	} else if (!place || is_request((const char *)start)) {
		socket->plain = is_http(start, is_whole);
		if (socket->plain && start[0] != 'C' && start[0] > ' ')
			socket->sent = LOOKED_AT;
	}
}

SEC("cgroup_skb/egress")
int on_packet_out(struct __sk_buff *packet)
{
	struct socket_state *socket = state_of(packet->sk);
	__u32 offset, sequence = 0;
	__u16 source;
	__u8 protocol;

	if (!socket || !socket->peer.subject || (socket->sent >= LOOKED_AT && !socket->plain))
		return 1;
	if (!read_headers(packet, &offset, &protocol, &source, &sequence))
		return 1;
	if (protocol == IPPROTO_UDP) {
		socket->sent = LOOKED_AT;
		note_peer(&socket->peer, NULL);
	} else if (packet->len > offset) {
		if (socket->sent < LOOKED_AT)
			look_at_start(packet, offset, socket);
		if (socket->plain)
			read_packet(packet, offset, sequence, socket);
	}
	return 1;
}

/* 127.0.0.0/8 and ::1. */
static __always_inline bool is_loopback(const struct peer_key *key)
{
	const __u32 *words = (const __u32 *)key->address;

	if (key->family == AF_INET)
		return key->address[0] == 127;
	return !words[0] && !words[1] && !words[2] && words[3] == bpf_htonl(1);
}

/* Who sent a datagram; false for what cannot be told. */
static __always_inline bool sender_of(struct __sk_buff *packet, struct peer_key *from)
{
	__u32 words[4] = {};
	__u8 first = 0;

	if (bpf_skb_load_bytes(packet, 0, &first, 1))
		return false;
	if (first >> 4 == 4 ? bpf_skb_load_bytes(packet, 12, words, 4) : bpf_skb_load_bytes(packet, 8, words, 16))
		return false;
	address_of(from, first >> 4 == 4 ? AF_INET : AF_INET6, words);
	return true;
}

/*
 * Who sent a datagram was answered for as far as this socket asked it. The sender counts, and not the peer that the
 * socket has by now: else one that answers would answer for another. What comes by the loopback device is from this
 * machine, whatever address it says (IPV6_FREEBIND takes any).
 */
static __always_inline bool note_datagram(struct __sk_buff *packet, struct socket_state *socket, struct peer_key *from)
{
	if (!sender_of(packet, from) || (packet->ifindex == LOOPBACK_INDEX && !is_loopback(from)))
		return false;
	if (!note_answer(from))
		return false;
	socket->answered = 1;
	return true;
}

static __always_inline void remember_visitor(const struct visitor *visitor)
{
	__u32 zero = 0;
	struct visiting *counts = bpf_map_lookup_elem(&visiting, &zero);
	__u8 yes = 1;
	__u64 place;

	if (!counts || bpf_map_lookup_elem(&visitors, visitor) ||
	    bpf_map_update_elem(&visitors, visitor, &yes, BPF_NOEXIST))
		return;
	place = __sync_fetch_and_add(&counts->count, 1) + 1;
	if (place % GENERATION == 0)
		counts->began_ns[place / GENERATION % GENERATIONS] = bpf_ktime_get_boot_ns();
}

/*
 * A datagram that came to a port which the program chose, however the program takes it. Who feigns another's address by
 * the loopback device is no visitor: what is sent there is no answer.
 */
static __always_inline void note_visit(struct __sk_buff *packet, struct socket_state *socket, __u16 source, __u16 port)
{
	struct peer_key from = { .subject = socket->server, .domain = INGRESS, .protocol = IPPROTO_UDP,
				 .phase = socket->server_phase, .port = port };
	struct visitor visitor = { .socket = bpf_get_socket_cookie(packet), .port = source };

	if (!sender_of(packet, &from) || socket->foreign || (packet->ifindex == LOOPBACK_INDEX && !is_loopback(&from)))
		return;
	note_peer(&from, NULL);
	visitor.family = from.family;
	__builtin_memcpy(visitor.address, from.address, sizeof(visitor.address));
	remember_visitor(&visitor);
	socket->visited = 1;
}

/* Whether what a socket sent for is all that still comes to it. */
static __always_inline bool is_settled(struct bpf_sock *sock, struct socket_state *socket)
{
	/* Nobody else's packets come to a socket that is connected. */
	return socket->answered && sock->dst_port && socket->peer.port != DNS_PORT;
}

SEC("cgroup_skb/ingress")
int on_packet_in(struct __sk_buff *packet)
{
	struct bpf_sock *sock = packet->sk;
	struct peer_key from = { .domain = EGRESS, .protocol = IPPROTO_UDP };
	struct socket_state *socket;
	bool asks;
	__u32 offset, sequence;
	__u8 protocol;

	if (!sock || is_tcp(packet))
		return 1;
	socket = state_of(sock);
	if (!socket)
		return 1;
	asks = socket->peer.subject && socket->peer.protocol == IPPROTO_UDP && !socket->foreign;
	if (asks ? is_settled(sock, socket) : !socket->bound)
		return 1;
	if (!read_headers(packet, &offset, &protocol, &from.port, &sequence) || protocol != IPPROTO_UDP)
		return 1;
	if (socket->bound && !(asks && sock->dst_port))
		note_visit(packet, socket, from.port, sock->src_port);
	from.subject = socket->peer.subject;
	from.phase = socket->peer.phase;
	/* Names are believed for their sender, so each is looked at. */
	if (asks && note_datagram(packet, socket, &from) && from.port == DNS_PORT)
		send_message(packet, offset, EVENT_DNS, &from, 0);
	return 1;
}

/*
 * The end of a handshake, and not its packets: whichever form it has (fast open, MPTCP), and only for the peer that
 * the socket is connecting to. What is refused or times out goes from SYN_SENT to CLOSE instead.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_socket_state, struct sock *sock, int before, int after)
{
	struct socket_state *socket;

	/* Its first connection is as any; those beside it the kernel makes where no program is running. */
	if (after == TCP_SYN_SENT && sock->sk_protocol == IPPROTO_MPTCP)
		note_unread_form(UNREAD_MPTCP);
	if (after != TCP_ESTABLISHED)
		return 0;
	socket = bpf_sk_storage_get(&socket_states, sock, NULL, 0);
	if (socket && socket->peer.subject && socket->peer.protocol == IPPROTO_TCP && !socket->foreign)
		note_answer(&socket->peer);
	return 0;
}

#endif
