#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/privs.h"

int
privs_user(const char *name, uid_t *uid, gid_t *gid, struct err *err)
{
	char memory[16384];
	struct passwd pw, *found;
	int rc = getpwnam_r(name, &pw, memory, sizeof(memory), &found);

	if (rc != 0)
		return err_set(err, "user %s: %s", name, strerror(rc));
	if (found == NULL)
		return err_set(err, "there is no user '%s'", name);
	*uid = pw.pw_uid;
	*gid = pw.pw_gid;
	return 0;
}

int
privs_group(const char *name, gid_t *gid, struct err *err)
{
	char memory[65536];
	struct group gr, *found;
	int rc = getgrnam_r(name, &gr, memory, sizeof(memory), &found);

	if (rc != 0)
		return err_set(err, "group %s: %s", name, strerror(rc));
	if (found == NULL)
		return err_set(err, "there is no group '%s'", name);
	*gid = gr.gr_gid;
	return 0;
}

bool
privs_serves(const char *user)
{
	uid_t uid;
	gid_t gid;

	return geteuid() == 0 || (privs_user(user, &uid, &gid, NULL) == 0 && uid == geteuid());
}

static bool
is_ours(const char *name)
{
	static const char *const ours[] = { ".", "..", "store", "vapid", "lost+found" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return false;
}

/* Whether there are folders in it that we do not make. */
static bool
is_shared(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;
	bool found = false;

	if (dir == NULL)
		return true;
	while (!found && (entry = readdir(dir)) != NULL)
		found = !is_ours(entry->d_name) &&
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode);
	closedir(dir);
	return found;
}

int
privs_folder(const char *user, const char *path, mode_t mode, struct err *err)
{
	struct stat st;
	uid_t uid;
	gid_t gid;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_set(err, "%s: cannot make this folder: %s", path, strerror(errno));
	if (geteuid() != 0)
		return 0;
	if (privs_user(user, &uid, &gid, err) < 0)
		return -1;
	if (stat(path, &st) < 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(err, "%s is no folder", path);
	if ((st.st_mode & S_ISVTX) || ((st.st_uid != uid || uid == 0) && is_shared(path)))
		return err_set(err, "%s is used by others, too: name a folder for mailbell alone", path);
	if (chown(path, uid, gid) < 0 || chmod(path, mode) < 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	return 0;
}

int
privs_closed(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? 1 : err_set(err, "%s: %s", path, strerror(errno));
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return 1;
	err_set(err, "%s has mode %04o, others can get in: chmod 700 %s", path,
	    (unsigned)st.st_mode & 07777, path);
	return (st.st_mode & (S_IWGRP | S_IWOTH)) ? -1 : 0;
}

static int
become(const char *user, struct err *err)
{
	uid_t uid = 0;
	gid_t gid = 0;

	if (privs_user(user, &uid, &gid, err) < 0)
		return -1;
	if (uid == 0)
		return err_set(err, "user %s is root: name one without rights in mailbell.conf",
		    user);
	if (initgroups(user, gid) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return err_set(err, "cannot become user %s: %s", user, strerror(errno));
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
		return err_set(err, "the rights of root could not be given up for good");
	return 0;
}

int
privs_drop(const char *user, struct err *err)
{
	const struct rlimit none = { 0, 0 };

	if (geteuid() == 0 && become(user, err) < 0)
		return -1;
	/* The limit alone does not hold where cores are piped to a program. */
	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set(err, "core dumps cannot be turned off: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, "no_new_privs cannot be set: %s", strerror(errno));
	return 0;
}
