#include <string.h>

#include "admin/verb.h"

static const struct verb verbs[] = {
	{ .name = "status", .args = "", .single = true,
	  .help = "how the daemon is and what it has done" },
	{ .name = "list", .args = "[USER]", .max = 1,
	  .help = "subscriptions, of one account or of all" },
	{ .name = "show", .args = "USER ID", .min = 2, .max = 2, .single = true,
	  .help = "all that is known of one subscription" },
	{ .name = "test", .args = "USER", .min = 1, .max = 1,
	  .help = "push to every device of an account and say what came of it" },
	{ .name = "account", .args = "USER [--content envelope|sync|site]", .min = 1, .max = 1,
	  .single = true, .help = "its own settings; --content changes what its pushes hold" },
	{ .name = "remove", .args = "USER ID", .min = 2, .max = 2,
	  .question = "Remove this subscription? Its device gets no more pushes",
	  .help = "remove one subscription" },
	{ .name = "revoke", .args = "USER", .min = 1, .max = 1,
	  .question = "Remove all subscriptions of this account? Its devices get no more pushes",
	  .help = "remove all subscriptions of an account" },
};

#define N_VERBS	(sizeof(verbs) / sizeof(verbs[0]))

const struct verb *
verb_find(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

void
verb_print_all(FILE *out)
{
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(out, "  %s %s\n        %s\n", verbs[i].name, verbs[i].args, verbs[i].help);
}
