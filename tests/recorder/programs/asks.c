/*
 * Calls a function of OpenSSL's name, as a client with a library of its own does, once somebody looks at it.
 *
 * A probe is a breakpoint in the code (int3 on x86), which stands there before the program behind it is asked. So it
 * waits for the one of the function that the recorder attaches last.
 */
#include <unistd.h>

__attribute__((noipa)) int SSL_write(void *ssl, const void *buffer, int bytes)
{
	__asm__ volatile("" : : "r"(ssl), "r"(buffer) : "memory");
	return bytes;
}

__attribute__((noipa)) int SSL_write_ex(void)
{
	return 0;
}

int main(void)
{
	static const char message[] = "POST / HTTP/1.1\r\n\r\n{\"model\": \"m\", \"input\": 1}";
	static char ssl[16];
	const volatile unsigned char *code = (const volatile unsigned char *)&SSL_write_ex;

	for (int waited = 0; *code != 0xcc; waited++) {
		if (waited == 60000)
			return 2;
		usleep(1000);
	}
	return SSL_write(ssl, message, sizeof(message) - 1) != sizeof(message) - 1;
}
