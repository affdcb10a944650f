/*
 * Opening and closing.  A store is made beside its place and renamed into it, so that one is there
 * whole or not at all.  Every open runs recovery; with private regions it is the only way in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <dirent.h>

#include "daemon/store_int.h"
#include "lib/clock.h"

#define CACHE_MIN	(32 * 1024 * 1024)
#define CACHE_MAX	INT64_C(0xc0000000)
#define CACHE_SMALL	(128 * 1024 * 1024)	/* files up to here leave it at CACHE_MIN */
#define LOG_BUFFER	(1024 * 1024)
#define LOG_FILE	(4 * 1024 * 1024)	/* small ones go sooner after a checkpoint */
#define PAGE		4096
#define NUMBER_BLOCK	64
#define SEQUENCE_BLOCK	4096

static const char *const base_names[BASES] = { "subscription", "delivery", "outbox", "meta" };

static void
collect(const DB_ENV *env, const char *prefix, const char *message)
{
	struct store *s = env->app_private;

	/* The first is the cause, what follows are consequences. */
	(void)prefix;
	if (s->said[0] == '\0')
		snprintf(s->said, sizeof(s->said), "%s", message);
}

static void
mute(const DB_ENV *env, const char *message)
{
	(void)env;
	(void)message;
}

static struct store *
store_new(const char *state_dir)
{
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->state_dir = strdup(state_dir)) == NULL)
		abort();
	s->lock_fd = -1;
	s->key.flags = s->value.flags = DB_DBT_REALLOC;
	s->numbers = (struct store_ids){ .name = "number", .block = NUMBER_BLOCK };
	s->sequences = (struct store_ids){ .name = "sequence", .block = SEQUENCE_BLOCK };
	s->subs.name = "subscriptions";
	buf_init(&s->out, STORE_VALUE_MAX);
	return s;
}

static void
path_of(char out[PATH_MAX], const char *state_dir, const char *name)
{
	snprintf(out, PATH_MAX, "%s/%s", state_dir, name);
}

/* The process that holds the lock wrote its pid there. */
static long
lock_holder(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

static int
lock_take(struct store *s, struct err *err)
{
	char path[PATH_MAX], text[32];
	int fd, n;

	path_of(path, s->state_dir, "lock");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return store_fail(s, errno, path, err);
	s->lock_fd = fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return store_fail(s, errno, path, err);
		return err_set(err, "store: another mailbelld (pid %ld) uses %s: stop it first",
		    lock_holder(fd), s->state_dir);
	}
	/* The pid is for the message above only; on a full disk it stays away. */
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < 0)
		return 0;
	return 0;
}

int64_t
store_cache_octets(int64_t files, int64_t memory)
{
	int64_t octets = files + files / 4;	/* a page and what is kept of it */

	if (octets > memory / 8)
		octets = memory / 8;
	if (files <= CACHE_SMALL || octets < CACHE_MIN)
		return CACHE_MIN;
	return octets < CACHE_MAX ? octets : CACHE_MAX;
}

/* Of all databases in a folder; one that is not there yet has none. */
static int64_t
files_octets(const char *folder)
{
	char path[PATH_MAX];
	struct stat st;
	int64_t octets = 0;

	for (int i = 0; i < BASES; i++)
		if (snprintf(path, sizeof(path), "%s/%s.db", folder, base_names[i]) < PATH_MAX &&
		    stat(path, &st) == 0)
			octets += st.st_size;
	return octets;
}

static int
cache_set(DB_ENV *env, const char *folder)
{
	int64_t octets = store_cache_octets(files_octets(folder),
	    (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));

	return env->set_cachesize(env, (uint32_t)(octets >> 30),
	    (uint32_t)(octets & ((INT64_C(1) << 30) - 1)), 1);
}

static int
env_open(struct store *s, const char *path, struct err *err)
{
	DB_ENV *env;
	int rc;

	if ((rc = db_env_create(&env, 0)) != 0)
		return store_fail(s, rc, "environment", err);
	s->env = env;
	env->app_private = s;
	env->set_errfile(env, NULL);
	env->set_errcall(env, collect);
	env->set_msgcall(env, mute);
	if ((rc = cache_set(env, path)) != 0 ||
	    (rc = env->set_lg_bsize(env, LOG_BUFFER)) != 0 ||
	    (rc = env->set_lg_max(env, LOG_FILE)) != 0 ||
	    (rc = env->log_set_config(env, DB_LOG_AUTO_REMOVE, 1)) != 0)
		return store_fail(s, rc, "settings", err);
	rc = env->open(env, path, DB_CREATE | DB_RECOVER | DB_PRIVATE | DB_INIT_MPOOL | DB_INIT_LOG |
	    DB_INIT_TXN, 0600);
	return rc == 0 ? 0 : store_fail(s, rc, "recovery", err);
}

