/*
 * store_int: what the store's files share.  They alone know Berkeley DB.
 *
 * Layout: state_dir/lock (flock, with the holder's pid), state_dir/store/ the environment, one file
 * per database.  Regions are private (heap): no other process can hang us or be hung.  There is no
 * lock subsystem: one thread and one transaction at a time need none, and so there is no lock table
 * that a big transaction could exhaust.
 */
#ifndef DAEMON_STORE_INT_H
#define DAEMON_STORE_INT_H

#include <db.h>

#include "daemon/store.h"
#include "daemon/store_codec.h"

#define STORE_FORMAT	1

enum store_base { BASE_SUB, BASE_DELIVERY, BASE_OUTBOX, BASE_META, BASES };

/* Integers that are never given twice, reserved in the database in blocks. */
struct store_ids {
	const char	*name;
	uint64_t	 block;
	uint64_t	 next, limit;	/* next == limit: reserve */
	uint64_t	 before;	/* the limit before this group, to be restored by an abort */
};

/* How many records a database has; `kept` is what the database says, `now` what this group made of it. */
struct store_tally {
	const char	*name;
	int64_t		 kept, now;
};

struct store {
	char		*state_dir;
	int		 lock_fd;
	DB_ENV		*env;
	DB		*base[BASES];
	DB_TXN		*txn;		/* the open group */
	bool		 failed;	/* something in this group failed: it cannot be committed */
	bool		 broken;
	DBT		 key, value;	/* what was read last; memory owned here */
	struct buf	 out;		/* the value that is being written */
	struct store_ids numbers, sequences;
	struct store_tally subs;
	bool		 dirty;		/* commits since the last checkpoint */
	bool		 unwritten;	/* the last of them are in memory alone */
	int64_t		 checkpoint_ms;
	int64_t		 room_ms;	/* when the file system was last asked */
	bool		 full;		/* what it said */
	char		 said[256];	/* by Berkeley DB, since the last failure */
};

/*
 * The cache of a store whose files have so many octets, on a machine with so much memory.  A page that is
 * not in it costs a read and a checksum, several times a look-up.  A small store has the same small cache
 * whatever its size; a big one fits into it whole, if that is no more than an eighth of the memory.
 * What is read is kept until room is needed: memory grows with what is looked at, not with this number.
 */
int64_t	store_cache_octets(int64_t files, int64_t memory);

/* Notes what rc means for the store and makes err of it; returns -1. */
int	store_fail(struct store *s, int rc, const char *what, struct err *err);

/* Look-ups by key: 1, 0, -1.  What comes out is valid until the next call. */
int	store_record_get(struct store *s, enum store_base base, const struct store_key *key,
	    struct slice *value, struct err *err);
/* The first record with a key not before `from`. */
int	store_record_from(struct store *s, enum store_base base, const struct store_key *from,
	    struct slice *key, struct slice *value, struct err *err);
/* Writes s->out: 0 new, 1 replaced, -1; what a newer version wrote is not replaced. */
int	store_record_put(struct store *s, enum store_base base, const struct store_key *key,
	    struct err *err);
/* Zeros over the value, then erases it: 1, 0 not there, -1. */
int	store_record_erase(struct store *s, enum store_base base, const struct store_key *key,
	    struct err *err);

/* The store's own numbers; absent: 0. */
int	store_own_get(struct store *s, const char *name, int64_t *value, struct err *err);
int	store_own_put(struct store *s, const char *name, int64_t value, struct err *err);
int	store_ids_take(struct store *s, struct store_ids *ids, uint64_t *id, struct err *err);

#endif
