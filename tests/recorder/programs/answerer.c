/*
 * Asks a name server that it is itself, and answers without an end: each answer is an event. It writes a line when it
 * has begun, and fails when nobody has ended it for so many seconds.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 1000
#define BYTES 40

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
	char message[BYTES] = { 0 };
	time_t end = time(NULL) + atol(words[count - 1]);

	inet_pton(AF_INET, "127.77.0.53", &server.sin_addr);
	require(!bind(answers, (struct sockaddr *)&server, sizeof(server)));
	require(!connect(asks, (struct sockaddr *)&server, sizeof(server)));
	require(send(asks, message, BYTES, 0) == BYTES);
	require(recvfrom(answers, message, BYTES, 0, (struct sockaddr *)&asker, &size) == BYTES);
	require(write(1, "begun\n", 6) == 6);
	while (time(NULL) < end)
		for (int sent = 0; sent < AT_ONCE; sent++)
			sendto(answers, message, BYTES, 0, (struct sockaddr *)&asker, size);
	_exit(3);
}
