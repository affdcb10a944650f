/*
 * vapidfile: the folder of VAPID keys on the disk: ID.pem (0400) for each key, and the symbolic link
 * `current`.  What a function has written is on the disk when it returns 0.
 */
#ifndef DAEMON_VAPIDFILE_H
#define DAEMON_VAPIDFILE_H

#include "daemon/vapidkey.h"
#include "lib/err.h"

/* Makes state_dir/vapid (0700) where it is not there. */
int	vapidfile_make(const char *state_dir, struct err *err);
/* A descriptor of state_dir/vapid, or -1. */
int	vapidfile_open(const char *state_dir, struct err *err);

/*
 * The key in ID.pem; NULL where the file cannot be used: others may read it, it is no key, or it is
 * another key than its name says.
 */
struct vapidkey	*vapidfile_read(int dir, const char *id, struct err *err);
int	vapidfile_write(int dir, const struct vapidkey *key, struct err *err);
/* It is no error where there is no such file. */
int	vapidfile_remove(int dir, const char *id, struct err *err);

/* The key that is named current.  1; 0: none is; -1. */
int	vapidfile_current(int dir, char id[VAPID_ID_LEN + 1], struct err *err);
int	vapidfile_set_current(int dir, const char *id, struct err *err);

/* The id after `after` in the order of ids ("": the first) that a file is named by.  1, 0 or -1. */
int	vapidfile_next(int dir, const char *after, char id[VAPID_ID_LEN + 1], struct err *err);

#endif
