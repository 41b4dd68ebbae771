/*
 * Calls a function of OpenSSL's name, as a client with a library of its own does, once somebody looks at it.
 *
 * A probe is a breakpoint in the code (int3 on x86), which stands there before the program behind it is asked. So it
 * waits for the one of the function that the recorder attaches last. ASK is the function that it calls.
 */
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#ifndef ASK
#define ASK(ssl, message, bytes) SSL_write(ssl, message, bytes)
#endif

__attribute__((noipa)) int SSL_write(void *ssl, const void *buffer, int bytes)
{
	__asm__ volatile("" : : "r"(ssl), "r"(buffer) : "memory");
	return bytes;
}

__attribute__((noipa)) int SSL_write_ex2(void *ssl, const void *buffer, size_t bytes, uint64_t flags, size_t *written)
{
	__asm__ volatile("" : : "r"(ssl), "r"(buffer), "r"(&flags) : "memory");
	*written = bytes;
	return 1;
}

/* As in OpenSSL 3.3; it may be a call or a jump, as the compiler likes. */
__attribute__((noipa)) int SSL_write_ex(void *ssl, const void *buffer, size_t bytes, size_t *written)
{
	return SSL_write_ex2(ssl, buffer, bytes, 0, written);
}

__attribute__((noipa)) long SSL_sendfile(void *ssl, int file, long offset, size_t bytes, int flags)
{
	__asm__ volatile("" : : "r"(ssl), "r"(file), "r"(offset), "r"(flags) : "memory");
	return bytes;
}

/* The last one that is looked at. */
__attribute__((noipa)) void SSL_free(void *ssl)
{
	__asm__ volatile("" : : "r"(ssl) : "memory");
}

int main(void)
{
	static const char message[] = "POST / HTTP/1.1\r\n\r\n{\"model\": \"m\", \"input\": 1}";
	static char ssl[16];
	size_t written;
	const volatile unsigned char *code = (const volatile unsigned char *)&SSL_free;

	for (int waited = 0; *code != 0xcc; waited++) {
		if (waited == 60000)
			return 2;
		usleep(1000);
	}
	(void)written;
	if (ASK(ssl, message, sizeof(message) - 1) <= 0)
		return 1;
	SSL_free(ssl);
	return 0;
}
