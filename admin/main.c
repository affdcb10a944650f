/*
 * mailbell: the operator's tool, mailbell(8).  It holds no knowledge of the verbs' answers: the
 * daemon sends rows of named values, and this makes a table, lines or JSON of them.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/helper.h"
#include "admin/json.h"
#include "admin/request.h"
#include "admin/table.h"
#include "admin/verb.h"
#include "lib/config.h"
#include "lib/log.h"

#define FILE_MAX	8192	/* octets of a file that is sent */

struct options {
	const char	*config;
	const char	*content;	/* NULL: not given */
	bool		 json;
	bool		 yes;
	bool		 force;
};

/* Where rows go. */
struct display {
	const struct verb *verb;
	bool		 json;
	struct table	 table;
	struct json_out	 json_out;
};

static int
complain(int code, const char *text)
{
	fprintf(stderr, "mailbell: %s\n", text);
	return code;
}

static void
print_help(void)
{
	printf("usage: mailbell [-c FILE] [--json] [--yes] VERB [ARGUMENT ...]\n\n");
	verb_print_all(stdout);
	helper_print_all(stdout);
	printf("\n"
	    "  -c FILE     another configuration than %s\n"
	    "  --json      for programs: an array of objects, or one object\n"
	    "  --yes       do not ask before something is removed\n"
	    "  --force     vapid retire: also a key that subscriptions use\n"
	    "  --help, --version\n\n"
	    "Exit codes: 0 done, 64 usage, 65 and 66 the file, 67 no such account or subscription, 69\n"
	    "the daemon does not run, 73 the key was not written, 74 output failed, 75 try again later,\n"
	    "76 answer not understood, 77 no permission, 78 configuration.  mailbell(8) has more.\n",
	    CONFIG_PATH);
}

static int
usage(const char *why, const char *what)
{
	fprintf(stderr, "mailbell: %s%s\nTry 'mailbell --help'.\n", why, what);
	return EX_USAGE;
}

/* Asks only where somebody can answer; a script has made up its mind. */
static bool
agreed(const struct verb *verb, const struct options *o)
{
	char line[16];

	if (verb->question == NULL || o->yes || !isatty(STDIN_FILENO))
		return true;
	fprintf(stderr, "%s. [y/N] ", verb->question);
	return fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}

/* The values of a row alone. */
static int
print_raw(const struct frame *row)
{
	struct wire_value v;
	size_t pos = 0;
	int rc;

	while ((rc = wire_row_value(row, &pos, &v)) == 1)
		fwrite(v.text.p, 1, v.text.len, stdout);
	return rc;
}

static int
show_row(struct display *d, const struct frame *row)
{
	if (d->json)
		return json_out_row(&d->json_out, row);
	if (d->verb->raw)
		return print_raw(row);
	if (d->verb->single)
		return table_vertical(stdout, row);
	return table_row(&d->table, row);
}

/* What the daemon has to say besides rows, line by line. */
static void
print_text(FILE *out, struct slice text)
{
	struct buf b;
	size_t len;

	buf_init(&b, FRAME_MAX_ROW);
	for (; text.len > 0; text.p += len, text.len -= len) {
		const char *end = memchr(text.p, '\n', text.len);

		len = end == NULL ? text.len : (size_t)(end - text.p);
		log_clean_to(&b, (struct slice){ text.p, len });
		buf_octet(&b, '\n');
		len += end != NULL;
	}
	if (b.len > 0)
		fwrite(b.data, 1, b.len, out);
	buf_clear(&b);
}

static int
finish(struct display *d, const struct frame *f)
{
	struct wire_done done;

	if (wire_get_done(f, &done) < 0)
		return complain(EX_PROTOCOL, "the end of mailbelld's answer cannot be read");
	if (d->json && (done.exit_code == 0 || d->json_out.n > 0))
		json_out_end(&d->json_out);
	table_end(&d->table);
	if (done.exit_code != 0) {
		fflush(stdout);
		fputs("mailbell: ", stderr);
		print_text(stderr, done.text.len > 0 ? done.text :
		    slice_of("mailbelld could not do it"));
	} else if (!d->json)
		print_text(stdout, done.text);
	return (int)done.exit_code;
}

static int
show_answer(struct request *r, struct display *d)
{
	struct frame f;
	struct err err;
	int code;

	while ((code = request_next(r, &f, &err)) == 0 && f.type == WIRE_ROW)
		if (show_row(d, &f) < 0) {
			code = EX_PROTOCOL;
			err_set(&err, "a row of mailbelld's answer cannot be read");
			break;
		}
	if (code == 0)
		code = finish(d, &f);
	else {
		table_end(&d->table);
		complain(code, err.text);
	}
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0)
		code = complain(EX_IOERR, "the output could not be written");
	return code;
}

