/* Calls a function of OpenSSL's name, as a client with a library of its own does. */
__attribute__((noipa)) int SSL_write(void *ssl, const void *buffer, int bytes)
{
	__asm__ volatile("" : : "r"(ssl), "r"(buffer) : "memory");
	return bytes;
}

int main(void)
{
	static const char message[] = "POST / HTTP/1.1\r\n\r\n{\"model\": \"m\", \"input\": 1}";
	static char ssl[16];

	return SSL_write(ssl, message, sizeof(message) - 1) != sizeof(message) - 1;
}
