/*
 * Clients write endpoints as they are, so an unquoted run may hold '%', '*' and ']', which Dovecot's
 * own rule for atoms refuses: it is told to let everything pass, and the rule is kept here.
 *
 * Dovecot keeps a command's arguments for its log (at the end of each command with mail_debug) and
 * for event exporters.  Endpoints, keys and tokens are wiped from there before anything else happens.
 */
#include "imap-common.h"
#include "imap-arg.h"
#include "imap-parser.h"
#include "lib-event.h"

#include <string.h>

#include "imap/imap-args.h"

static bool
is_run(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("(){\"\\", s.p[i]) != NULL)
			return false;
	return s.len > 0;
}

/*
 * false: no astring.  Of a literal with a NUL in it, which IMAP does not allow, Dovecot keeps what stands
 * before the NUL, but the length of the whole.
 */
static bool
read_arg(const struct imap_arg *arg, struct slice *out)
{
	const char *text;

	*out = SLICE_NIL;
	if (arg->type == IMAP_ARG_NIL)
		return true;
	if (!imap_arg_get_astring(arg, &text))
		return false;
	if (strlen(text) != arg->str_len)
		return false;
	*out = (struct slice){ text, arg->str_len };
	return arg->type != IMAP_ARG_ATOM || is_run(*out);
}

/* The octets are a string in a pool of Dovecot's that nothing else refers to. */
static void
wipe(const char *text)
{
	if (text != NULL)
		explicit_bzero((char *)(uintptr_t)text, strlen(text));
}

static void
wipe_field(struct event *event, const char *key)
{
	const struct event_field *field = event_find_field_nonrecursive(event, key);

	if (field == NULL)
		return;
	if (field->value_type == EVENT_FIELD_VALUE_TYPE_STR)
		wipe(field->value.str);
	event_field_clear(event, key);
}

static void
wipe_command(struct client_command_context *cmd)
{
	wipe(cmd->args);
	wipe(cmd->human_args);
	cmd->args = "";
	cmd->human_args = "";
	wipe_field(cmd->event, "cmd_args");
	wipe_field(cmd->event, "cmd_human_args");
}

bool
args_read(struct client_command_context *cmd, struct wire_verb *verb)
{
	const struct imap_arg *args;
	struct slice arg;

	if (!client_read_args(cmd, 0, IMAP_PARSE_FLAG_ATOM_ALLCHARS, &args))
		return false;
	wipe_command(cmd);
	verb->n = 0;
	verb->malformed = false;
	for (; !IMAP_ARG_IS_EOL(args); args++) {
		if (!read_arg(args, &arg)) {
			verb->malformed = true;
			arg = SLICE_NIL;
		}
		if (verb->n < WIRE_ARGS_MAX)
			verb->args[verb->n] = arg;
		verb->n++;
	}
	return true;
}
