/*
 * Makes itself a mount namespace as its first argument says, execs nothing there, and does what it is given: a number is
 * a system call, anything else a file to open for writing. Then it meets itself at the port of CONNECTED.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTED 7001

static char stack[1 << 16] __attribute__((aligned(16)));

static int meet_itself(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(CONNECTED) };
	int serves = socket(AF_INET, SOCK_STREAM, 0), asks = socket(AF_INET, SOCK_STREAM, 0);

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(serves, (void *)&here, sizeof(here)) || listen(serves, 1))
		return 2;
	return connect(asks, (void *)&here, sizeof(here)) ? 3 : 0;
}

static int work(void *given)
{
	for (char **word = given; *word; word++) {
		if (**word != '/')
			syscall(atoi(*word), -1, 0, 0, 0, 0, 0);
		else if (open(*word, O_WRONLY | O_CREAT, 0600) < 0)
			return 4;
	}
	return meet_itself();
}

int main(int count, char **words)
{
	const int flags = CLONE_NEWUSER | CLONE_NEWNS;
	int child, status;

	if (count > 1 && !strcmp(words[1], "unshare"))
		return unshare(flags) ? 1 : work(words + 2);
	child = clone(work, stack + sizeof(stack), flags | SIGCHLD, words + 2);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
