/* A few calls and files; built for 64 and for 32 bits. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	struct stat found;
	int file = open("/etc/hostname", O_RDONLY);

	return file < 0 || fstat(file, &found) || getuid() == 77 || write(1, "small\n", 6) != 6;
}
