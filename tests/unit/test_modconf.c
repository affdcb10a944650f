/* run_dir/module: what the daemon writes is what the Dovecot module reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/modconf.h"

static void
parses(void **state)
{
	static const struct {
		const char	*text;
		bool		 hook_dovecot;
		size_t		 n;
		const char	*first;
	} rows[] = {
		{ "", false, 0, NULL },
		{ "hook = dovecot\n", true, 0, NULL },
		{ "hook=dovecot\n", true, 0, NULL },
		{ " hook\t= dovecot \r\n", true, 0, NULL },
		{ "hook = lmtp\n", false, 0, NULL },
		{ "hook = dovecot2\n", false, 0, NULL },
		{ "hook = dovecot\nhook = lmtp\n", false, 0, NULL },
		{ "hook = dovecot", false, 0, NULL },		/* no line end: cut */
		{ "hook dovecot\n= dovecot\n\n", false, 0, NULL },
		{ "later = thing\nhook = dovecot\n", true, 0, NULL },
		{ "quiet_header = X-Spam-Flag: YES\n", false, 1, "X-Spam-Flag: YES" },
		{ "quiet_header = X: a = b\nquiet_header = Y:\n", false, 2, "X: a = b" },
		{ "quiet_header =\n", false, 0, NULL },
		{ "quiet_header = A: b\nquiet_header = X-Sp", false, 1, "A: b" },
	};
	struct modconf m;
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "%s", rows[i].text);
		modconf_parse(text, &m);
		assert_int_equal(m.hook_dovecot, rows[i].hook_dovecot);
		assert_int_equal(m.n, rows[i].n);
		if (m.n > 0)
			assert_string_equal(m.quiet[0], rows[i].first);
	}
}

static void
parses_at_most_so_many_rules(void **state)
{
	char text[(MODCONF_QUIET_MAX + 5) * 24] = "";
	struct modconf m;
	size_t len = 0;

	(void)state;
	for (int i = 0; i < MODCONF_QUIET_MAX + 5; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "quiet_header = H%d:\n", i);
	modconf_parse(text, &m);
	assert_int_equal(m.n, MODCONF_QUIET_MAX);
	assert_string_equal(m.quiet[MODCONF_QUIET_MAX - 1], "H31:");
}

/* A folder of its own, and a configuration with n rules of that many octets. */
struct world {
	char		 dir[64], path[80];
	struct config	 c;
	char		*rules[MODCONF_QUIET_MAX + 1];
	char		 rule[1024];
};

static void
begin(struct world *w, enum config_hook hook, size_t n, size_t octets)
{
	snprintf(w->dir, sizeof(w->dir), "/tmp/mb-modconf.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/module", w->dir);
	memset(w->rule, 'x', octets);
	memcpy(w->rule, "X-Spam: ", 8);
	w->rule[octets] = '\0';
	for (size_t i = 0; i < n; i++)
		w->rules[i] = w->rule;
	w->c = (struct config){ .hook = (int)hook, .run_dir = w->dir, .quiet_header = { w->rules, n } };
}

static void
end(struct world *w)
{
	unlink(w->path);
	assert_int_equal(rmdir(w->dir), 0);	/* nothing else was left */
}

static void
read_back(const struct world *w, char *text, size_t size, struct modconf *m)
{
	FILE *in = fopen(w->path, "r");

	assert_non_null(in);
	text[fread(text, 1, size - 1, in)] = '\0';
	fclose(in);
	modconf_parse(text, m);
}

static void
writes_what_is_read(void **state)
{
	char text[MODCONF_SIZE_MAX + 1];
	struct modconf m;
	struct world w;
	struct stat st;
	struct err err;

	(void)state;
	umask(077);
	begin(&w, HOOK_DOVECOT, MODCONF_QUIET_MAX, 200);
	assert_int_equal(modconf_write(&w.c, &err), 0);
	assert_int_equal(stat(w.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	read_back(&w, text, sizeof(text), &m);
	assert_true(m.hook_dovecot);
	assert_int_equal(m.n, MODCONF_QUIET_MAX);
	assert_string_equal(m.quiet[MODCONF_QUIET_MAX - 1], w.rule);

	w.c.hook = HOOK_MILTER;
	assert_int_equal(modconf_write(&w.c, &err), 0);
	read_back(&w, text, sizeof(text), &m);
	assert_false(m.hook_dovecot);
	assert_int_equal(m.n, 0);
	end(&w);
}

static void
bounds_the_rules(void **state)
{
	struct world w;
	struct err err;

	(void)state;
	begin(&w, HOOK_DOVECOT, MODCONF_QUIET_MAX + 1, 20);
	assert_int_equal(modconf_write(&w.c, &err), -1);
	assert_non_null(strstr(err.text, "quiet_header"));
	w.c.hook = HOOK_LMTP;	/* where the rules do not pass through this file */
	assert_int_equal(modconf_write(&w.c, &err), 0);
	end(&w);

	begin(&w, HOOK_DOVECOT, MODCONF_QUIET_MAX, 1000);
	assert_int_equal(modconf_write(&w.c, &err), -1);
	end(&w);
}

static void
names_the_file_it_cannot_write(void **state)
{
	struct config c = { .hook = HOOK_LMTP, .run_dir = (char[]){ "/nonexistent" } };
	struct err err;

	(void)state;
	assert_int_equal(modconf_write(&c, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/module"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(parses_at_most_so_many_rules),
		cmocka_unit_test(writes_what_is_read),
		cmocka_unit_test(bounds_the_rules),
		cmocka_unit_test(names_the_file_it_cannot_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
