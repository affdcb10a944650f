/*
 * A file is complete or not there: it is written under another name, synchronized, and renamed, and
 * so is the link.  All names are relative to the folder's descriptor, so that the ring stays the same
 * whatever is moved around it.
 */
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/vapidfile.h"

#define SUFFIX		".pem"
#define NAME_LEN	(VAPID_ID_LEN + sizeof(SUFFIX) - 1)
#define CURRENT		"current"
#define NEW_KEY		".new-key"
#define NEW_CURRENT	".new-current"

static void
name_of(const char *id, char name[NAME_LEN + 1])
{
	snprintf(name, NAME_LEN + 1, "%.*s" SUFFIX, VAPID_ID_LEN, id);
}

/* Whether name is ID.pem; then id is filled. */
static bool
is_name(const char *name, char id[VAPID_ID_LEN + 1])
{
	if (strspn(name, "0123456789abcdef") != VAPID_ID_LEN ||
	    strcmp(name + VAPID_ID_LEN, SUFFIX) != 0)
		return false;
	memcpy(id, name, VAPID_ID_LEN);
	id[VAPID_ID_LEN] = '\0';
	return true;
}

static int
folder_of(const char *state_dir, char *path, size_t size, struct err *err)
{
	int n = snprintf(path, size, "%s/vapid", state_dir);

	return n >= 0 && (size_t)n < size ? 0 : err_set(err, "state_dir is too long");
}

int
vapidfile_make(const char *state_dir, struct err *err)
{
	char path[4096];

	if (folder_of(state_dir, path, sizeof(path), err) == -1)
		return -1;
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		return err_set(err, "%s: %s", path, strerror(errno));
	return 0;
}

int
vapidfile_open(const char *state_dir, struct err *err)
{
	char path[4096];
	int dir;

	if (folder_of(state_dir, path, sizeof(path), err) == -1)
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir != -1 ? dir : err_set(err, "%s: %s", path, strerror(errno));
}

/* Reads a file whole.  Its length, or -1. */
static ssize_t
read_file(int dir, const char *name, char *out, size_t max, struct err *err)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	if (fd == -1)
		return err_set(err, "%s", strerror(errno));
	if (fstat(fd, &st) == -1 || (n = read(fd, out, max)) == -1)
		err_set(err, "%s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		n = err_set(err, "not a file");
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		n = err_set(err, "others may read it: chmod 0400, and think about a new key");
	close(fd);
	return n;
}

struct vapidkey *
vapidfile_read(int dir, const char *id, struct err *err)
{
	char name[NAME_LEN + 1], pem[VAPID_PEM_MAX + 1];
	struct vapidkey *key = NULL;
	struct err why;
	ssize_t n;

	name_of(id, name);
	n = read_file(dir, name, pem, sizeof(pem), &why);
	if (n != -1)
		key = vapidkey_parse((struct slice){ pem, (size_t)n }, &why);
	explicit_bzero(pem, sizeof(pem));
	if (key != NULL && strcmp(id, vapidkey_id(key)) != 0) {
		err_set(&why, "this is the key %s: rename the file", vapidkey_id(key));
		vapidkey_free(key);
		key = NULL;
	}
	if (key == NULL)
		err_set(err, "vapid/%s: %.400s", name, why.text);
	return key;
}

/* Puts what was written under the temporary name in its place. */
static int
settle(int dir, const char *temporary, const char *name, struct err *err)
{
	if (renameat(dir, temporary, dir, name) == 0 && fsync(dir) == 0)
		return 0;
	return err_set(err, "vapid/%s: %s", name, strerror(errno));
}

static int
write_all(int fd, const struct buf *b)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(fd, b->data + at, b->len - at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		at += (size_t)n;
	}
	return fsync(fd);
}

static int
write_file(int dir, const char *name, const struct buf *content, struct err *err)
{
	int fd, rc;

	(void)unlinkat(dir, NEW_KEY, 0);	/* of a run that was interrupted */
	fd = openat(dir, NEW_KEY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (fd == -1)
		return err_set(err, "vapid/" NEW_KEY ": %s", strerror(errno));
	rc = write_all(fd, content);
	if (rc == -1)
		err_set(err, "vapid/" NEW_KEY ": %s", strerror(errno));
	if (close(fd) == -1 && rc == 0)
		rc = err_set(err, "vapid/" NEW_KEY ": %s", strerror(errno));
	if (rc == 0)
		rc = settle(dir, NEW_KEY, name, err);
	if (rc == -1)
		(void)unlinkat(dir, NEW_KEY, 0);
	return rc;
}

int
vapidfile_write(int dir, const struct vapidkey *key, struct err *err)
{
	char name[NAME_LEN + 1];
	struct buf pem;
	int rc;

	buf_init(&pem, VAPID_PEM_MAX);
	name_of(vapidkey_id(key), name);
	rc = vapidkey_pem(key, &pem, err);
	if (rc == 0)
		rc = write_file(dir, name, &pem, err);
	buf_wipe(&pem);
	return rc;
}

int
vapidfile_remove(int dir, const char *id, struct err *err)
{
	char name[NAME_LEN + 1];

	name_of(id, name);
	if ((unlinkat(dir, name, 0) == -1 && errno != ENOENT) || fsync(dir) == -1)
		return err_set(err, "vapid/%s: %s", name, strerror(errno));
	return 0;
}

int
vapidfile_current(int dir, char id[VAPID_ID_LEN + 1], struct err *err)
{
	char name[NAME_LEN + 2];
	ssize_t n = readlinkat(dir, CURRENT, name, sizeof(name) - 1);

	if (n == -1)
		return errno == ENOENT ? 0 : err_set(err, "vapid/" CURRENT ": %s", strerror(errno));
	name[n] = '\0';
	return is_name(name, id) ? 1 : err_set(err, "vapid/" CURRENT " does not name a key");
}

int
vapidfile_set_current(int dir, const char *id, struct err *err)
{
	char name[NAME_LEN + 1];

	name_of(id, name);
	(void)unlinkat(dir, NEW_CURRENT, 0);
	if (symlinkat(name, dir, NEW_CURRENT) == -1)
		return err_set(err, "vapid/" NEW_CURRENT ": %s", strerror(errno));
	return settle(dir, NEW_CURRENT, CURRENT, err);
}

int
vapidfile_next(int dir, const char *after, char id[VAPID_ID_LEN + 1], struct err *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	char start[VAPID_ID_LEN + 1], found[VAPID_ID_LEN + 1];
	const struct dirent *entry;
	int rc = 0;

	snprintf(start, sizeof(start), "%s", after);	/* it may be id itself */
	if (d == NULL) {
		err_set(err, "vapid: %s", strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((entry = readdir(d)) != NULL) {
		if (!is_name(entry->d_name, found) || strcmp(found, start) <= 0)
			continue;
		if (rc == 0 || strcmp(found, id) < 0)
			memcpy(id, found, sizeof(found));
		rc = 1;
	}
	closedir(d);
	return rc;
}
