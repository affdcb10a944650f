/*
 * modconf: the few settings that the Dovecot storage module needs, in run_dir/module, written by the
 * daemon (renamed into place), read by the module each time it connects.
 *
 *	hook = dovecot
 *	quiet_header = X-Spam-Flag: YES
 */
#ifndef LIB_MODCONF_H
#define LIB_MODCONF_H

#include <stdbool.h>

#include "lib/config.h"
#include "lib/err.h"
#include "lib/slice.h"

#define MODCONF_SIZE_MAX	8192	/* octets of the file; what is beyond is not read */
#define MODCONF_QUIET_MAX	32	/* rules that the module looks at */

struct modconf {
	bool		 hook_dovecot;	/* saved events carry content */
	const char	*quiet[MODCONF_QUIET_MAX];
	size_t		 n;
};

/*
 * Writes run_dir/module.  The rules go in with hook = dovecot alone, and are then bounded as above.
 */
int	modconf_write(const struct config *c, struct err *err);
/*
 * Reads the text (NUL-terminated, changed in place, to outlive m).  Lines it does not know are
 * skipped: an older module beside a newer daemon.  No allocation.
 */
void	modconf_parse(char *text, struct modconf *m);

#endif