static int
run(const struct verb *verb, const struct options *o, const struct wire_request *question)
{
	struct display d = { .verb = verb, .json = o->json };
	struct request r;
	struct config c;
	struct err err;
	int code;

	if (config_load(o->config, &c, &err) < 0)
		return complain(EX_CONFIG, err.text);
	table_init(&d.table, stdout);
	d.json_out = (struct json_out){ .out = stdout, .array = !verb->single };
	code = request_open(&r, &c, question, &err);
	if (code == 0)
		code = show_answer(&r, &d);
	else
		complain(code, err.text);
	request_close(&r);
	config_clear(&c);
	return code;
}

/* The file's text, in place of its name.  0, or an exit code. */
static int
read_file(const char *path, struct buf *text)
{
	FILE *file = fopen(path, "r");
	uint8_t *room;
	size_t n = 0;

	if (file == NULL) {
		fprintf(stderr, "mailbell: %s: %s\n", path, strerror(errno));
		return EX_NOINPUT;
	}
	buf_init(text, FILE_MAX + 1);
	room = buf_room(text, FILE_MAX + 1);
	if (room != NULL)
		n = fread(room, 1, FILE_MAX + 1, file);
	text->len = n;
	fclose(file);
	if (n > 0 && n <= FILE_MAX)
		return 0;
	fprintf(stderr, "mailbell: %s: this is no key\n", path);
	return EX_DATAERR;
}

static int
run_file(const struct verb *verb, const struct options *o, struct wire_request *question,
    const char *path)
{
	struct buf text = { .data = NULL };
	int code = read_file(path, &text);

	question->args[0] = buf_all(&text);
	if (code == 0)
		code = run(verb, o, question);
	buf_wipe(&text);
	return code;
}

/* Whether the options belong to the verb; else 64, and it was said. */
static int
check_options(const struct verb *verb, const struct options *o)
{
	if (o->content != NULL && strcmp(verb->name, "account") != 0)
		return usage("--content belongs to the verb account", "");
	if (o->force && !verb->force)
		return usage("--force belongs to the verb vapid retire", "");
	return 0;
}

static int
dispatch(int argc, char **argv, const struct options *o)
{
	struct wire_request question = { .n = 0 };
	const struct verb *verb;
	int used;

	if (argc == 0)
		return usage("there is no verb", "");
	verb = verb_find(argc, argv, &used);
	if (verb == NULL)
		return usage("there is no verb ", argv[0]);
	if ((size_t)(argc - used) < verb->min || (size_t)(argc - used) > verb->max) {
		fprintf(stderr, "usage: mailbell %s %s\n", verb->name, verb->args);
		return EX_USAGE;
	}
	if (check_options(verb, o) != 0)
		return EX_USAGE;
	question.verb = slice_of(verb->name);
	for (int i = used; i < argc; i++)
		question.args[question.n++] = slice_of(argv[i]);
	if (o->content != NULL) {
		question.args[question.n++] = slice_of("content");
		question.args[question.n++] = slice_of(o->content);
	}
	if (o->force)
		question.args[question.n++] = slice_of("force");
	if (!agreed(verb, o))
		return complain(EX_USAGE, "nothing was done");
	if (verb->file)
		return run_file(verb, o, &question, argv[used]);
	return run(verb, o, &question);
}

int
main(int argc, char **argv)
{
	enum { OPT_JSON = 256, OPT_YES, OPT_CONTENT, OPT_FORCE, OPT_HELP, OPT_VERSION };
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "yes", no_argument, NULL, OPT_YES },
		{ "content", required_argument, NULL, OPT_CONTENT },
		{ "force", no_argument, NULL, OPT_FORCE },
		{ "help", no_argument, NULL, OPT_HELP },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ NULL, 0, NULL, 0 }
	};
	struct options o = { .config = CONFIG_PATH };
	int opt;

	helper_run(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	while ((opt = getopt_long(argc, argv, "c:", longs, NULL)) != -1)
		switch (opt) {
		case 'c':
			o.config = optarg;
			break;
		case OPT_JSON:
			o.json = true;
			break;
		case OPT_YES:
			o.yes = true;
			break;
		case OPT_CONTENT:
			o.content = optarg;
			break;
		case OPT_FORCE:
			o.force = true;
			break;
		case OPT_HELP:
			print_help();
			return 0;
		case OPT_VERSION:
			printf("mailbell %s\n", MAILBELL_VERSION);
			return 0;
		default:
			return usage("this is not how it is called", "");
		}
	return dispatch(argc - optind, argv + optind, &o);
}
