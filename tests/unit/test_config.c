/*
 * mailbell.conf: every key, every kind of fault with its line, what an INI reader would take
 * silently, and the lists of patterns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/config.h"
#include "lib/value.h"

/* Loads text as a file; 0 or -1, and err as config_load leaves it, with the file's name cut away. */
static int
load_octets(const void *text, size_t len, struct config *c, struct err *err)
{
	char path[] = "/tmp/mailbell-test-XXXXXX";
	int fd = mkstemp(path), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	err->text[0] = '\0';
	rc = config_load(path, c, err);
	unlink(path);
	if (strncmp(err->text, path, strlen(path)) == 0)
		memmove(err->text, err->text + strlen(path), strlen(err->text + strlen(path)) + 1);
	return rc;
}

static int
load(const char *text, struct config *c, struct err *err)
{
	return load_octets(text, strlen(text), c, err);
}

/* What config_print makes of c; the caller frees. */
static char *
printed(const struct config *c)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	config_print(c, out);
	fclose(out);
	return text;
}

static void
defaults(void **state)
{
	struct config c;
	struct err err;

	(void)state;
	assert_int_equal(load("", &c, &err), 0);
	assert_int_equal(c.hook, HOOK_LMTP);
	assert_int_equal(c.locate, LOCATE_DOVECOT);
	assert_int_equal(c.lmtp_listen.n, 0);
	assert_null(c.lmtp_backend);
	assert_int_equal(c.lmtp_workers, 0);
	assert_int_equal(c.milter_wait, 3600);
	assert_string_equal(c.state_dir, STATEDIR);
	assert_string_equal(c.run_dir, RUNDIR);
	assert_string_equal(c.user, "mailbell");
	assert_int_equal(c.mail_users.n, 1);
	assert_string_equal(c.mail_users.v[0], "vmail");
	assert_false(c.system_users);
	assert_string_equal(c.recipient_delimiter, "+");
	assert_null(c.vapid_contact);
	assert_int_equal(c.endpoint_ports.n, 2);
	assert_string_equal(c.endpoint_ports.v[1], "8443");
	assert_int_equal(c.subscriptions_max, 16);
	assert_int_equal(c.burst_interval, 5);
	assert_int_equal(c.sync_interval, 600);
	assert_int_equal(c.dead_after, 14 * 86400);
	assert_int_equal(c.refresh_max, 0);
	assert_int_equal(c.locate_timeout, 2);
	assert_int_equal(c.arrival_timeout, 120);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	config_clear(&c);
	config_clear(&c);
}

static void
values(void **state)
{
	static const char text[] =
	    "# a comment; with everything = in it\n"
	    "\n"
	    "  \t # an indented comment\n"
	    "hook = milter\r\n"
	    "locate=none\n"
	    "lmtp_listen = unix:/run/mailbell/lmtp [::1]:24\n"
	    "lmtp_listen =\t127.0.0.1:24   \n"
	    "lmtp_workers = 4\n"
	    "vapid_contact = mailto:postmaster@example.org?subject=push\n"
	    "milter_wait = 90m\n"
	    "system_users = yes\n"
	    "endpoint_ports = 443\n"
	    "recipient_delimiter =\n"
	    "quiet_mailboxes = New Messages;x\n"
	    "quiet_mailboxes = Gel\xc3\xb6scht\n"
	    "quiet_header = X-Spam-Flag: YES\n"
	    "send_delay = 0\n"
	    "log_level = warn";	/* no line end */
	struct config c;
	struct err err;

	(void)state;
	assert_int_equal(load(text, &c, &err), 0);
	assert_int_equal(c.hook, HOOK_MILTER);
	assert_int_equal(c.locate, LOCATE_NONE);
	assert_int_equal(c.lmtp_listen.n, 3);
	assert_string_equal(c.lmtp_listen.v[1], "[::1]:24");
	assert_string_equal(c.lmtp_listen.v[2], "127.0.0.1:24");
	assert_int_equal(c.lmtp_workers, 4);
	assert_string_equal(c.vapid_contact, "mailto:postmaster@example.org?subject=push");
	assert_int_equal(c.milter_wait, 5400);
	assert_true(c.system_users);
	assert_int_equal(c.endpoint_ports.n, 1);
	assert_string_equal(c.recipient_delimiter, "");
	assert_int_equal(c.quiet_mailboxes.n, 2);
	assert_string_equal(c.quiet_mailboxes.v[0], "New Messages;x");
	assert_string_equal(c.quiet_header.v[0], "X-Spam-Flag: YES");
	assert_int_equal(c.send_delay, 0);
	assert_int_equal(c.log_level, LOG_LEVEL_WARN);
	config_clear(&c);
}

