/*
 * Nothing is judged here that the backend can judge: a line with a relayed verb goes to it as it is.
 */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "lmtp/command.h"

int
command_line(const uint8_t *p, size_t n, struct slice *line, size_t *used)
{
	const uint8_t *lf = n == 0 ? NULL : memchr(p, '\n', n);
	size_t len = lf == NULL ? n : (size_t)(lf - p);

	if (len > 0 && p[len - 1] == '\r')
		len--;
	if (len > COMMAND_MAX)
		return -1;
	if (lf == NULL)
		return 0;
	*line = (struct slice){ (const char *)p, len };
	*used = (size_t)(lf - p) + 1;
	return 1;
}

enum verb
command_verb(struct slice line)
{
	static const char verbs[][5] = {
		[VERB_LHLO] = "LHLO", [VERB_MAIL] = "MAIL", [VERB_RCPT] = "RCPT",
		[VERB_DATA] = "DATA", [VERB_RSET] = "RSET", [VERB_NOOP] = "NOOP",
		[VERB_VRFY] = "VRFY", [VERB_QUIT] = "QUIT"
	};

	if (memchr(line.p, '\r', line.len) != NULL || memchr(line.p, '\0', line.len) != NULL)
		return VERB_MALFORMED;
	if (line.len < 4 || (line.len > 4 && line.p[4] != ' ' && line.p[4] != '\t'))
		return VERB_OTHER;
	for (int v = 0; v < VERB_OTHER; v++)
		if (strncasecmp(line.p, verbs[v], 4) == 0)
			return (enum verb)v;
	return VERB_OTHER;
}

/* The octets up to the '>' that is not inside a quoted string; all of s where there is none. */
static size_t
path_length(struct slice s)
{
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && quoted)
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == '>' && !quoted)
			return i;
	}
	return s.len;
}

struct slice
command_recipient(struct slice line)
{
	const char *open = memchr(line.p, '<', line.len), *colon;
	struct slice path;

	if (open == NULL)
		return slice_of("");
	path.p = open + 1;
	path.len = (size_t)(line.p + line.len - path.p);
	path.len = path_length(path);
	if (path.len > 0 && path.p[0] == '@' && (colon = memchr(path.p, ':', path.len)) != NULL) {
		path.len -= (size_t)(colon + 1 - path.p);
		path.p = colon + 1;
	}
	return path;
}
