/*
 * Makes the cheapest call: `spin BATCHES CALLS` makes so many batches of so many, and prints what one call of each
 * batch took, in nanoseconds of the clock on the wall. Batches are short, so most of them are not interrupted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

int main(int count, char **words)
{
	long batches = count == 3 ? atol(words[1]) : 0, calls = count == 3 ? atol(words[2]) : 0;
	double took[batches + 1], begun;

	for (long batch = 0; batch < batches; batch++) {
		begun = now_ns();
		for (long left = calls; left; left--)
			syscall(SYS_getppid);
		took[batch] = (now_ns() - begun) / calls;
	}
	for (long batch = 0; batch < batches; batch++)
		printf("%.1f\n", took[batch]);
	return 0;
}