#define X25	"xxxxxxxxxxxxxxxxxxxxxxxxx"

static void
faults(void **state)
{
	static const struct {
		const char *text, *line, *why;
	} cases[] = {
		{ "hooks = lmtp\n", ":1: ", "no key 'hooks'" },
		{ "#\n\nhook = lmpt\n", ":3: ", "not one of: lmtp, milter, dovecot" },
		{ "hook = lmtp\nhook = lmtp\n", ":2: ", "second time" },
		{ "user =\n", ":1: ", "no value" },
		{ "endpoint_ports =\n", ":1: ", "no value" },
		{ "hook: lmtp\n", ":1: ", "not 'key = value'" },
		{ "quiet_header: a = b\n", ":1: ", "not 'key = value'" },
		{ "hook\n", ":1: ", "not 'key = value'" },
		{ "= lmtp\n", ":1: ", "no key before" },
		{ "log = stderr ; better\n", ":1: ", "line of its own" },
		{ "user = bell # better\n", ":1: ", "line of its own" },
		{ "user =; better\n", ":1: ", "line of its own" },
		{ "user # x = bell\n", ":1: ", "no key 'user # x'" },
		{ "user = bell\t;\n", ":1: ", "line of its own" },
		{ "user = bell\n  mail_group = b\n", ":2: ", "first column" },
		{ "[mailbell]\n", ":1: ", "[sections]" },
		{ "; x\n", ":1: ", "begins with '#'" },
		{ "\xef\xbb\xbfhook = lmtp\n", ":1: ", "byte order mark" },
		{ "user = \xe4\n", ":1: ", "not UTF-8" },
		{ "user = a\x01\n", ":1: ", "control character" },
		{ "user = a\rhook = b\n", ":1: ", "carriage return" },
		{ "lmtp_workers = -1\n", ":1: ", "from 0 to 256" },
		{ "lmtp_workers = 257\n", ":1: ", "from 0 to 256" },
		{ "lmtp_workers = 0x1\n", ":1: ", "from 0 to 256" },
		{ "burst = 5x\n", ":1: ", "from 1 to 1000" },
		{ "burst = 99999999999999999999\n", ":1: ", "from 1 to 1000" },
		{ "subscriptions_max = 10001\n", ":1: ", "from 1 to 10000" },
		{ "locate_timeout = 2\n", ":1: ", "unit" },
		{ "locate_timeout = 2 s\n", ":1: ", "unit" },
		{ "locate_timeout = s\n", ":1: ", "write digits" },
		{ "locate_timeout = 2h\n", ":1: ", "from 1s to 1h" },
		{ "milter_wait = 0\n", ":1: ", "from 1m to 1d" },
		{ "dead_after = 999999999999999d\n", ":1: ", "from 1h to 3650d" },
		{ "system_users = true\n", ":1: ", "neither yes nor no" },
		{ "state_dir = var\n", ":1: ", "absolute" },
		{ "endpoint_ports = 443, 8443\n", ":1: ", "from 1 to 65535" },
		{ "endpoint_ports = 443 65536\n", ":1: ", "from 1 to 65535" },
		{ "endpoint_allow = http://push.lan/\n", ":1: ", "https://" },
		{ "endpoint_allow = https://push.lan\n", ":1: ", "end at a '/'" },
		{ "endpoint_allow = https://\n", ":1: ", "and a host" },
		{ "endpoint_allow = https://a@b/\n", ":1: ", "no prefix may" },
		{ "own_addresses = 192.0.2.0/24 192.0.2.1/33\n", ":1: ", "ADDRESS/BITS" },
		{ "own_addresses = 1111:2222:3333:4444:5555:6666:7777:8888:9999:a\n", ":1: ",
		    "ADDRESS/BITS" },
		{ "own_addresses = there/24\n", ":1: ", "ADDRESS/BITS" },
		{ "nat64_prefix = 64:ff9b::\n", ":1: ", "96 bits" },
		{ "nat64_prefix = 64:ff9b::/24\n", ":1: ", "96 bits" },
		{ "nat64_prefix = 64:ff9b::/44\n", ":1: ", "96 bits" },
		{ "nat64_prefix = 64:ff9b::/97\n", ":1: ", "96 bits" },
		{ "nat64_prefix = 192.0.2.0/24\n", ":1: ", "96 bits" },
		{ "bind_address = any\n", ":1: ", "IPv4 or IPv6" },
		{ "lmtp_backend = mail.example.org:24\n", ":1: ", "no name is looked up" },
		{ "lmtp_backend = unix:lmtp\n", ":1: ", "absolute" },
		{ "lmtp_backend = 127.0.0.1\n", ":1: ", "HOST:PORT" },
		{ "lmtp_backend = ::1:24\n", ":1: ", "[ ]" },
		{ "quiet_header = X-Spam\n", ":1: ", "Field-Name: value" },
		{ "quiet_header = X Spam: yes\n", ":1: ", "Field-Name: value" },
		{ "run_dir = /run/" X25 X25 X25 X25 "\n", ":1: ", "no room" },
		{ "run_dir = run\n", ":1: ", "absolute" },
		{ "recipient_delimiter = +@\n", ":1: ", "delimiter" },
		{ "recipient_delimiter = + -\n", ":1: ", "delimiter" },
		{ "recipient_delimiter = a\n", ":1: ", "delimiter" },
		{ "subscribers = * !\n", ":1: ", "pattern" },
	};
	struct config c;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = load(cases[i].text, &c, &err);

		if (rc != -1 || strncmp(err.text, cases[i].line, strlen(cases[i].line)) != 0 ||
		    strstr(err.text, cases[i].why) == NULL)
			fail_msg("%s: %d '%s'", cases[i].text, rc, err.text);
	}
}

