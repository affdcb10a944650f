/*
 * answer: a question to the daemon, and what becomes of its rows.
 */
#ifndef ADMIN_ANSWER_H
#define ADMIN_ANSWER_H

#include "admin/call.h"
#include "admin/request.h"

/* Asks, and prints the answer as the verb and --json say.  An exit code. */
int	answer_show(const struct call *call, const struct wire_request *question);

/*
 * Asks, and hands each row to take (0, or -1 where the row is malformed); what failed is said.  An exit
 * code; text, where it is not NULL, gets what the daemon has to say besides.
 */
int	answer_each(const struct config *c, const struct wire_request *question,
	    int (*take)(void *arg, const struct frame *row), void *arg, struct buf *text);

/* The end of an answer: the exit code in it, text as above; what is not done is said. */
int	answer_end(const struct frame *f, struct buf *text);
/* What the daemon has to say, line by line, fit for a terminal. */
void	answer_print(FILE *out, struct slice text);
/* After all output: an exit code. */
int	answer_flush(void);

#endif
