#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lmtp/kept.h"

void
kept_write(const struct kept *k, pid_t self, struct buf *out)
{
	buf_printf(out, "%ld", (long)self);
	for (size_t i = 0; i < k->n_listeners; i++)
		buf_printf(out, " L%d", k->listener[i]);
	for (size_t i = 0; i < k->n_workers; i++)
		buf_printf(out, " W%ld", (long)k->worker[i]);
	buf_octet(out, '\0');
}

/* A number from 1 on, behind which *text is then.  0: there is none. */
static int
take_number(const char **text)
{
	char *end;
	long n = strtol(*text, &end, 10);

	if (end == *text || n <= 0 || n > INT_MAX)
		return 0;
	*text = end;
	return (int)n;
}

/* One of " L3" and " W101".  0, or -1. */
static int
take_item(const char **text, struct kept *k)
{
	char what;
	int n;

	if (**text != ' ')
		return -1;
	what = *++*text;
	if (what != '\0')
		++*text;
	n = take_number(text);
	if (n == 0)
		return -1;
	if (what == 'L' && k->n_listeners < KEPT_LISTENERS_MAX)
		k->listener[k->n_listeners++] = n;
	else if (what == 'W' && k->n_workers < KEPT_WORKERS_MAX)
		k->worker[k->n_workers++] = n;
	else
		return -1;
	return 0;
}

int
kept_parse(const char *text, pid_t self, struct kept *k)
{
	memset(k, 0, sizeof(*k));
	if (text == NULL || take_number(&text) != self)
		return 0;
	while (*text != '\0') {
		if (take_item(&text, k) < 0) {
			memset(k, 0, sizeof(*k));
			return 0;
		}
	}
	return 1;
}