static int
bases_open(struct store *s, uint32_t create, struct err *err)
{
	char file[32];
	DB *db;
	int rc;

	for (int i = 0; i < BASES; i++) {
		if ((rc = db_create(&db, s->env, 0)) != 0)
			return store_fail(s, rc, base_names[i], err);
		s->base[i] = db;
		snprintf(file, sizeof(file), "%s.db", base_names[i]);
		if ((rc = db->set_pagesize(db, PAGE)) != 0 || (rc = db->set_flags(db, DB_CHKSUM)) != 0 ||
		    (rc = db->open(db, NULL, file, NULL, DB_BTREE, create | DB_AUTO_COMMIT, 0600)) != 0)
			return store_fail(s, rc, file, err);
	}
	s->checkpoint_ms = clock_mono_ms();
	return 0;
}

static int
format_check(struct store *s, struct err *err)
{
	int64_t format;

	if (store_own_get(s, "format", &format, err) < 0)
		return -1;
	if (format == 0)
		return err_set(err, "store: %s/store is no store of mailbell", s->state_dir);
	if (format > STORE_FORMAT)
		return err_set(err, "store: %s/store has format %lld, this mailbelld knows %d: "
		    "install the newer one again, or import an export", s->state_dir,
		    (long long)format, STORE_FORMAT);
	if (store_own_get(s, s->subs.name, &s->subs.kept, err) < 0)
		return -1;
	s->subs.now = s->subs.kept;
	s->said[0] = '\0';
	return 0;
}

struct store *
store_open(const char *state_dir, struct err *err)
{
	struct store *s = store_new(state_dir);
	char path[PATH_MAX], meta[PATH_MAX];

	path_of(path, state_dir, "store");
	path_of(meta, state_dir, "store/meta.db");
	if (access(meta, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		err_set(err, "store: there is none in %s: run mailbelld --init", state_dir);
		goto fail;
	}
	if (lock_take(s, err) < 0 || env_open(s, path, err) < 0 || bases_open(s, 0, err) < 0 ||
	    format_check(s, err) < 0)
		goto fail;
	return s;
fail:
	store_close(s);
	return NULL;
}

static void
env_close(struct store *s)
{
	store_abort(s);
	if (s->dirty)
		store_checkpoint(s, NULL);
	for (int i = 0; i < BASES; i++)
		if (s->base[i] != NULL)
			s->base[i]->close(s->base[i], DB_NOSYNC);
	memset(s->base, 0, sizeof(s->base));
	if (s->env != NULL)
		s->env->close(s->env, 0);
	s->env = NULL;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	env_close(s);
	if (s->value.data != NULL)
		explicit_bzero(s->value.data, s->value.size);
	free(s->key.data);
	free(s->value.data);
	buf_wipe(&s->out);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->state_dir);
	free(s);
}

/* What an interrupted store_init left. */
static int
remove_half(struct store *s, const char *path, struct err *err)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (dir == NULL)
		return errno == ENOENT ? 0 : store_fail(s, errno, path, err);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	return rmdir(path) == 0 ? 0 : store_fail(s, errno, path, err);
}

static int
make_folder(struct store *s, const char *path, struct err *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return store_fail(s, errno, path, err);
	return 0;
}

static int
sync_folder(struct store *s, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return store_fail(s, errno, path, err);
	rc = fsync(fd);
	close(fd);
	return rc == 0 ? 0 : store_fail(s, errno, path, err);
}

/* An empty store in folder, closed again. */
static int
fill_folder(struct store *s, const char *folder, struct err *err)
{
	if (env_open(s, folder, err) < 0 || bases_open(s, DB_CREATE, err) < 0 ||
	    store_begin(s, err) < 0)
		return -1;
	if (store_own_put(s, "format", STORE_FORMAT, err) < 0 || store_commit(s, err) < 0)
		return -1;
	return store_checkpoint(s, err);
}

int
store_init(const char *state_dir, struct err *err)
{
	struct store *s = store_new(state_dir);
	char path[PATH_MAX], half[PATH_MAX];
	int rc = -1;

	path_of(path, state_dir, "store");
	path_of(half, state_dir, "store.new");
	if (make_folder(s, state_dir, err) < 0 || lock_take(s, err) < 0)
		goto out;
	if (access(path, F_OK) == 0) {
		err_set(err, "store: %s is there already; nothing was changed", path);
		goto out;
	}
	if (remove_half(s, half, err) < 0 || make_folder(s, half, err) < 0)
		goto out;
	if (fill_folder(s, half, err) < 0)
		goto out;
	env_close(s);
	if (rename(half, path) < 0) {
		store_fail(s, errno, path, err);
		goto out;
	}
	rc = sync_folder(s, state_dir, err);
out:
	store_close(s);
	return rc;
}
