/*
 * The arguments of the five IMAP commands, by Dovecot's own parser.  The input is a list of arguments,
 * each an atom, a quoted string, a literal or NIL: what the module reads is what was written, as far
 * as it is an astring, and no copy of it stays in what Dovecot would log.  Where the first octet is
 * odd, the rest is the command line as it is, in pieces.
 */
#include "imap-common.h"
#include "imap-commands.h"
#include "imap-arg.h"
#include "imap-parser.h"
#include "istream.h"
#include "lib-event.h"

#include "imap/imap-args.h"
#include "lib/buf.h"
#include "tests/fuzz/fuzz.h"

#define LINE_MAX_OCTETS	8192

/* Debian's security releases gave Dovecot's function another argument (the Makefile looks). */
static struct imap_parser *
parser_create(struct istream *stream)
{
#ifdef IMAP_PARSER_PARAMS
	return imap_parser_create(stream, NULL, LINE_MAX_OCTETS, NULL);
#else
	return imap_parser_create(stream, NULL, LINE_MAX_OCTETS);
#endif
}

static char secret[] = "BTBZMqHH6r4Tts7J_aSIgg", secret_human[] = "BTBZMqHH6r4Tts7J_aSIgg";

/* What Dovecot does with a command's arguments, but for its log: its parser reads them. */
bool
client_read_args(struct client_command_context *cmd, unsigned int count, unsigned int flags,
    const struct imap_arg **args)
{
	int rc = imap_parser_read_args(cmd->parser, count, flags, args);

	if (rc < 0)
		return false;
	cmd->args = secret;
	cmd->human_args = secret_human;
	event_add_str(cmd->event, "cmd_args", secret);
	event_add_str(cmd->event, "cmd_human_args", secret);
	return true;
}

static bool
is_field_empty(struct event *event, const char *key)
{
	const struct event_field *field = event_find_field_nonrecursive(event, key);

	return field == NULL || field->value_type != EVENT_FIELD_VALUE_TYPE_STR ||
	    field->value.str == NULL || field->value.str[0] == '\0';
}

static void
check_wiped(const struct client_command_context *cmd)
{
	must(cmd->args[0] == '\0' && cmd->human_args[0] == '\0');
	must(is_field_empty(cmd->event, "cmd_args"));
	must(is_field_empty(cmd->event, "cmd_human_args"));
	for (size_t i = 0; i < sizeof(secret); i++)
		must(secret[i] == '\0' && secret_human[i] == '\0');
	memcpy(secret, "BTBZMqHH6r4Tts7J_aSIgg", sizeof(secret));
	memcpy(secret_human, secret, sizeof(secret));
}

static bool
is_run(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("(){\"\\", s.p[i]) != NULL)
			return false;
	return s.len > 0 && !(s.len == 3 && strncasecmp(s.p, "NIL", 3) == 0);
}

/* One argument, in the form that the input asks for and the octets allow; wanted is what it means. */
static void
put_arg(struct buf *line, struct input *in, struct slice *wanted)
{
	uint8_t form = input_octet(in) % 4;
	struct slice s = input_string(in);

	*wanted = SLICE_NIL;
	if (s.len > 0 && memchr(s.p, '\0', s.len) != NULL)
		form = 0;
	if (form == 1 && !is_run(s))
		form = 3;
	if (form == 2)
		for (size_t i = 0; i < s.len; i++)
			if (s.p[i] == '\r' || s.p[i] == '\n')
				form = 3;
	if (form == 0) {
		buf_text(line, "nIL");
		return;
	}
	*wanted = s;
	if (form == 1)
		buf_slice(line, s);
	else if (form == 3) {
		buf_printf(line, "{%zu+}\r\n", s.len);
		buf_slice(line, s);
	} else {
		buf_octet(line, '"');
		for (size_t i = 0; i < s.len; i++) {
			if (s.p[i] == '"' || s.p[i] == '\\')
				buf_octet(line, '\\');
			buf_octet(line, (uint8_t)s.p[i]);
		}
		buf_octet(line, '"');
	}
}

/* Reads what is there: 1 where the command is whole, 0 where more is needed, -1 where it is none. */
static int
read_line(const uint8_t *p, size_t n, struct wire_verb *verb)
{
	struct client_command_context cmd = { .parser = NULL };
	struct istream *stream = i_stream_create_from_data(p, n);
	const char *why;
	enum imap_parser_error fatal;
	int rc;

	cmd.parser = parser_create(stream);
	cmd.event = event_create(NULL);
	(void)i_stream_read(stream);
	rc = args_read(&cmd, verb) ? 1 : 0;
	if (rc == 1)
		check_wiped(&cmd);
	why = imap_parser_get_error(cmd.parser, &fatal);
	if (rc == 0 && why != NULL)
		rc = -1;
	/* The arguments live as long as the parser: whatever is read of them, is read here. */
	for (size_t i = 0; rc == 1 && i < verb->n && i < WIRE_ARGS_MAX; i++)
		must(verb->args[i].p == NULL || strlen(verb->args[i].p) == verb->args[i].len);
	event_unref(&cmd.event);
	imap_parser_unref(&cmd.parser);
	i_stream_unref(&stream);
	return rc;
}

static void
check_list(struct input *in)
{
	static uint8_t memory[LINE_MAX_OCTETS];
	struct client_command_context cmd = { .parser = NULL };
	struct slice wanted[WIRE_ARGS_MAX + 4];
	struct wire_verb verb;
	struct istream *stream;
	struct buf line;
	size_t n = 0;

	buf_fixed(&line, memory, sizeof(memory));
	while (in->n > 0 && n < WIRE_ARGS_MAX + 4) {
		if (n > 0)
			buf_octet(&line, ' ');
		put_arg(&line, in, &wanted[n++]);
	}
	buf_text(&line, "\r\n");
	if (line.failed)
		return;
	stream = i_stream_create_from_data(line.data, line.len);
	cmd.parser = parser_create(stream);
	cmd.event = event_create(NULL);
	(void)i_stream_read(stream);
	must(args_read(&cmd, &verb) && !verb.malformed && verb.n == n);
	check_wiped(&cmd);
	for (size_t i = 0; i < n && i < WIRE_ARGS_MAX; i++)
		must((verb.args[i].p == NULL) == (wanted[i].p == NULL) &&
		    slice_equal(verb.args[i], wanted[i]));
	event_unref(&cmd.event);
	imap_parser_unref(&cmd.parser);
	i_stream_unref(&stream);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct wire_verb verb;

	if (!lib_is_initialized())
		lib_init();
	T_BEGIN {
		if (input_octet(&in) % 2 == 0)
			check_list(&in);
		else
			for (size_t n = 0; n <= in.n; n += 1 + in.n / 8)
				(void)read_line(in.p, n, &verb);
	} T_END;
	return 0;
}
