/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Files by the path that the kernel resolved: links followed, absolute, as seen from the task's root.
 * A path is put together from its end: "libc.so.6\0lib\0usr\0"; user land turns it round.
 */
#ifndef RECORDER_PATHS_H
#define RECORDER_PATHS_H

#define FMODE_READ 0x1 /* include/linux/fs.h */
#define FMODE_WRITE 0x2
#define FMODE_PATH 0x4000
#define NAME_BYTES 256
#define PROC_SUPER_MAGIC 0x9fa0 /* include/uapi/linux/magic.h */
#define PROCESS "<pid>" /* as a profile writes it */
#define AT_FDCWD -100 /* include/uapi/linux/fcntl.h */
#define O_ACCMODE 3
#define O_WRONLY 1
#define O_RDWR 2
#define IORING_OP_OPENAT 18 /* include/uapi/linux/io_uring.h */
#define IORING_OP_OPENAT2 28
#define REQ_F_CQE_SKIP (1 << 6) /* include/linux/io_uring_types.h: of its end nobody is told, if it succeeds */

static __always_inline struct scratch *take_scratch(__u32 context)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &context);

	if (!scratch || __sync_lock_test_and_set(&scratch->busy, 1))
		return NULL;
	return scratch;
}

struct hashing {
	const char *text;
	__u64 hash;
	__u32 words;
	__u32 pad;
};

static long hash_word(__u32 index, struct hashing *so_far)
{
	__u64 word;

	if (index >= PATH_BYTES / 8)
		return 1;
	word = *(const __u64 *)(so_far->text + index * 8);
	so_far->hash = (so_far->hash ^ word) * 0x100000001b3ULL;
	so_far->hash ^= so_far->hash >> 29;
	return 0;
}

/* FNV-1a over 8 bytes a step; two paths of one subject share a value once in 2^64. */
static __always_inline __u64 hash_of(const char *text, __u32 bytes)
{
	struct hashing so_far = { .text = text, .hash = 0xcbf29ce484222325ULL };

	bpf_loop((bytes + 7) / 8, hash_word, &so_far, 0);
	return so_far.hash;
}

struct walk {
	struct scratch *scratch;
	struct dentry *dentry, *root;
	struct vfsmount *mnt, *root_mnt;
	__u32 used;
	__u32 arrived;
};

/* Each process has a folder in /proc: as many paths as processes would fill the map, and say nothing. */
static __always_inline bool is_process(struct vfsmount *mnt, const char *name)
{
	return name[0] >= '0' && name[0] <= '9' && BPF_CORE_READ(mnt, mnt_sb, s_magic) == PROC_SUPER_MAGIC;
}

/* Write one component, or go from the root of a mount to where it is mounted. */
static long climb(__u32 index, struct walk *walk)
{
	struct vfsmount *mnt = walk->mnt;
	struct dentry *dentry = walk->dentry, *mnt_root = BPF_CORE_READ(mnt, mnt_root), *parent;
	struct mount *mount, *above;
	__u32 used = walk->used;
	long length;

	if (dentry == walk->root && mnt == walk->root_mnt) {
		walk->arrived = 1;
		return 1;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == mnt_root || dentry == parent) {
		mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
		above = BPF_CORE_READ(mount, mnt_parent);
		/* Of no mount below the task's root: of memory, or of a tree that was detached. */
		if (above == mount || dentry != mnt_root) {
			walk->arrived = 1;
			return 1;
		}
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mnt = (void *)above + bpf_core_field_offset(struct mount, mnt);
		return 0;
	}
	if (used >= PATH_BYTES)
		return 1;
	length = bpf_probe_read_kernel_str(walk->scratch->text + used, NAME_BYTES,
					   BPF_CORE_READ(dentry, d_name.name));
	if (length <= 0)
		return 1;
	if (parent == mnt_root && is_process(mnt, walk->scratch->text + used)) {
		__builtin_memcpy(walk->scratch->text + used, PROCESS, sizeof(PROCESS));
		length = sizeof(PROCESS);
	}
	walk->used = used + length;
	walk->dentry = parent;
	return 0;
}

