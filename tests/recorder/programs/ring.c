/*
 * Opens files by io_uring, without one call of the open family: each path that it is given. Of one behind a + it is told
 * nothing if it could be opened. What it is told of one behind a - it leaves in the queue, and fails unless that runs over.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **paths)
{
	struct io_uring_params params = {0};
	int ring = syscall(SYS_io_uring_setup, 4, &params), opened = 0;
	char *sq = mmap(0, params.sq_off.array + 4 * sizeof(unsigned), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	char *cq = mmap(0, params.cq_off.cqes + 8 * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
	struct io_uring_sqe *entries = mmap(0, 4 * sizeof(*entries), PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);

	_Atomic unsigned *left = NULL;

	for (int i = 1; i < count; i++) {
		_Atomic unsigned *tail = (void *)(sq + params.sq_off.tail);
		_Atomic unsigned *head = (void *)(cq + params.cq_off.head);
		unsigned mask = *(unsigned *)(cq + params.cq_off.ring_mask);
		struct io_uring_cqe *done = (void *)(cq + params.cq_off.cqes);
		int is_quiet = *paths[i] == '+', is_left = *paths[i] == '-';

		memset(entries, 0, sizeof(*entries));
		entries->opcode = IORING_OP_OPENAT;
		/* A worker of the kernel does it, not this thread. */
		entries->flags = is_quiet ? IOSQE_CQE_SKIP_SUCCESS : i % 2 && !is_left ? IOSQE_ASYNC : 0;
		entries->fd = AT_FDCWD;
		entries->addr = (unsigned long)paths[i] + (is_quiet || is_left);
		entries->open_flags = O_RDONLY;
		*(unsigned *)(sq + params.sq_off.array) = 0;
		((unsigned *)(sq + params.sq_off.array))[*tail & (params.sq_entries - 1)] = 0;
		atomic_fetch_add(tail, 1);
		syscall(SYS_io_uring_enter, ring, 1, !is_quiet && !is_left, is_left ? 0 : IORING_ENTER_GETEVENTS, 0, 0);
		if (is_left)
			left = (void *)(sq + params.sq_off.flags);
		if (is_quiet || is_left) {
			opened++;
			continue;
		}
		opened += done[*head & mask].res >= 0;
		atomic_fetch_add(head, 1);
	}
	if (left && !(*left & IORING_SQ_CQ_OVERFLOW))
		return 2;
	return opened == count - 1 ? 0 : 1;
}
