#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/progress.h"
#include "lib/clock.h"

#define EVERY_MS	200
#define EVERY_STEPS	64	/* the clock is not asked more often */

void
progress_begin(struct progress *p, const char *what, uint64_t total, bool out_busy)
{
	*p = (struct progress){
		.what = what, .total = total, .shown_ms = clock_mono_ms(),
		.wanted = isatty(STDERR_FILENO) && !(out_busy && isatty(STDOUT_FILENO)),
	};
}

void
progress_step(struct progress *p)
{
	int64_t now_ms;

	p->n++;
	if (!p->wanted || (p->total == 0 && p->n % EVERY_STEPS != 0))
		return;
	now_ms = clock_mono_ms();
	if (now_ms - p->shown_ms < EVERY_MS)
		return;
	p->shown_ms = now_ms;
	p->shown = true;
	if (p->total > 0)
		fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " %s", p->n, p->total, p->what);
	else
		fprintf(stderr, "\r%" PRIu64 " %s", p->n, p->what);
}

void
progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
