/* Makes itself a mount namespace, and leaves it, enters it and opens files in it as the lines of its input say. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int does(const char *line, int own)
{
	int file;

	if (!strcmp(line, "leave"))
		return unshare(CLONE_NEWNS);
	if (!strcmp(line, "enter"))
		return setns(own, CLONE_NEWNS);
	file = open(line, O_CREAT | O_RDWR, 0666);
	return file < 0 ? file : close(file);
}

int main(void)
{
	char line[256];
	struct stat found;
	int own;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return 1;
	own = open("/proc/self/ns/mnt", O_RDONLY);
	if (own < 0 || fstat(own, &found))
		return 2;
	printf("%lu\n", (unsigned long)found.st_ino);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (does(line, own))
			return 3;
		puts("done");
		fflush(stdout);
	}
	return 0;
}
