/*
 *	reply	*( code "-" text CRLF ) code [ SP text ] CRLF
 *
 * A bare LF is taken as a line end, too: the reply goes to the front octet for octet, as it would
 * have without us.
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "lib/wire.h"
#include "lmtp/reply.h"

/* The line at p, len octets without its line end and *used with it.  1, or 0: not whole yet. */
static int
next_line(const char *p, size_t n, struct slice *line, size_t *used)
{
	const char *lf = n == 0 ? NULL : memchr(p, '\n', n);

	if (lf == NULL)
		return 0;
	*used = (size_t)(lf - p) + 1;
	line->p = p;
	line->len = *used - 1;
	if (line->len > 0 && p[line->len - 1] == '\r')
		line->len--;
	return 1;
}

/* The code of a line, or -1. */
static int
line_code(struct slice line)
{
	const char *p = line.p;

	if (line.len < 3 || p[0] < '2' || p[0] > '5' || !isdigit((unsigned char)p[1]) ||
	    !isdigit((unsigned char)p[2]))
		return -1;
	if (line.len > 3 && p[3] != ' ' && p[3] != '-')
		return -1;
	return (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
}

int
reply_parse(const uint8_t *octets, size_t n, struct reply *r)
{
	const char *p = (const char *)octets;
	struct slice line;
	size_t pos = 0, used;
	int code;

	r->code = 0;
	while (next_line(p + pos, n - pos, &line, &used)) {
		code = line_code(line);
		if (code < 0 || (r->code != 0 && code != r->code) || pos + used > REPLY_MAX)
			return -1;
		r->code = code;
		pos += used;
		if (line.len > 3 && line.p[3] == '-')
			continue;
		r->all = (struct slice){ p, pos };
		r->text = line.len > 4 ? (struct slice){ line.p + 4, line.len - 4 } : slice_of("");
		return 1;
	}
	return n >= REPLY_MAX ? -1 : 0;
}

struct slice
reply_token(const struct reply *r)
{
	static const char saved[] = " Saved";
	const size_t tail = sizeof(saved) - 1;
	struct slice token = r->text;
	const char *space;

	if (token.len <= tail || memcmp(token.p + token.len - tail, saved, tail) != 0)
		return SLICE_NIL;
	token.len -= tail;
	space = memrchr(token.p, ' ', token.len);
	if (space == NULL)
		return SLICE_NIL;
	token.len -= (size_t)(space + 1 - token.p);
	token.p = space + 1;
	if (token.len == 0 || token.len > WIRE_TOKEN_MAX || !utf8_valid(token))
		return SLICE_NIL;
	return token;
}

static bool
extension_passes(struct slice line)
{
	static const char *const passing[] = {
		"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE", "DSN", "SMTPUTF8"
	};
	const char *word = line.p + 4;
	size_t len = 0;

	if (line.len <= 4)
		return false;
	while (len < line.len - 4 && word[len] != ' ')
		len++;
	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++)
		if (strlen(passing[i]) == len && strncasecmp(passing[i], word, len) == 0)
			return true;
	return false;
}

static void
put_line(struct buf *out, struct slice line, char separator)
{
	buf_put(out, line.p, 3);
	buf_octet(out, (uint8_t)separator);
	if (line.len > 4)
		buf_put(out, line.p + 4, line.len - 4);
	buf_text(out, "\r\n");
}

/* Each line is written when the next that passes is known: the last one has another separator. */
void
reply_filter_lhlo(const struct reply *r, struct buf *out)
{
	struct slice line, kept = SLICE_NIL;
	size_t pos = 0, used;

	while (next_line(r->all.p + pos, r->all.len - pos, &line, &used)) {
		if (kept.p == NULL)
			kept = line;
		else if (extension_passes(line)) {
			put_line(out, kept, '-');
			kept = line;
		}
		pos += used;
	}
	if (kept.p != NULL)
		put_line(out, kept, ' ');
}