/* Bytes in scratch->text once the path is added to those in use, or 0 when it is too long. */
static __always_inline __u32 write_path(struct scratch *scratch, struct task_struct *task, const struct path *path,
					__u32 used)
{
	struct walk walk = {
		.scratch = scratch,
		.used = used,
		.dentry = BPF_CORE_READ(path, dentry),
		.mnt = BPF_CORE_READ(path, mnt),
		.root = BPF_CORE_READ(task, fs, root.dentry),
		.root_mnt = BPF_CORE_READ(task, fs, root.mnt),
	};

	bpf_loop(MAX_COMPONENTS, climb, &walk, 0);
	if (!walk.arrived)
		return 0;
	if (walk.used)
		return walk.used;
	scratch->text[0] = 0; /* the root itself */
	return 1;
}

/* By the start of the file's name, which comes first: user land looks again, and attaches before it is called. */
static __always_inline bool may_have_tls(const char *text)
{
	return !bpf_strncmp(text, 6, "libssl") || !bpf_strncmp(text, 4, "_ssl") || !bpf_strncmp(text, 4, "node");
}

/* What had no functions when it was looked at has them once it is written: whoever opens it may be about to map it. */
static __always_inline bool is_to_be_told_again(struct item *item, const char *text, __u32 kind)
{
	return kind == EVENT_PATH && item->modes & FMODE_WRITE && may_have_tls(text);
}

/* Count the text in scratch as an item, and send it when it is new. */
static __always_inline void note_text(struct scratch *scratch, const struct owner *owner, __u32 kind,
				      __u32 domain, __u32 modes, __u32 bytes)
{
	struct item_key key = { .subject = owner->id, .domain = domain, .phase = owner->phase };
	struct item fresh = { .first_ns = bpf_ktime_get_boot_ns() };
	struct event *event = &scratch->event;
	struct ledger *counts;
	struct item *item;

	if (!bytes || bytes > PATH_BYTES) {
		blame(owner, domain);
		return;
	}
	/* The hash goes over whole words. */
	*(__u64 *)(scratch->text + bytes) = 0;
	key.hash = hash_of(scratch->text, bytes);
	item = bpf_map_lookup_elem(&items, &key);
	if (!item) {
		bpf_map_update_elem(&items, &key, &fresh, BPF_NOEXIST);
		item = bpf_map_lookup_elem(&items, &key);
	}
	if (!item) {
		blame(owner, domain);
		return;
	}
	count(&item->count);
	item->last_ns = bpf_ktime_get_boot_ns();
	if ((item->modes & modes) != modes)
		__sync_fetch_and_or(&item->modes, modes);
	if (item->sent && !is_to_be_told_again(item, scratch->text, kind))
		return;
	*event = (struct event){ .kind = kind, .domain = domain, .subject = owner->id, .hash = key.hash,
				 .at_ns = item->sent ? fresh.first_ns : item->first_ns, .phase = key.phase,
				 .pid = owner->pid, .bytes = bytes };
	if (!bpf_ringbuf_output(&events, event, sizeof(*event) + (bytes & (2 * PATH_BYTES - 1)),
				waking(kind == EVENT_PATH && may_have_tls(scratch->text)))) {
		item->sent = 1;
		return;
	}
	counts = ledger();
	if (counts)
		count(&counts->ring_full[domain & (LOSS_DOMAINS - 1)]);
}

static __always_inline void note_path(struct task_struct *task, struct task_state *state,
				      const struct path *path, __u32 domain, __u32 modes)
{
	struct scratch *scratch = take_scratch(IN_CALL);
	struct subject *subject;
	struct owner owner;

	if (!scratch) {
		subject = subject_of(state);
		if (subject)
			lose(subject, domain);
		return;
	}
	owner = owner_of(state);
	if (!owner.subject && comes_back(task, state))
		owner = owner_of(state);
	note_text(scratch, &owner, EVENT_PATH, domain, modes, write_path(scratch, task, path, 0));
	scratch->busy = 0;
}

