#include <string.h>

#include "admin/verb.h"

static const struct verb verbs[] = {
	{ .name = "status", .args = "", .single = true, .run = status_run,
	  .help = "how the daemon is and what it has done" },
	{ .name = "origins", .args = "",
	  .help = "the push services: what is under way, what waits, which are left alone" },
	{ .name = "programs", .args = "",
	  .help = "the hooks and modules that have introduced themselves, and their versions" },
	{ .name = "reach", .args = "",
	  .help = "try the way to each push service in use: DNS, connection, TLS, an answer" },
	{ .name = "list", .args = "[USER]", .max = 1,
	  .help = "subscriptions, of one account or of all" },
	{ .name = "show", .args = "USER ID", .min = 2, .max = 2, .single = true,
	  .help = "all that is known of one subscription" },
	{ .name = "test", .args = "USER [--force]", .min = 1, .max = 1, .options = CALL_FORCE,
	  .help = "push to every device of an account and say what came of it; --force: also in a pause" },
	{ .name = "account", .args = "USER [--content envelope|sync|site]", .min = 1, .max = 1,
	  .single = true, .options = CALL_CONTENT,
	  .help = "its own settings; --content changes what its pushes hold" },
	{ .name = "accounts", .args = "[--check]", .options = CALL_CHECK, .run = accounts_run,
	  .help = "accounts with subscriptions; --check revokes those that Dovecot does not know" },
	{ .name = "silence", .args = "USER ID SECONDS", .min = 3, .max = 3,
	  .help = "push nothing to a device for so long; 0 ends a silence" },
	{ .name = "add", .args = "USER ID FILE.json", .min = 3, .max = 3, .run = add_run,
	  .help = "add a browser's PushSubscription, which has to be acknowledged like any other" },
	{ .name = "remove", .args = "USER ID", .min = 2, .max = 2,
	  .question = "Remove this subscription? Its device gets no more pushes",
	  .help = "remove one subscription" },
	{ .name = "revoke", .args = "USER", .min = 1, .max = 1,
	  .question = "Remove all subscriptions of this account? Its devices get no more pushes",
	  .help = "remove all subscriptions of an account" },
	{ .name = "trace", .args = "QUEUEID|MESSAGE-ID", .min = 1, .max = 1,
	  .help = "what became of one message, and why" },
	{ .name = "preview", .args = "FILE.eml [--user USER]", .min = 1, .max = 1,
	  .options = CALL_USER, .run = preview_run,
	  .help = "the push that a message would become, without sending it" },
	{ .name = "queue list", .args = "[USER]", .max = 1,
	  .help = "what waits to be sent" },
	{ .name = "queue flush", .args = "[USER]", .max = 1,
	  .help = "try it now, whatever it waits for but a push service that asked for patience" },
	{ .name = "queue drop", .args = "USER|--all", .max = 1, .options = CALL_ALL,
	  .question = "Drop what waits to be sent? Its devices hear of new mail only with the next",
	  .help = "forget what waits" },
	{ .name = "stats", .args = "[--prometheus]", .options = CALL_PROMETHEUS, .run = stats_run,
	  .help = "counters, gauges and the lag, for people or for Prometheus" },
	{ .name = "export", .args = "> FILE", .run = export_run,
	  .help = "all subscriptions and settings as JSON Lines, with their secrets" },
	{ .name = "import", .args = "FILE", .min = 1, .max = 1, .run = import_run,
	  .help = "take in what export wrote; what is there already stays" },
	{ .name = "vapid list", .args = "",
	  .help = "the keys that pushes are signed by, and how many subscriptions use each" },
	{ .name = "vapid new", .args = "",
	  .help = "make a key that is not current" },
	{ .name = "vapid rotate", .args = "[KEY]", .max = 1,
	  .question = "Make another key current? Every device will have to subscribe anew",
	  .help = "make a key current, a new one where none is named, and tell all devices" },
	{ .name = "vapid retire", .args = "KEY [--force]", .min = 1, .max = 1, .options = CALL_FORCE,
	  .question = "Remove this key for good? Subscriptions that use it get no more pushes",
	  .help = "remove a key that nothing uses; --force makes inactive what does" },
	{ .name = "vapid import", .args = "FILE", .min = 1, .max = 1, .run = vapid_import,
	  .help = "add a private key in PEM, which is not current by that" },
	{ .name = "vapid export", .args = "[KEY]", .max = 1, .single = true, .raw = true,
	  .help = "print a private key in PEM, the current one where none is named" },
};

#define N_VERBS	(sizeof(verbs) / sizeof(verbs[0]))

/* How many words of the command line the name is; 0: it is another one. */
static int
matches(const char *name, int n, char *const *words)
{
	const char *space = strchr(name, ' ');
	size_t len = space == NULL ? strlen(name) : (size_t)(space - name);

	if (n < 1 || strlen(words[0]) != len || strncmp(words[0], name, len) != 0)
		return 0;
	if (space == NULL)
		return 1;
	return n > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

const struct verb *
verb_find(int n, char *const *words, int *used)
{
	for (size_t i = 0; i < N_VERBS; i++) {
		*used = matches(verbs[i].name, n, words);
		if (*used > 0)
			return &verbs[i];
	}
	return NULL;
}

void
verb_print_all(FILE *out)
{
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(out, "  %s %s\n        %s\n", verbs[i].name, verbs[i].args, verbs[i].help);
}
