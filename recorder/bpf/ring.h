/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The ring of events, which all containers share. None has more in it than a quarter of what is free, so whoever floods
 * it leaves room: one alone has a fifth of the ring at most, two a sixth each, and what is free is never all taken
 * (dynamic thresholds: A. K. Choudhury and E. L. Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
 */
#ifndef RECORDER_RING_H
#define RECORDER_RING_H

#define RECORD_BYTES(bytes) (((bytes) + BPF_RINGBUF_HDR_SZ + 7) & ~7ULL) /* what an event takes of the ring */

/* Whether it is sent again when the ring has no room; into how many parts of what is free it must fit. */
enum sending {
	SENT_AGAIN = 4, /* an entry of a map stands for it until then */
	SENT_ONCE = 8, /* fewer of these: who floods the ring with them still shows what is new */
};

/*
 * Whether an event wakes user land: at once when it cannot wait, else when a sixteenth of the ring is in use, which is
 * less than any share. What names something that is in a map already may lie there until somebody reads.
 */
static __always_inline __u64 waking(bool at_once)
{
	__u64 used;

	if (at_once)
		return BPF_RB_FORCE_WAKEUP;
	used = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	return used * 16 > bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* Forget what user land has taken out. Who finds another at it leaves it to that one, and counts too much at worst. */
static __always_inline void move_mark(struct share *share)
{
	__u64 taken = bpf_ringbuf_query(&events, BPF_RB_CONS_POS);

	if (taken < share->mark || __sync_lock_test_and_set(&share->is_moving, 1))
		return;
	if (taken >= share->mark) {
		share->before = __sync_lock_test_and_set(&share->since, 0);
		share->mark = bpf_ringbuf_query(&events, BPF_RB_PROD_POS);
	}
	share->is_moving = 0;
}

/* Count an event in a share that has room for it; several at once may find the same, one on each processor. */
static __always_inline bool take_room(struct share *share, __u64 bytes, enum sending sending)
{
	__u64 free = bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) - bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	__u64 held;

	move_mark(share);
	held = share->before + share->since + bytes;
	if (held * sending > free)
		return false;
	__sync_fetch_and_add(&share->since, bytes);
	return true;
}

/* Put an event of a subject into the ring; not 0 when there is no room. `subject` NULL: of the machine's own programs. */
static __always_inline long submit(struct subject *subject, void *event, __u64 bytes, enum sending sending, __u64 flags)
{
	if (subject && !take_room(&payer_of(subject)->share, RECORD_BYTES(bytes), sending))
		return -1;
	return bpf_ringbuf_output(&events, event, bytes, flags);
}

#endif
