/*
 * Any octets as a command of the front: the line, the verb and the recipient are what a model finds
 * that copies the line and looks at one octet after the other.
 */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "lmtp/command.h"
#include "tests/fuzz/fuzz.h"

static int
model_line(const uint8_t *p, size_t n, size_t *len, size_t *used)
{
	for (*used = 0; *used < n && p[*used] != '\n'; ++*used)
		;
	*len = *used;
	if (*len > 0 && p[*len - 1] == '\r')
		--*len;
	if (*len > COMMAND_MAX)
		return -1;
	return (*used)++ < n;
}

static enum verb
model_verb(const char *line, size_t len)
{
	static const char *const verbs[] = {
		"LHLO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "VRFY", "QUIT"
	};
	char word[5] = "";

	for (size_t i = 0; i < len; i++)
		if (line[i] == '\0' || line[i] == '\r')
			return VERB_MALFORMED;
	for (size_t i = 0; i < 5 && i < len; i++) {
		if (line[i] == ' ' || line[i] == '\t')
			break;
		if (i == 4)
			return VERB_OTHER;
		word[i] = line[i];
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcasecmp(word, verbs[i]) == 0)
			return (enum verb)i;
	return VERB_OTHER;
}

/* Behind the first '<', up to a '>' outside of quotes, without "@...:" in front. */
static struct slice
model_recipient(const char *line, size_t len)
{
	size_t start = 0, end, i;
	bool quoted = false;

	while (start < len && line[start] != '<')
		start++;
	if (start == len)
		return slice_of("");
	for (end = ++start; end < len; end++) {
		if (quoted && line[end] == '\\')
			end++;
		else if (line[end] == '"')
			quoted = !quoted;
		else if (!quoted && line[end] == '>')
			break;
	}
	if (end > len)
		end = len;
	for (i = start; start < end && line[start] == '@' && i < end; i++)
		if (line[i] == ':') {
			start = i + 1;
			break;
		}
	return (struct slice){ line + start, end - start };
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice line, recipient;
	size_t used = 0, want_len, want_used;
	int rc = model_line(data, size, &want_len, &want_used);

	must(command_line(data, size, &line, &used) == rc);
	if (rc != 1)
		return 0;
	must(line.p == (const char *)data && line.len == want_len && used == want_used);
	must(command_verb(line) == model_verb(line.p, line.len));
	recipient = command_recipient(line);
	must(slice_equal(recipient, model_recipient(line.p, line.len)));
	must(recipient.len == 0 ||
	    (recipient.p > line.p && recipient.p + recipient.len <= line.p + line.len));
	return 0;
}
