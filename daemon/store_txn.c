/*
 * Groups of changes, and what makes them last.
 *
 * A commit writes the log without a sync: it survives the process.  store_commit_later leaves it in the
 * engine's memory, for the next commit or store_write to write.  store_flush syncs the log: then all
 * commits before it survive a power cut.  A group in which anything failed is aborted; the
 * numbers kept in memory go back to what the database says.
 *
 * A commit that finds no room for the next file of the log is the end of the environment for this
 * process.  So no group begins where the file system is all but full.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "daemon/store_int.h"
#include "lib/clock.h"

#define CHECKPOINT_MS	60000
#define CHECKPOINT_OCTETS	(16 * 1024 * 1024)

/* What is to be left: two files of the log, and what a checkpoint writes. */
#define ROOM_OCTETS	(12 * 1024 * 1024)
#define ROOM_FILES	4
#define ROOM_LOOK_MS	100

/* Recovery on a full disk says only that it failed; the reason is in what the engine said before. */
static int
real_reason(const struct store *s, int rc)
{
	return rc == DB_RUNRECOVERY && strstr(s->said, strerror(ENOSPC)) != NULL ? ENOSPC : rc;
}

static const char *
remedy(int reason)
{
	switch (reason) {
	case ENOSPC:
	case EDQUOT:
		return ": free space in state_dir, nothing else is needed";
	case EACCES:
	case EPERM:
	case EROFS:
		return ": state_dir must be writable for, and owned by, the user of mailbelld";
	case DB_RUNRECOVERY:
		return ": start mailbelld again, recovery runs at its start; if that does not help, move "
		    "state_dir/store away, run mailbelld --init, import an export";
	default:
		return "";
	}
}

int
store_fail(struct store *s, int rc, const char *what, struct err *err)
{
	if (rc == DB_RUNRECOVERY)
		s->broken = true;
	if (s->txn != NULL)
		s->failed = true;
	err_set(err, "store: %s: %s%s%s%s%s", what, db_strerror(rc), s->said[0] == '\0' ? "" : " (",
	    s->said, s->said[0] == '\0' ? "" : ")", remedy(real_reason(s, rc)));
	s->said[0] = '\0';
	return -1;
}

/* File systems that do not count their files say 0 of 0. */
static bool
has_room(struct store *s)
{
	int64_t now_ms = clock_mono_ms();
	struct statvfs fs;

	if (s->room_ms != 0 && now_ms - s->room_ms < ROOM_LOOK_MS)
		return !s->full;
	s->room_ms = now_ms;
	s->full = statvfs(s->state_dir, &fs) == 0 &&
	    ((uint64_t)fs.f_bavail * fs.f_frsize < ROOM_OCTETS ||
	    (fs.f_files > 0 && fs.f_favail < ROOM_FILES));
	return !s->full;
}

int
store_begin(struct store *s, struct err *err)
{
	int rc;

	if (s->txn != NULL)
		return err_set(err, "store: a group is open already");
	if (!has_room(s))
		return err_set(err, "store: less than %d MiB or %d files are left for %s%s",
		    ROOM_OCTETS / (1024 * 1024), ROOM_FILES, s->state_dir, remedy(ENOSPC));
	if ((rc = s->env->txn_begin(s->env, NULL, &s->txn, 0)) != 0) {
		s->txn = NULL;
		return store_fail(s, rc, "begin", err);
	}
	s->failed = false;
	s->said[0] = '\0';
	s->numbers.before = s->numbers.limit;
	s->sequences.before = s->sequences.limit;
	return 0;
}

/* Memory follows the database after an abort; ids that were given out are not given again. */
static void
forget_group(struct store *s)
{
	struct store_ids *ids[] = { &s->numbers, &s->sequences };

	for (size_t i = 0; i < 2; i++)
		if (ids[i]->limit != ids[i]->before)
			ids[i]->limit = ids[i]->next;
	s->subs.now = s->subs.kept;
	s->txn = NULL;
	s->failed = false;
}

static int
write_tally(struct store *s, const struct store_tally *t, struct err *err)
{
	return t->now == t->kept ? 0 : store_own_put(s, t->name, t->now, err);
}

static int
commit(struct store *s, uint32_t how, struct err *err)
{
	int rc;

	if (s->txn == NULL)
		return err_set(err, "store: no group is open");
	if (s->failed) {
		store_abort(s);
		return err_set(err, "store: an earlier error in this group: nothing was committed");
	}
	if (write_tally(s, &s->subs, err) < 0) {
		store_abort(s);
		return -1;
	}
	/* A commit that fails has aborted. */
	if ((rc = s->txn->commit(s->txn, how)) != 0) {
		forget_group(s);
		return store_fail(s, rc, "commit", err);
	}
	s->txn = NULL;
	s->subs.kept = s->subs.now;
	s->dirty = true;
	s->unwritten = s->unwritten || how == DB_TXN_NOSYNC;
	return 0;
}

int
store_commit(struct store *s, struct err *err)
{
	return commit(s, DB_TXN_WRITE_NOSYNC, err);
}

int
store_commit_later(struct store *s, struct err *err)
{
	return commit(s, DB_TXN_NOSYNC, err);
}

void
store_abort(struct store *s)
{
	int rc;

	if (s->txn == NULL)
		return;
	rc = s->txn->abort(s->txn);
	forget_group(s);
	if (rc != 0)
		s->broken = true;	/* changes that cannot be taken back */
}

/* The engine writes without a sync at a commit alone; a group of nothing but a comment has one. */
int
store_write(struct store *s, struct err *err)
{
	DB_TXN *txn;
	int rc;

	if (!s->unwritten)
		return 0;
	if ((rc = s->env->txn_begin(s->env, NULL, &txn, 0)) != 0)
		return store_fail(s, rc, "write", err);
	if ((rc = s->env->log_printf(s->env, txn, "written")) != 0)
		txn->abort(txn);
	else
		rc = txn->commit(txn, DB_TXN_WRITE_NOSYNC);
	s->unwritten = rc != 0;
	return rc == 0 ? 0 : store_fail(s, rc, "write", err);
}

int
store_flush(struct store *s, struct err *err)
{
	int rc = s->env->log_flush(s->env, NULL);

	s->unwritten = s->unwritten && rc != 0;
	return rc == 0 ? 0 : store_fail(s, rc, "flush", err);
}

int
store_checkpoint(struct store *s, struct err *err)
{
	int rc = s->env->txn_checkpoint(s->env, 0, 0, 0);

	/* After a failure too: not again before its time. */
	s->checkpoint_ms = clock_mono_ms();
	if (rc != 0)
		return store_fail(s, rc, "checkpoint", err);
	s->dirty = false;
	return 0;
}

bool
store_checkpoint_due(const struct store *s)
{
	DB_LOG_STAT *stat;
	uint64_t octets;

	if (!s->dirty)
		return false;
	if (clock_mono_ms() - s->checkpoint_ms >= CHECKPOINT_MS)
		return true;
	if (s->env->log_stat(s->env, &stat, 0) != 0)
		return false;
	octets = (uint64_t)stat->st_wc_mbytes * 1024 * 1024 + stat->st_wc_bytes;
	free(stat);
	return octets >= CHECKPOINT_OCTETS;
}

bool
store_broken(const struct store *s)
{
	return s->broken;
}
