/*
 * accounts --check: Dovecot is asked for each account that has subscriptions, and those that it does not
 * know are revoked, so that who gets the name later inherits no device.
 *
 * Only Dovecot's plain "there is no such user" counts.  Whatever else goes wrong ends the check with
 * nothing done; and so does an answer that too many are gone, which is what a broken userdb says.
 */
#include <jansson.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/answer.h"
#include "admin/progress.h"
#include "admin/verb.h"
#include "lib/log.h"

#define TOGETHER	50	/* accounts that doveadm is asked for at once */
#define FEW		10	/* gone ones that are believed, whatever share they are */

extern char **environ;

struct names {
	char	**v;
	size_t	  n, cap;
};

static void
names_add(struct names *all, struct slice name)
{
	if (all->n == all->cap) {
		all->cap = all->cap == 0 ? 64 : 2 * all->cap;
		all->v = realloc(all->v, all->cap * sizeof(*all->v));
	}
	if (all->v == NULL || (all->v[all->n++] = strndup(name.p, name.len)) == NULL)
		abort();
}

static void
names_clear(struct names *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->v[i]);
	free(all->v);
}

static int
take_account(void *arg, const struct frame *row)
{
	struct wire_value v;
	size_t pos = 0;
	int rc;

	while ((rc = wire_row_value(row, &pos, &v)) == 1)
		if (slice_is(v.name, "account") && v.text.p != NULL)
			names_add(arg, v.text);
	return rc;
}

/* Dovecot */

/* doveadm takes these for a pattern, or for an option: it cannot be asked. */
static bool
can_be_asked(const char *name)
{
	return name[0] != '-' && strpbrk(name, "*?") == NULL;
}

/* The exit code of `doveadm user` with these names; -1: it did not run, or was killed. */
static int
ask_dovecot(char *const *names, size_t n)
{
	char doveadm[] = "doveadm", user[] = "user", *argv[TOGETHER + 3] = { doveadm, user };
	posix_spawn_file_actions_t files;
	int status = -1, rc;
	pid_t pid;

	memcpy(argv + 2, names, n * sizeof(*names));
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", 0, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", 1, 0);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", 1, 0);
	rc = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (rc != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int
dovecot_failed(int code, const char *name)
{
	if (code < 0)
		return call_complain(EX_UNAVAILABLE, "doveadm cannot be run: nothing was revoked");
	return call_complain(EX_TEMPFAIL, "doveadm user %s ended with %d, which says nothing about the "
	    "account: nothing was revoked", log_clean(slice_of(name)).text, code);
}

/* One by one: 0, or an exit code. */
static int
check_each(char *const *names, size_t n, struct names *gone)
{
	for (size_t i = 0; i < n; i++) {
		int code = ask_dovecot(&names[i], 1);

		if (code == EX_NOUSER)
			names_add(gone, slice_of(names[i]));
		else if (code != 0)
			return dovecot_failed(code, names[i]);
	}
	return 0;
}

/* Together first: mostly all are there. */
static int
check_some(char *const *names, size_t n, struct names *gone)
{
	return n == 0 || ask_dovecot(names, n) == 0 ? 0 : check_each(names, n, gone);
}

/* 0, or an exit code, and it was said. */
static int
find_gone(const struct names *all, struct names *gone)
{
	char *some[TOGETHER];
	struct progress progress;
	size_t n = 0;
	int code = 0;

	progress_begin(&progress, "accounts checked", all->n, false);
	for (size_t i = 0; i < all->n && code == 0; i++) {
		if (can_be_asked(all->v[i]))
			some[n++] = all->v[i];
		if (n == TOGETHER || i == all->n - 1) {
			code = check_some(some, n, gone);
			n = 0;
		}
		progress_step(&progress);
	}
	progress_end(&progress);
	return code;
}

/* Revoking */

static int
nothing(void *arg, const struct frame *row)
{
	(void)arg;
	(void)row;
	return 0;
}

static int
revoke_all(const struct call *call, const struct names *gone)
{
	struct wire_request question = { .verb = slice_of("revoke"), .n = 1 };
	int code = 0;

	for (size_t i = 0; i < gone->n && code == 0; i++) {
		question.args[0] = slice_of(gone->v[i]);
		code = answer_each(call->config, &question, nothing, NULL, NULL);
		if (code == EX_NOUSER)	/* somebody else was faster */
			code = 0;
	}
	return code;
}

static void
show_gone(const struct call *call, const struct names *all, const struct names *gone)
{
	json_t *list;

	if (!call->options->json) {
		for (size_t i = 0; i < gone->n; i++)
			printf("%s: Dovecot knows no such user\n", log_clean(slice_of(gone->v[i])).text);
		printf("%zu accounts checked, %zu do not exist\n", all->n, gone->n);
		fflush(stdout);
		return;
	}
	list = json_array();
	for (size_t i = 0; i < gone->n; i++)
		json_array_append_new(list, json_pack("{s:s}", "account", gone->v[i]));
	json_dumpf(list, stdout, JSON_ENSURE_ASCII | JSON_INDENT(2));
	putchar('\n');
	json_decref(list);
}

/* Unlike elsewhere, nobody to ask is no consent. */
static bool
agreed(const struct options *o)
{
	return o->yes || (isatty(STDIN_FILENO) &&
	    call_agreed(o, "Remove all subscriptions of these accounts? Their devices get no more pushes"));
}

static int
settle(const struct call *call, const struct names *all, const struct names *gone)
{
	show_gone(call, all, gone);
	if (gone->n == 0)
		return 0;
	if (gone->n > FEW && gone->n > all->n / 2)
		return call_complain(EX_TEMPFAIL, "that is more than half of all: is Dovecot's userdb whole? "
		    "Nothing was revoked; mailbell revoke does it for single accounts");
	if (!agreed(call->options))
		return call_complain(EX_USAGE, "nothing was revoked; --yes does it");
	return revoke_all(call, gone);
}

int
accounts_run(const struct call *call)
{
	const struct wire_request question = { .verb = slice_of(call->verb->name) };
	struct names all = { .n = 0 }, gone = { .n = 0 };
	int code, failed;

	if (!(call->options->given & CALL_CHECK))
		return verb_ask(call);
	code = answer_each(call->config, &question, take_account, &all, NULL);
	if (code == 0)
		code = find_gone(&all, &gone);
	if (code == 0)
		code = settle(call, &all, &gone);
	names_clear(&all);
	names_clear(&gone);
	failed = answer_flush();
	return code != 0 ? code : failed;
}
