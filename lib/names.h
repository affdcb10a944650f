/*
 * names: whether the users and groups exist that mailbell.conf names.
 */
#ifndef LIB_NAMES_H
#define LIB_NAMES_H

#include "lib/config.h"
#include "lib/err.h"

/* Who asks: what it cannot do without. */
enum names_for { NAMES_STORE, NAMES_DAEMON, NAMES_HOOK };

/*
 * 0: all exist.  -1: one does not, err says which setting names it and what to do; a program ends with
 * EX_NOUSER then.  1: the same, but who runs this is neither root nor the program's own user, so that
 * it serves that user alone, and can do without.
 */
int	names_check(const struct config *c, enum names_for who, struct err *err);

#endif
