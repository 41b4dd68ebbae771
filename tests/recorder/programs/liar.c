/* SPDX-License-Identifier: Apache-2.0 */
/* By the name of a runtime, and still there while a child in a mount namespace of its own making does the work. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int status = 1;

	if (!fork()) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
			return 1;
		execl("/bin/busybox", "busybox", "sh", "-c", "cat /etc/hostname; sleep 1; exit 0", (char *)NULL);
		return 1;
	}
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
