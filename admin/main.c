/*
 * mailbell: the operator's tool, mailbell(8).  It holds no knowledge of the verbs' answers: the
 * daemon sends rows of named values, and this makes a table, lines or JSON of them.
 */
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/answer.h"
#include "admin/helper.h"
#include "admin/verb.h"
#include "lib/config.h"
#include "lib/log.h"

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
	    "  --help, --version\n\n"
	    "Exit codes: 0 done, 64 usage, 65 and 66 the file, 67 no such account or subscription,\n"
	    "69 nothing listens for mailbell, 73 the key was not written, 74 output failed, 75 try\n"
	    "again later, 76 answer not understood, 77 no permission, 78 configuration.  mailbell(8)\n"
	    "has more.\n",
	    CONFIG_PATH);
}

static int
usage(const char *why, const char *what)
{
	fprintf(stderr, "mailbell: %s%s\nTry 'mailbell --help'.\n", why, what);
	return EX_USAGE;
}

static const struct {
	unsigned	 bit;
	const char	*name;
} own_options[] = {
	{ CALL_CONTENT, "--content" }, { CALL_FORCE, "--force" }, { CALL_USER, "--user" },
	{ CALL_CHECK, "--check" }, { CALL_ALL, "--all" }, { CALL_PROMETHEUS, "--prometheus" },
};

/* Whether the options belong to the verb; else 64, and it was said. */
static int
check_options(const struct verb *verb, const struct options *o)
{
	for (size_t i = 0; i < sizeof(own_options) / sizeof(own_options[0]); i++)
		if (o->given & ~verb->options & own_options[i].bit) {
			fprintf(stderr, "mailbell: %s does not belong to the verb %s\n", own_options[i].name,
			    verb->name);
			return EX_USAGE;
		}
	return 0;
}

/* What is dropped has to be named, or all of it be meant. */
static bool
says_what(const struct call *call)
{
	return !(call->verb->options & CALL_ALL) ||
	    (call->argc == 1) != ((call->options->given & CALL_ALL) != 0);
}

int
verb_ask(const struct call *call)
{
	struct wire_request question = { .verb = slice_of(call->verb->name) };

	for (int i = 0; i < call->argc; i++)
		question.args[question.n++] = slice_of(call->argv[i]);
	if (call->options->content != NULL) {
		question.args[question.n++] = slice_of("content");
		question.args[question.n++] = slice_of(call->options->content);
	}
	if (call->options->given & CALL_FORCE)
		question.args[question.n++] = slice_of("force");
	return answer_show(call, &question);
}

static int
run(struct call *call)
{
	const struct verb *verb = call->verb;
	struct config c;
	struct err err;
	int code;

	if (config_load(call->options->config, &c, &err) < 0)
		return call_complain(EX_CONFIG, "%s", err.text);
	call->config = &c;
	code = verb->run != NULL ? verb->run(call) : verb_ask(call);
	call->config = NULL;
	config_clear(&c);
	return code;
}

static int
dispatch(int argc, char **argv, const struct options *o)
{
	struct call call = { .options = o };
	int used;

	if (argc == 0)
		return usage("there is no verb", "");
	call.verb = verb_find(argc, argv, &used);
	if (call.verb == NULL)
		return usage("there is no verb ", argv[0]);
	call.argc = argc - used;
	call.argv = argv + used;
	if ((size_t)call.argc < call.verb->min || (size_t)call.argc > call.verb->max ||
	    !says_what(&call)) {
		fprintf(stderr, "usage: mailbell %s %s\n", call.verb->name, call.verb->args);
		return EX_USAGE;
	}
	if (check_options(call.verb, o) != 0)
		return EX_USAGE;
	if (call.verb->question != NULL && !call_agreed(o, call.verb->question))
		return call_complain(EX_USAGE, "nothing was done");
	return run(&call);
}

int
main(int argc, char **argv)
{
	enum {
		OPT_JSON = 256, OPT_YES, OPT_CONTENT, OPT_FORCE, OPT_USER, OPT_CHECK, OPT_ALL,
		OPT_PROMETHEUS, OPT_HELP, OPT_VERSION
	};
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "yes", no_argument, NULL, OPT_YES },
		{ "content", required_argument, NULL, OPT_CONTENT },
		{ "force", no_argument, NULL, OPT_FORCE },
		{ "user", required_argument, NULL, OPT_USER },
		{ "check", no_argument, NULL, OPT_CHECK },
		{ "all", no_argument, NULL, OPT_ALL },
		{ "prometheus", no_argument, NULL, OPT_PROMETHEUS },
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
			o.given |= CALL_CONTENT;
			break;
		case OPT_USER:
			o.user = optarg;
			o.given |= CALL_USER;
			break;
		case OPT_FORCE:
			o.given |= CALL_FORCE;
			break;
		case OPT_CHECK:
			o.given |= CALL_CHECK;
			break;
		case OPT_ALL:
			o.given |= CALL_ALL;
			break;
		case OPT_PROMETHEUS:
			o.given |= CALL_PROMETHEUS;
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
