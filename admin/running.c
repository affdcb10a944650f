/*
 * While mailbelld runs it holds a lock in state_dir.  The kernel is asked who holds it: to try the lock
 * would take it, and a daemon that starts at that moment would find it taken.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "admin/running.h"

#define LOCKS	"/proc/locks"

/* "3: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF": of the inode 5678, held by the process 1234. */
static bool
is_lock_of(const char *line, ino_t inode, long *pid)
{
	unsigned long long found;

	return sscanf(line, "%*d: FLOCK %*s %*s %ld %*x:%*x:%llu", pid, &found) == 2 && found == inode;
}

/* 1: held by *pid (0 where that is another container's).  0: by nobody.  -1: that is not to be known. */
static int
lock_holder(const struct config *c, long *pid)
{
	char path[PATH_MAX], line[256];
	struct stat st;
	FILE *locks;
	bool held = false;

	snprintf(path, sizeof(path), "%s/lock", c->state_dir);
	if (stat(path, &st) < 0 || (locks = fopen(LOCKS, "re")) == NULL)
		return -1;
	while (!held && fgets(line, sizeof(line), locks) != NULL)
		held = is_lock_of(line, st.st_ino, pid);
	fclose(locks);
	return held;
}

int
running_tell(const char *path, const struct config *c, struct err *err)
{
	long pid = 0;

	switch (lock_holder(c, &pid)) {
	case 1:
		return err_set(err, "mailbelld runs (pid %ld), but nothing listens on %s: "
		    "its socket was removed, or it only starts; if this stays, restart it "
		    "(systemctl restart mailbelld)", pid, path);
	case 0:
		return err_set(err, "mailbelld does not run, nothing listens on %s: start it "
		    "(systemctl start mailbelld), or see its log", path);
	default:
		return err_set(err, "nothing listens on %s; whether mailbelld runs is not known, its lock "
		    "in %s cannot be seen: restart it (systemctl restart mailbelld), or see its log",
		    path, c->state_dir);
	}
}
