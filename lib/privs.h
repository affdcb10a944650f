/*
 * privs: becoming who the configuration says, for good.
 */
#ifndef LIB_PRIVS_H
#define LIB_PRIVS_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"

/* The ids of a name.  0, or -1: err says why (lib/names.h adds the setting and the remedy). */
int	privs_user(const char *name, uid_t *uid, gid_t *gid, struct err *err);
int	privs_group(const char *name, gid_t *gid, struct err *err);
/*
 * Whether this process is to run as user: as root, which becomes it, or because a service manager has
 * made it that user already.  Else it serves its own uid alone (to try things out).
 */
bool	privs_serves(const char *user);
/*
 * Makes sure of a folder of this mode that belongs to user; as another uid than root it is only made.
 * One that others use, too (/var/lib, /tmp), is refused, and stays as it was.
 */
int	privs_folder(const char *user, const char *path, mode_t mode, struct err *err);
/*
 * Whether a folder is closed to others.  1 (so is one that is not there); 0: they may look into it;
 * -1: they may write, or it cannot be looked at.  Unless it is 1, err says so, and the remedy.
 */
int	privs_closed(const char *path, struct err *err);
/*
 * As root: takes the ids of user (supplementary groups too), for good.  As another uid: does
 * nothing.  In both cases no_new_privs is set and core dumps are off afterwards.
 */
int	privs_drop(const char *user, struct err *err);

#endif
