/*
 * abi: whether the Dovecot around us is one that this module was built for.
 */
#ifndef IMAP_ABI_H
#define IMAP_ABI_H

#include <stdbool.h>

/* Tests build with another one. */
#ifndef ABI_BUILT_FOR
# define ABI_BUILT_FOR	DOVECOT_ABI_VERSION
#endif

/*
 * True: go on.  False: one line in the log says what is wrong and what to do, and nothing of Dovecot's
 * may be called: its functions may have changed, or be gone.
 */
bool	abi_fits(void);

#endif
