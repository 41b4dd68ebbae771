/*
 * Asks a name server that it is itself, and answers: each answer names another host, and is an event. It writes a line
 * when it has begun. Told how many answers it makes them one by one and ends; else it goes on without an end, and fails
 * when nobody has ended it for so many seconds.
 *
 * `answerer SECONDS [ANSWERS [LETTER]]`: the names begin with the letter.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 1000
#define NAME_AT 13
#define NAME_BYTES 9

/* RFC 1035, 4.1: the question for an address of n00000000.test, and this name server's own. */
static unsigned char message[] = "\0\7\x81\x80\0\1\0\1\0\0\0\0"
				 "\11n00000000\4test\0\0\1\0\1"
				 "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\x4d\0\x35";
#define BYTES (sizeof(message) - 1)

static void require(int is_done)
{
	if (!is_done)
		_exit(2);
}

int main(int count, char **words)
{
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(53) }, asker;
	int asks = socket(AF_INET, SOCK_DGRAM, 0), answers = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t size = sizeof(asker);
	char name[NAME_BYTES + 1], taken[BYTES];
	time_t end = time(NULL) + atol(words[1]);
	long wanted = count > 2 ? atol(words[2]) : 0;
	char letter = count > 3 ? *words[3] : 'n';

	signal(SIGTERM, _exit); /* the first process of a container ignores it otherwise */
	inet_pton(AF_INET, "127.77.0.53", &server.sin_addr);
	require(!bind(answers, (struct sockaddr *)&server, sizeof(server)));
	require(!connect(asks, (struct sockaddr *)&server, sizeof(server)));
	require(send(asks, message, BYTES, 0) == BYTES);
	require(recvfrom(answers, taken, BYTES, 0, (struct sockaddr *)&asker, &size) == BYTES);
	require(write(1, "begun\n", 6) == 6);
	for (long sent = 0; !wanted || sent < wanted; sent++) {
		if (sent % AT_ONCE == 0 && time(NULL) >= end)
			_exit(3);
		snprintf(name, sizeof(name), "%c%08lx", letter, sent & 0xffffffff);
		memcpy(message + NAME_AT, name, NAME_BYTES);
		sendto(answers, message, BYTES, 0, (struct sockaddr *)&asker, size);
		if (wanted)
			require(recv(asks, taken, BYTES, 0) == BYTES);
	}
	_exit(0);
}