/* The open file of a descriptor of the running task, or NULL. */
static __always_inline struct file *file_of(struct task_struct *task, unsigned int fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (fd < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

static __always_inline void note_file(struct task_struct *task, struct task_state *state, struct file *file)
{
	unsigned int mode = BPF_CORE_READ(file, f_mode);

	if (!(mode & FMODE_PATH))
		note_path(task, state, &file->f_path, FILES, mode & (FMODE_READ | FMODE_WRITE));
}

/* Send what a container runtime was told: it says which container it starts, before there is one. */
static __always_inline void send_arguments(struct task_struct *task)
{
	struct scratch *scratch = take_scratch(IN_CALL);
	unsigned long start = BPF_CORE_READ(task, mm, arg_start), end = BPF_CORE_READ(task, mm, arg_end);
	__u64 length = end - start;
	struct event *event;
	__u32 bytes;

	/* User land falls back on /proc and state files without it, so nothing is counted. */
	if (!scratch)
		return;
	/* Joined into one comparison they say nothing of length to a verifier of Linux 6.12. */
	if (!length)
		goto out;
	barrier_var(length);
	if (length <= PATH_BYTES && !bpf_probe_read_user(scratch->text, length, (const void *)start)) {
		bytes = write_path(scratch, task, &task->fs->pwd, length);
		event = &scratch->event;
		*event = (struct event){ .kind = EVENT_RUNTIME, .pid = task->tgid, .hash = length,
					 .subject = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum),
					 .at_ns = bpf_ktime_get_boot_ns(), .bytes = bytes };
		asm volatile("" : "+r"(bytes));
		if (bytes <= PATH_BYTES)
			bpf_ringbuf_output(&events, event, sizeof(*event) + bytes, waking(false));
	}
out:
	scratch->busy = 0;
}

static __always_inline bool is_open_request(struct io_kiocb *request)
{
	__u8 opcode = BPF_CORE_READ(request, opcode);

	return opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2;
}

/*
 * A file that a ring of io_uring is asked to open: there is no call whose exit could be looked at, so the
 * path is the one that was asked for, and links in it are not followed. It counts as opened until the request is known
 * to have failed: note_refused.
 */
static __always_inline void note_request(struct task_struct *task, struct task_state *state, struct io_kiocb *request)
{
	/* The command lies at the start of the request (io_kiocb_to_cmd). */
	struct io_open *open = (struct io_open *)request;
	struct item_key key = { .subject = state->subject, .domain = FILES, .phase = phase_of(state) };
	__u64 place = (__u64)request;
	__u64 access = BPF_CORE_READ(open, how.flags) & O_ACCMODE;
	int folder = BPF_CORE_READ(open, dfd);
	struct scratch *scratch = take_scratch(IN_CALL);
	struct subject *subject = subject_of(state);
	struct owner owner;
	struct file *file;
	long length;

	if (!scratch) {
		if (subject)
			lose(subject, FILES);
		return;
	}
	length = bpf_probe_read_kernel_str(scratch->text, PATH_BYTES, BPF_CORE_READ(open, filename, name));
	if (length > 0 && scratch->text[0] != '/') {
		file = folder == AT_FDCWD ? NULL : file_of(task, folder);
		length = write_path(scratch, task, file ? &file->f_path : &task->fs->pwd, length);
	}
	owner = owner_of(state);
	note_text(scratch, &owner, EVENT_PATH, FILES, access == O_RDWR ? 3 : access == O_WRONLY ? 2 : 1,
		  length > 0 ? length : 0);
	if (length > 0 && length <= PATH_BYTES && !(BPF_CORE_READ(request, flags) & REQ_F_CQE_SKIP)) {
		key.hash = hash_of(scratch->text, length);
		bpf_map_update_elem(&requests, &place, &key, BPF_ANY);
	}
	scratch->busy = 0;
}

/* The end of a request; of one that opens nothing, or was not noted, there is nothing to be found. */
static __always_inline void note_refused(struct io_kiocb *request)
{
	__u64 place = (__u64)request;
	struct item_key *key = bpf_map_lookup_elem(&requests, &place);
	struct item *item = key ? bpf_map_lookup_elem(&items, key) : NULL;

	if (item && BPF_CORE_READ(request, cqe.res) < 0)
		count(&item->refused);
	bpf_map_delete_elem(&requests, &place);
}

#endif
