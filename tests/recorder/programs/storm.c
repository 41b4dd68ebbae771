/*
 * Containers faster than a real runtime makes them; built as `crun`. `crun COUNT AT_ONCE CGROUP BUNDLE...` runs COUNT of them, each of
 * the next bundle, never more than AT_ONCE together. For each it execs itself as `crun run --bundle BUNDLE ID`, which
 * makes the mount namespace and cgroup of a container and runs in it what the bundle's file `arguments` says. ID is
 * the container's number.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WORDS 64

static void join_cgroup(const char *folder)
{
	char path[512];
	int file;

	if (mkdir(folder, 0755))
		err(1, "mkdir %s", folder);
	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	file = open(path, O_WRONLY);
	if (file < 0 || write(file, "0", 1) != 1)
		err(1, "%s", path);
	close(file);
}

static void become_contained(const char *bundle)
{
	char *words[MAX_WORDS + 1] = {}, line[4096] = "", path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/arguments", bundle);
	file = fopen(path, "r");
	if (!file || !fgets(line, sizeof(line), file))
		err(1, "%s", path);
	fclose(file);
	for (int i = 0; i < MAX_WORDS && (words[i] = strtok(i ? NULL : line, " \n")); i++)
		;
	snprintf(path, sizeof(path), "%s/rootfs", bundle);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || chroot(path) || chdir("/srv"))
		err(1, "%s", path);
	execv(words[0], words);
	err(1, "%s", words[0]);
}

/* The runtime proper stays outside, as crun's does, and cleans up. */
static int run(const char *bundle, const char *id)
{
	char cgroup[512];
	int status = 1;
	pid_t child;

	snprintf(cgroup, sizeof(cgroup), "%s/%s", getenv("CGROUP"), id);
	child = fork();
	if (!child) {
		join_cgroup(cgroup);
		become_contained(bundle);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || rmdir(cgroup))
		err(1, "container %s", id);
	return status ? 1 : 0;
}

static int wait_one(void)
{
	int status;

	if (wait(&status) < 0)
		err(1, "wait");
	return status ? 1 : 0;
}

int main(int count, char **words)
{
	int failed = 0, running = 0, bundles = count - 4;

	if (!strcmp(words[1], "run"))
		return run(words[3], words[4]);
	setenv("CGROUP", words[3], 1);
	for (int made = 0; made < atoi(words[1]); made++, running++) {
		char id[16];

		if (running == atoi(words[2]))
			failed += wait_one(), running--;
		snprintf(id, sizeof(id), "%d", made);
		if (!fork()) {
			execl(words[0], "crun", "run", "--bundle", words[4 + made % bundles], id, NULL);
			err(1, "exec");
		}
	}
	while (running--)
		failed += wait_one();
	return failed ? 1 : 0;
}
