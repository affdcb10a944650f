#include <signal.h>
#include <stddef.h>

#include "lib/hangup.h"

void
hangup_hold(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}
