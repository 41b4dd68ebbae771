/*
 * Both ends of HTTP/1.1 on the loopback. `http serve PORT` answers one connection after the other, with the least
 * work there can be; `http ask PORT MILLISECONDS` asks on one connection for so long, in batches, and prints
 * the nanoseconds that each batch took.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY 1024
#define BATCH 4 /* few enough that nothing interrupts most batches */
#define MOST 100000

static struct sockaddr_in at(const char *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return address;
}

static void answer(int connection)
{
	char request[4096], reply[BODY + 256];
	int one = 1, size = snprintf(reply, sizeof(reply), "HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%0*d", BODY, BODY, 0);

	setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (read(connection, request, sizeof(request)) > 0)
		if (write(connection, reply, size) != size)
			break;
}

static void serve(const char *port)
{
	struct sockaddr_in address = at(port);
	int one = 1, connection, listening = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listening, (void *)&address, sizeof(address)) || listen(listening, 64))
		err(1, "port %s", port);
	while ((connection = accept(listening, NULL, NULL)) >= 0) {
		answer(connection);
		close(connection);
	}
}

/* An answer has been read when its body has: the servers send no other bytes after a blank line. */
static void await(int connection)
{
	static char reply[8192];
	int size = 0, got;
	char *body = NULL;

	do {
		got = read(connection, reply + size, sizeof(reply) - 1 - size);
		if (got <= 0)
			errx(1, "the server is gone");
		size += got;
		reply[size] = 0;
		body = strstr(reply, "\r\n\r\n");
	} while (!body || reply + size - body - 4 < BODY);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static void ask(const char *port, int milliseconds)
{
	static const char request[] = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
	struct sockaddr_in address = at(port);
	int connection = socket(AF_INET, SOCK_STREAM, 0);
	static double took[MOST];
	double begun = now_ns(), now = begun;
	int batches = 0;

	if (connect(connection, (void *)&address, sizeof(address)))
		err(1, "port %s", port);
	while (now - begun < milliseconds * 1e6 && batches < MOST) {
		took[batches] = now_ns();
		for (int left = BATCH; left; left--) {
			if (write(connection, request, sizeof(request) - 1) < 0)
				err(1, "write");
			await(connection);
		}
		now = now_ns();
		took[batches] = now - took[batches];
		batches++;
	}
	for (int batch = 0; batch < batches; batch++)
		printf("%.0f\n", took[batch]);
}

int main(int count, char **words)
{
	if (count == 4 && !strcmp(words[1], "ask"))
		ask(words[2], atoi(words[3]));
	else if (count == 3)
		serve(words[2]);
	return 0;
}
