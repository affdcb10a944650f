/*
 * compat: the one place where Dovecot 2.3 and 2.4 differ for mailbell's modules.
 * Dovecot's own headers come first in every file of this folder, this one behind them.
 */
#ifndef IMAP_COMPAT_H
#define IMAP_COMPAT_H

#if DOVECOT_PREREQ(2, 4, 0)
# define compat_notify_unregister(ctx)	notify_unregister(ctx)
#else
# define compat_notify_unregister(ctx)	notify_unregister(*(ctx))
#endif

#endif
