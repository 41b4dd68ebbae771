/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Maps that all containers share: as of the ring, none holds more of their entries than are free. */
#ifndef RECORDER_SHARES_H
#define RECORDER_SHARES_H

/* The subject that pays for what this one puts into what all share, for as long as that one is there. */
static __always_inline struct subject *payer_of(struct subject *subject)
{
	struct subject *payer = bpf_map_lookup_elem(&subjects, &subject->payer);

	return payer ? payer : subject;
}

/* How many entries are there of those that were put, under one's key or that of all. */
static __always_inline __s64 left_of(const struct holding *were_put, const struct subject_key *key, __u32 place)
{
	struct holding *taken = bpf_map_lookup_elem(&taken_out, key);

	return were_put->entries[place] - (taken ? taken->entries[place] : 0);
}

static __always_inline void pay(struct subject *payer, __u32 place)
{
	__u32 zero = 0;
	struct holding *all = bpf_map_lookup_elem(&put_in, &zero);

	if (all)
		__sync_fetch_and_add(&all->entries[place], 1);
	if (payer)
		__sync_fetch_and_add(&payer->put_in.entries[place], 1);
}

static __always_inline bool has_share(struct subject *payer, __u32 place, __s64 room)
{
	struct subject_key everybody = {};
	__u32 zero = 0;
	struct holding *all = bpf_map_lookup_elem(&put_in, &zero);

	return all && left_of(&payer->put_in, &payer->payer, place) < room - left_of(all, &everybody, place);
}

/*
 * Put a new entry of a subject into a map that is shared, if its share has room. Of two at once one pays. Rare, and
 * separate: what it needs is not on the stack of every program.
 */
static __noinline int put_entry(struct subject *subject, __u32 place, void *map, const void *key, const void *value)
{
	struct subject *payer = subject ? payer_of(subject) : NULL;

	if (payer && has_share(payer, place, ((struct bpf_map *)map)->max_entries) &&
	    !bpf_map_update_elem(map, key, value, BPF_NOEXIST))
		pay(payer, place);
	return 0;
}

#endif
