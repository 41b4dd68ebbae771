/*
 * Makes the cheapest call as often as it is told, and each of the further calls that it is given once, spread evenly
 * over the others.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **words)
{
	long times = atol(words[1]), apart = times / (count - 1) + 1;

	for (long made = 0; made < times; made++) {
		syscall(SYS_getppid);
		if (made % apart == apart - 1)
			syscall(atoi(words[2 + made / apart]), -1, 0, 0, 0, 0, 0);
	}
	_exit(0);
}
