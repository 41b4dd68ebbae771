/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The few kernel types that the recorder reads, with the few fields it reads of them. Offsets are relocated
 * when the object is loaded (CO-RE), so nothing here says where a field lies: only its name and type count.
 * Names and types: Linux 5.11 to 6.18; what not every kernel has is asked for with bpf_core_field_exists().
 */
#ifndef RECORDER_KERNEL_H
#define RECORDER_KERNEL_H

#include <linux/types.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct super_block {
	unsigned long s_magic;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct inode {
	__u16 i_mode;
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
	unsigned int f_mode;
	void *private_data;
	struct path f_path;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

struct linux_binprm {
	struct file *file;
};

struct ns_common {
	unsigned int inum;
	__u64 ns_id; /* since 6.18 */
};

struct mnt_namespace {
	struct ns_common ns;
	__u64 seq; /* until 6.17 */
};

struct net {
	__u64 net_cookie; /* since 5.12 */
};

typedef struct {
	struct net *net;
} possible_net_t;

struct uts_namespace;
struct ipc_namespace;
struct pid_namespace;
struct cgroup_namespace;

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct cgroup_namespace *cgroup_ns;
};

struct kernfs_node {
	const char *name;
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct user_namespace {
	int level;
};

struct cred {
	struct user_namespace *user_ns;
};

struct seccomp {
	int mode;
};

struct thread_info {
	unsigned long flags;
	__u32 status; /* x86 */
};

struct pt_regs {
	/* x86 */
	unsigned long r10;
	unsigned long r8;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long ax;
	unsigned long orig_ax;
	unsigned long cs; /* 16 bits of it */
	unsigned long sp; /* arm64, too */
	/* arm64 */
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

struct signal_struct {
	struct {
		int counter;
	} live; /* tasks of the process */
};

struct task_struct {
	struct thread_info thread_info;
	struct mm_struct *mm;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	__u64 start_boottime;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct seccomp seccomp;
	const struct cred *cred;
	struct css_set *cgroups;
	struct signal_struct *signal;
	char comm[16];
};

struct filename {
	const char *name;
};

struct open_how {
	__u64 flags;
};

struct io_open {
	int dfd;
	struct filename *filename;
	struct open_how how;
};

struct io_cqe {
	__s32 res;
};

struct io_kiocb {
	__u8 opcode;
	unsigned int flags; /* the lower half of it since 6.10 */
	struct io_cqe cqe; /* since 5.19 */
};

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__u32 skc_daddr;
	__u16 skc_num;
	possible_net_t skc_net;
	__u16 skc_family;
	struct in6_addr skc_v6_daddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};

struct socket {
	struct sock *sk;
};

struct kernel_siginfo {
	int si_code;
	union {
		struct {
			int _syscall;
		} _sigsys;
	} _sifields;
};

#pragma clang attribute pop

/* These are no types of the kernel's own: programs lay them out so (readv(2), recvmsg(2)). */

struct iovec {
	void *iov_base;
	__u64 iov_len;
};

struct msghdr {
	void *msg_name;
	__u64 msg_namelen;
	struct iovec *msg_iov;
	__u64 msg_iovlen;
};

#endif
