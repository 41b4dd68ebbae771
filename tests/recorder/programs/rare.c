/* Makes each of the calls that it is given, the first at once and the others when their time has come, then ends. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **pairs)
{
	struct timespec begun, now;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (int i = 1; i + 1 < count; i += 2) {
		do
			clock_gettime(CLOCK_MONOTONIC, &now);
		while ((now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000 < atoi(pairs[i]));
		syscall(atoi(pairs[i + 1]), -1, 0, 0, 0, 0, 0);
	}
	_exit(0);
}