/* The longest line is taken whole, and one octet more is refused, not cut in two. */
static void
long_lines(void **state)
{
	char text[400];
	struct config c;
	struct err err;

	(void)state;
	for (int len = 190; len < 220; len++) {
		int head = snprintf(text, sizeof(text), "#\nquiet_mailboxes = ");

		memset(text + head, 'x', (size_t)(len - (head - 2)));
		snprintf(text + 2 + len, sizeof(text) - 2 - (size_t)len, "\n#\n");
		if (load(text, &c, &err) == 0) {
			assert_true(len <= 198);
			assert_int_equal(strlen(c.quiet_mailboxes.v[0]), len - (head - 2));
			config_clear(&c);
		} else {
			assert_true(len > 198);
			assert_non_null(strstr(err.text, ":2: this line is longer than 198 octets"));
		}
	}
}

static void
files_that_are_none(void **state)
{
	static const char nul[] = "user = a\0b\nhook = lmtp\n";
	struct config c;
	struct err err;

	(void)state;
	assert_int_equal(config_load("/nonexistent/mailbell.conf", &c, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/mailbell.conf: No such file"));
	assert_non_null(strstr(err.text, "-c"));
	assert_int_equal(config_load("/", &c, &err), -1);
	assert_non_null(strstr(err.text, "Is a directory"));
	assert_int_equal(load_octets(nul, sizeof(nul) - 1, &c, &err), -1);
	assert_non_null(strstr(err.text, ":1: "));
	assert_non_null(strstr(err.text, "holds a NUL"));
}

/* What config_print writes, config_load reads, and it means the same. */
static void
round_trip(void **state)
{
	static const char text[] =
	    "hook = dovecot\nlmtp_listen = unix:/a 127.0.0.1:24\nmail_users =\nrefresh_max = 36h\n"
	    "quiet_mailboxes = A B\nquiet_mailboxes = C\nvapid_contact = https://example.org/\n"
	    "http_version = 1.1\nnat64_prefix =\nsubscribers = * !guest@*\n";
	struct config a, b;
	struct err err;
	char *first, *second;

	(void)state;
	assert_int_equal(load(text, &a, &err), 0);
	first = printed(&a);
	assert_non_null(strstr(first, "\nmail_users =\n"));
	assert_non_null(strstr(first, "\nrefresh_max = 36h\n"));
	assert_non_null(strstr(first, "\nhttp_version = 1.1\n"));
	if (load(first, &b, &err) < 0)
		fail_msg("%s", err.text);
	second = printed(&b);
	assert_string_equal(first, second);
	free(first);
	free(second);
	config_clear(&a);
	config_clear(&b);
}

/* contrib/mailbell.conf, with its settings made live, is the list of all keys and defaults. */
static void
sample(void **state)
{
	char line[512], text[32768] = "";
	FILE *in = fopen("contrib/mailbell.conf", "r");
	struct config c, def;
	struct err err;
	char *have, *want;
	size_t len = 0, n_keys = 0, n_all = 0;

	(void)state;
	assert_non_null(in);
	while (fgets(line, sizeof(line), in) != NULL) {
		size_t word = strspn(line + 1, "abcdefghijklmnopqrstuvwxyz_0123456789");
		const char *put = line;

		if (line[0] == '#' && word > 0 && strncmp(line + 1 + word, " =", 2) == 0) {
			put = line + 1;
			n_keys++;
		}
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", put);
	}
	fclose(in);
	if (load(text, &c, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(load("", &def, &err), 0);
	have = printed(&c);
	want = printed(&def);
	assert_string_equal(have, want);
	for (const char *p = want; (p = strchr(p, '\n')) != NULL; p++)
		n_all++;
	/* endpoint_ports is one line in the sample and two as it is printed. */
	assert_int_equal(n_keys, n_all - 1);
	free(have);
	free(want);
	config_clear(&c);
	config_clear(&def);
}

static void
patterns(void **state)
{
	static const struct {
		const char *patterns, *text;
		bool match, fold;
	} cases[] = {
		{ "*", "", true, true },
		{ "*", "alice@example.org", true, true },
		{ "alice", "alice", true, true },
		{ "alice", "Alice", false, true },
		{ "alice", "alicex", false, false },
		{ "*@example.org", "alice@example.org", true, true },
		{ "*@example.org", "alice@example.org.x", false, false },
		{ "*@EXAMPLE.org", "alice@example.org", false, true },
		{ "a*b*c", "aXbYbZc", true, true },
		{ "a*b*c", "aXbYbZcd", false, false },
		{ "* !guest*", "guest1", false, false },
		{ "* !guest* guest7", "guest7", true, true },
		{ "!guest*", "alice", false, false },
		{ "**", "x", true, true },
	};
	struct config c;
	struct err err;
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "subscribers = %s\n", cases[i].patterns);
		assert_int_equal(load(text, &c, &err), 0);
		if (config_match(&c.subscribers, cases[i].text) != cases[i].match ||
		    config_match_fold(&c.subscribers, cases[i].text) != cases[i].fold)
			fail_msg("'%s' against '%s'", cases[i].text, cases[i].patterns);
		config_clear(&c);
	}
	assert_false(config_match(&(struct config_list){ NULL, 0 }, "x"));
}

/* A pattern made to cost much is matched in no time. */
static void
hostile_pattern(void **state)
{
	char pattern[] = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", *v[] = { pattern };
	struct config_list list = { v, 1 };
	char text[4096];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(config_match(&list, text));
}

static void
times(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "0" }, { 1, "1s" }, { 60, "1m" }, { 61, "61s" }, { 3600, "1h" }, { 5400, "90m" },
		{ 86400, "1d" }, { 90000, "25h" }, { 3650 * INT64_C(86400), "3650d" },
	};
	char text[VALUE_TIME_TEXT];
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		value_time_text(cases[i].seconds, text);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(value_time(text, 0, INT64_C(1) << 40, &seconds, NULL), 0);
		assert_int_equal(seconds, cases[i].seconds);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults), cmocka_unit_test(values), cmocka_unit_test(faults),
		cmocka_unit_test(long_lines), cmocka_unit_test(files_that_are_none),
		cmocka_unit_test(round_trip), cmocka_unit_test(sample), cmocka_unit_test(patterns),
		cmocka_unit_test(hostile_pattern), cmocka_unit_test(times),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
