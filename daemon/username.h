/*
 * username: the name of a uid, remembered for some minutes.
 *
 * The user database may be a directory on the network (NSS), and each question to it stops the one loop
 * of the daemon until it is answered.  With system_users = yes each connection of a Dovecot process
 * would ask it.  That a uid has no name is remembered, too, for a shorter time; that the database
 * could not tell is not.
 */
#ifndef DAEMON_USERNAME_H
#define DAEMON_USERNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/wire.h"

#define USERNAME_MAX		WIRE_USER_MAX
#define USERNAME_SLOTS		1024	/* uids share these by their remainder: the later one stays */
#define USERNAME_MS		(5 * 60 * 1000)
#define USERNAME_NONE_MS	(30 * 1000)

struct usernames {
	/* Writes the name of a uid: 1 found, 0 there is none, -1 the database cannot tell. */
	int	(*look)(uid_t uid, char *name, size_t size);
	struct username {
		uid_t	uid;
		int64_t	until_ms;	/* monotonic; 0: nothing is remembered here */
		char	name[USERNAME_MAX + 1];		/* "": it has none */
	} slot[USERNAME_SLOTS];
};

/* The usual `look`: getpwuid_r. */
int	username_look(uid_t uid, char *name, size_t size);

/* The name of a uid, valid until the next call; NULL where it has none, or nobody can tell. */
const char	*username_of(struct usernames *u, uid_t uid, int64_t now_ms);

#endif
