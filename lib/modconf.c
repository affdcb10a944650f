/*
 * The reading half, which goes into the Dovecot module (modconf_write.c is the daemon's).
 *
 * A line counts only with its line end: what was cut at MODCONF_SIZE_MAX would otherwise be half a
 * rule, which matches more than the whole one.
 */
#include <string.h>

#include "lib/modconf.h"

/* The text between blanks, which is cut to it in place. */
static char *
trim(char *text)
{
	size_t n;

	text += strspn(text, " \t");
	n = strlen(text);
	while (n > 0 && strchr(" \t\r", text[n - 1]) != NULL)
		n--;
	text[n] = '\0';
	return text;
}

static void
take_line(char *line, struct modconf *m)
{
	char *value = strchr(line, '=');
	const char *key;

	if (value == NULL)
		return;
	*value++ = '\0';
	key = trim(line);
	value = trim(value);
	if (strcmp(key, "hook") == 0)
		m->hook_dovecot = strcmp(value, "dovecot") == 0;
	else if (strcmp(key, "quiet_header") == 0 && *value != '\0' && m->n < MODCONF_QUIET_MAX)
		m->quiet[m->n++] = value;
}

void
modconf_parse(char *text, struct modconf *m)
{
	char *end;

	memset(m, 0, sizeof(*m));
	for (; (end = strchr(text, '\n')) != NULL; text = end + 1) {
		*end = '\0';
		take_line(text, m);
	}
}
