/*
 * Does what it is given, each when its time (milliseconds) has come: a number is a system call, anything else a file
 * to open for writing. Ends with the last one, so that nothing of its own comes after it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_until(const struct timespec *begun, long milliseconds)
{
	struct timespec until = {
		.tv_sec = begun->tv_sec + (begun->tv_nsec / 1000000 + milliseconds) / 1000,
		.tv_nsec = (begun->tv_nsec / 1000000 + milliseconds) % 1000 * 1000000,
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

int main(int count, char **pairs)
{
	struct timespec begun;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (int i = 1; i + 1 < count; i += 2) {
		const char *deed = pairs[i + 1];

		if (atol(pairs[i]))
			wait_until(&begun, atol(pairs[i]));
		if (*deed == '/')
			open(deed, O_WRONLY | O_CREAT, 0600);
		else
			syscall(atoi(deed), -1, 0, 0, 0, 0, 0);
	}
	_exit(0);
}
