/*
 * progress: a line on a terminal for work that takes long.
 */
#ifndef ADMIN_PROGRESS_H
#define ADMIN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char	*what;
	uint64_t	 total;		/* 0: nobody knows */
	uint64_t	 n;
	int64_t		 shown_ms;
	bool		 wanted, shown;
};

/* Only where stderr is a terminal, and out_busy (stdout is one, too, and gets rows) is not true. */
void	progress_begin(struct progress *p, const char *what, uint64_t total, bool out_busy);
void	progress_step(struct progress *p);
/* Takes the line away. */
void	progress_end(struct progress *p);

#endif
