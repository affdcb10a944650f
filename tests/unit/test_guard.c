/*
 * guard: the table of spellings and addresses in guard.txt, the rule that each refusal names, what
 * endpoint_allow opens and what it does not, and this host's own addresses (by a getifaddrs of ours).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/guard.h"
#include "daemon/ipnet.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define LIST(...)	{ (char *[]){ __VA_ARGS__ }, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *) }

/* The interfaces of this test: one address at most. */

static struct sockaddr_storage interface;
static bool interfaces_fail;

int
getifaddrs(struct ifaddrs **out)
{
	struct ifaddrs *down = calloc(1, sizeof(*down));
	struct ifaddrs *up = calloc(1, sizeof(*up));

	assert_non_null(down);
	assert_non_null(up);
	if (interfaces_fail) {
		free(down);
		free(up);
		errno = ENOMEM;
		return -1;
	}
	down->ifa_next = up;	/* one without an address comes first */
	if (interface.ss_family != 0)
		up->ifa_addr = (struct sockaddr *)&interface;
	*out = down;
	return 0;
}

void
freeifaddrs(struct ifaddrs *list)
{
	free(list->ifa_next);
	free(list);
}

static struct sockaddr_storage
address_of(const char *text)
{
	struct sockaddr_storage ss;
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	memset(&ss, 0, sizeof(ss));
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		memcpy(&ss, &in, sizeof(in));
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(&ss, &in6, sizeof(in6));
	else
		fail_msg("%s is not an address", text);
	return ss;
}

static bool
is_open(const struct guard *g, const char *text)
{
	struct sockaddr_storage ss = address_of(text);

	return guard_address(g, (struct sockaddr *)&ss);
}

static struct config
defaults(void)
{
	static char any[] = "*", https[] = "443", alternative[] = "8443";
	static char *hosts[] = { any }, *ports[] = { https, alternative };
	struct config c;

	memset(&c, 0, sizeof(c));
	c.endpoint_hosts = (struct config_list){ hosts, 1 };
	c.endpoint_ports = (struct config_list){ ports, 2 };
	return c;
}

static struct guard *
guard_of(const struct config *c)
{
	struct err err;
	struct guard *g = guard_new(c, &err);

	if (g == NULL)
		fail_msg("%s", err.text);
	return g;
}

/* guard.txt */

/* Takes the escapes out of text, in place: its length. */
static size_t
unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0';) {
		unsigned octet;

		if (strncmp(from, "\\e", 2) == 0)
			from += 2;
		else if (sscanf(from, "\\x%2x", &octet) == 1) {
			*to++ = (char)octet;
			from += 4;
		} else
			*to++ = *from++;
	}
	return (size_t)(to - text);
}

static void
judge(const struct guard *g, int number, char *spelling, const char *verdict)
{
	struct guard_endpoint e;
	const char *why = "", *got;
	size_t len;

	if (verdict[0] == 'p')
		got = is_open(g, spelling) ? "public" : "private";
	else {
		len = unescape(spelling);
		got = guard_check(g, (struct slice){ spelling, len }, &e, &why) == 0 ? "taken" : "refused";
	}
	if (strcmp(got, verdict) != 0)
		fail_msg("guard.txt:%d: \"%s\": %s (%s)", number, spelling, got, why);
}

static void
each_line_of_the_table(void **state)
{
	struct config c = defaults();
	struct guard *g = guard_of(&c);
	FILE *f = fopen("tests/unit/guard.txt", "r");
	char line[2048], spelling[2000], verdict[16];
	int number = 0, judged = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		number++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		assert_int_equal(sscanf(line, "%1999s %15s", spelling, verdict), 2);
		judge(g, number, spelling, verdict);
		judged++;
	}
	fclose(f);
	guard_free(g);
	assert_true(judged > 250);
}

static const struct {
	const char	*endpoint, *why;
} rules[] = {
	{ "", "empty" }, { "http://a.example/", "not https" }, { "https:///a", "no host" },
	{ "https://a b.example/", "characters that no URL has" }, { "https://a.example/#b", "a fragment" },
	{ "https://a@b.example/", "a user name" }, { "https://b/", "the host has no dot" },
	{ "https://b.example./", "the host is not a name" },
	{ "https://b.example:25/", "this port is not taken" },
	{ "https://10.0.0.1/", "literal addresses are not taken" },
	{ "https://2130706433/", "literal addresses are not taken" },
	{ "https://[::1]/", "literal addresses are not taken" },
	{ "https://b.example/%2e./", "dot segments in the path" },
	{ "https://b.example/%0a", "encoded control characters" },
	{ "https://b.example/%x", "a malformed percent-encoding" },
};

static void
a_refusal_names_its_rule(void **state)
{
	struct config c = defaults();
	struct guard *g = guard_of(&c);
	struct guard_endpoint e;

	(void)state;
	for (size_t i = 0; i < COUNT(rules); i++) {
		const char *why = "";

		assert_int_equal(guard_check(g, slice_of(rules[i].endpoint), &e, &why), -1);
		if (strcmp(why, rules[i].why) != 0)
			fail_msg("\"%s\": \"%s\", not \"%s\"", rules[i].endpoint, why, rules[i].why);
	}
	guard_free(g);
}

static const struct {
	const char	*endpoint, *normal, *origin, *host;
} forms[] = {
	{ "https://Push.EXAMPLE.net/Push/A?B=C", "https://push.example.net/Push/A?B=C",
	    "https://push.example.net", "push.example.net" },
	{ "HTTPS://push.example.net:443/a", "https://push.example.net/a", "https://push.example.net",
	    "push.example.net" },
	{ "https://push.example.net:08443/a", "https://push.example.net:8443/a",
	    "https://push.example.net:8443", "push.example.net" },
	{ "https://push.example.net:/a", "https://push.example.net/a", "https://push.example.net",
	    "push.example.net" },
	{ "https://push.example.net", "https://push.example.net/", "https://push.example.net",
	    "push.example.net" },
	{ "https://push.example.net?", "https://push.example.net/?", "https://push.example.net",
	    "push.example.net" },
	{ "https://push.example.net//a//?b?c", "https://push.example.net//a//?b?c",
	    "https://push.example.net", "push.example.net" },
	{ "https://XN--MNCHEN-3YA.example/%2F%2f", "https://xn--mnchen-3ya.example/%2F%2f",
	    "https://xn--mnchen-3ya.example", "xn--mnchen-3ya.example" },
};

static void
normal_forms(void **state)
{
	struct config c = defaults();
	struct guard *g = guard_of(&c);
	struct guard_endpoint e, again;
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		assert_int_equal(guard_check(g, slice_of(forms[i].endpoint), &e, &why), 0);
		assert_string_equal(e.normal, forms[i].normal);
		assert_string_equal(e.origin, forms[i].origin);
		assert_string_equal(e.host, forms[i].host);
		assert_false(e.trusted);
		assert_int_equal(guard_check(g, slice_of(e.normal), &again, &why), 0);
		assert_string_equal(again.normal, e.normal);
		assert_string_equal(again.origin, e.origin);
		guard_origin(e.normal, again.origin);
		assert_string_equal(again.origin, e.origin);
	}
	guard_origin("http://push.example.net/", e.origin);
	assert_string_equal(e.origin, "");
	guard_free(g);
}

/* endpoint_allow */

static const struct {
	const char	*endpoint;
	int		 want;		/* 1 trusted, 0 taken, -1 refused */
} prefixed[] = {
	{ "https://ntfy.lan/up/abc", 1 }, { "https://NTFY.lan:443/up/abc", 1 },
	{ "https://ntfy.lan/up/", 1 }, { "https://ntfy.lan/up/?x=1", 1 },
	{ "https://ntfy.lan//up/abc", 0 }, { "https://ntfy.lan/up", 0 }, { "https://ntfy.lan/", 0 },
	{ "https://ntfy.lan/UP/abc", 0 }, { "https://ntfy.lan/upper/abc", 0 },
	{ "https://ntfy.lan/%75p/abc", 0 }, { "https://ntfy.lan:8443/up/abc", 0 },
	{ "https://ntfy.lan?/up/", 0 }, { "https://x.ntfy.lan/up/abc", 0 },
	{ "https://ntfy.lan.evil.example/up/abc", 0 },
	{ "https://ntfy.lan/up//a", 1 }, { "https://ntfy.lan/up/a%2fb", 1 },
	{ "https://10.1.2.3:9000/push/x", 1 }, { "https://0xa010203:9000/push/x", 1 },
	{ "https://10.1.2.3:9000/other/x", -1 }, { "https://10.1.2.3/push/x", -1 },
	{ "https://[::1]:9000/x", 1 }, { "https://[0:0::1]:9000/x", 1 }, { "https://[::2]:9000/x", -1 },
	{ "https://single/x", 1 }, { "https://single:444/x", -1 }, { "https://double/x", -1 },
	/* out of the prefix again */
	{ "https://ntfy.lan/up/../admin", -1 }, { "https://ntfy.lan/up/%2e%2e/admin", -1 },
	{ "https://ntfy.lan/up/%2E./admin", -1 }, { "https://ntfy.lan/up/..%2fadmin", -1 },
	{ "https://ntfy.lan/up/..%5cadmin", -1 }, { "https://ntfy.lan/up/..\\admin", -1 },
	{ "https://ntfy.lan/up/x%2f..%2f..%2fadmin", -1 }, { "https://ntfy.lan/up/..;/admin", -1 },
	{ "https://ntfy.lan/up/%252e%252e/admin", -1 }, { "https://ntfy.lan/up/./../admin", -1 },
	{ "https://ntfy.lan/up/..", -1 }, { "https://ntfy.lan/up/.", -1 },
	/* what no setting lifts */
	{ "http://ntfy.lan/up/abc", -1 }, { "https://a@ntfy.lan/up/abc", -1 },
	{ "https://ntfy.lan/up/abc#x", -1 }, { "https://ntfy.lan/up/%00", -1 },
	{ "https://ntfy.lan/up/\xc3\xbc", -1 }, { "https://ntfy.lan./up/abc", -1 },
	{ "https://ntfy.lan\\@x/up/abc", -1 },
};

static void
allow_opens_prefixes_and_no_more(void **state)
{
	char a[] = "https://NTFY.lan/up/", b[] = "https://10.1.2.3:9000/push/", d[] = "https://[::1]:9000/";
	char f[] = "https://single/";
	struct config c = defaults();
	struct config_list allow = LIST(a, b, d, f);
	struct guard *g;

	(void)state;
	c.endpoint_allow = allow;
	g = guard_of(&c);
	for (size_t i = 0; i < COUNT(prefixed); i++) {
		struct guard_endpoint e;
		const char *why = "";
		int rc = guard_check(g, slice_of(prefixed[i].endpoint), &e, &why);
		int got = rc == -1 ? -1 : e.trusted;

		if (got != prefixed[i].want)
			fail_msg("\"%s\": %d (%s)", prefixed[i].endpoint, got, why);
	}
	guard_free(g);
}

static void
bad_settings_are_refused(void **state)
{
	static const struct {
		const char	*key, *value;
	} wrong[] = {
		{ "endpoint_allow", "https://ntfy.lan" }, { "endpoint_allow", "https://ntfy.lan/up" },
		{ "endpoint_allow", "http://ntfy.lan/" }, { "endpoint_allow", "https://ntfy.lan/?a/" },
		{ "endpoint_allow", "https://u@ntfy.lan/" }, { "endpoint_allow", "https://ntfy.lan/a/../" },
		{ "endpoint_allow", "https://*.lan/" }, { "endpoint_allow", "" },
		{ "endpoint_allow", "https://ntfy.lan/#/" },
		{ "own_addresses", "10.0.0" }, { "own_addresses", "10.0.0.0/33" },
		{ "own_addresses", "::1/129" }, { "own_addresses", "host.example" },
		{ "own_addresses", "10.0.0.0/" }, { "own_addresses", "10.0.0.0/-1" },
		{ "own_addresses", "10.0.0.0/8/8" }, { "own_addresses", "" },
		{ "nat64_prefix", "2001:db8::/97" }, { "nat64_prefix", "2001:db8::" },
		{ "nat64_prefix", "2001:db8::/33" }, { "nat64_prefix", "2001:db8::/72" },
		{ "nat64_prefix", "10.0.0.0/8" }, { "nat64_prefix", "x" },
		{ "endpoint_ports", "0" }, { "endpoint_ports", "65536" }, { "endpoint_ports", "https" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct config c = defaults();
		char value[64];
		char *values[] = { value };
		struct config_list list = { values, 1 };
		struct err err = { "" };

		snprintf(value, sizeof(value), "%s", wrong[i].value);
		if (strcmp(wrong[i].key, "endpoint_allow") == 0)
			c.endpoint_allow = list;
		else if (strcmp(wrong[i].key, "own_addresses") == 0)
			c.own_addresses = list;
		else if (strcmp(wrong[i].key, "nat64_prefix") == 0)
			c.nat64_prefix = list;
		else
			c.endpoint_ports = list;
		if (guard_new(&c, &err) != NULL)
			fail_msg("%s = %s is taken", wrong[i].key, wrong[i].value);
		assert_memory_equal(err.text, wrong[i].key, strlen(wrong[i].key));
	}
}

static void
hosts_and_ports_are_settings(void **state)
{
	char any[] = "*", no[] = "!*.evil.example", google[] = "*.googleapis.com", port[] = "444";
	struct config c = defaults();
	struct config_list vendors = LIST(google), others = LIST(any, no), ports = LIST(port);
	struct guard_endpoint e;
	struct guard *g;
	const char *why;

	(void)state;
	c.endpoint_hosts = vendors;
	c.endpoint_ports = ports;
	g = guard_of(&c);
	assert_int_equal(guard_check(g, slice_of("https://FCM.googleapis.com:444/x"), &e, &why), 0);
	assert_int_equal(guard_check(g, slice_of("https://fcm.googleapis.com/x"), &e, &why), -1);
	assert_string_equal(why, "this port is not taken");
	assert_int_equal(guard_check(g, slice_of("https://push.example.net:444/x"), &e, &why), -1);
	assert_string_equal(why, "this host is not taken");
	guard_free(g);

	c = defaults();
	c.endpoint_hosts = others;
	g = guard_of(&c);
	assert_int_equal(guard_check(g, slice_of("https://a.EVIL.example/x"), &e, &why), -1);
	assert_int_equal(guard_check(g, slice_of("https://a.good.example/x"), &e, &why), 0);
	guard_free(g);
}

static void
literals_where_they_are_taken(void **state)
{
	static const struct {
		const char	*endpoint, *normal;
	} rows[] = {
		{ "https://8.8.8.8/x", "https://8.8.8.8/x" }, { "https://0x08080808/x", "https://8.8.8.8/x" },
		{ "https://134744072/x", "https://8.8.8.8/x" },
		{ "https://010.8.8.8/x", "https://8.8.8.8/x" },
		{ "https://[2606:4700:0:0::1111]:8443/x", "https://[2606:4700::1111]:8443/x" },
		{ "https://127.0.0.1/", NULL }, { "https://2130706433/", NULL }, { "https://10.1/", NULL },
		{ "https://[::1]/", NULL }, { "https://[::ffff:7f00:1]/", NULL },
		{ "https://[64:ff9b::7f00:1]/", NULL }, { "https://[fe80::1%25lo]/", NULL },
		{ "https://8.8.8.8.8/", NULL }, { "https://8.8.8.8./", NULL }, { "https://0/", NULL },
	};
	struct config c = defaults();
	struct guard_endpoint e;
	struct guard *g;
	const char *why;

	(void)state;
	c.endpoint_literals = true;
	g = guard_of(&c);
	for (size_t i = 0; i < COUNT(rows); i++) {
		int rc = guard_check(g, slice_of(rows[i].endpoint), &e, &why);

		if (rc != (rows[i].normal == NULL ? -1 : 0))
			fail_msg("%s: %d", rows[i].endpoint, rc);
		if (rc == 0)
			assert_string_equal(e.normal, rows[i].normal);
	}
	guard_free(g);
}

/* Addresses of this host */

static void
interfaces_are_ours(void **state)
{
	struct config c = defaults();
	struct guard *g;
	struct guard_endpoint e;
	const char *why;

	(void)state;
	c.endpoint_literals = true;
	g = guard_of(&c);
	assert_true(is_open(g, "8.8.8.8"));
	interface = address_of("8.8.8.8");
	assert_false(is_open(g, "8.8.8.8"));	/* at once: they are read each time */
	assert_false(is_open(g, "::ffff:8.8.8.8"));
	assert_false(is_open(g, "64:ff9b::8.8.8.8"));
	assert_true(is_open(g, "8.8.4.4"));
	assert_int_equal(guard_check(g, slice_of("https://134744072/"), &e, &why), -1);
	interface = address_of("2606:4700::1");
	assert_false(is_open(g, "2606:4700::1"));
	assert_true(is_open(g, "2606:4700::2"));
	memset(&interface, 0, sizeof(interface));
	interfaces_fail = true;
	assert_false(is_open(g, "8.8.8.8"));
	interfaces_fail = false;
	assert_true(is_open(g, "8.8.8.8"));
	guard_free(g);
}

static void
own_addresses_and_translators_are_settings(void **state)
{
	char own4[] = "198.41.0.4", own6[] = "2606:4700:1::/48", own24[] = "9.9.9.0/24";
	char p32[] = "2a00:1::/32", p40[] = "2a00:2:100::/40", p48[] = "2a00:3:3::/48";
	char p56[] = "2a00:4:4:100::/56", p64[] = "2a00:5:5:5::/64", p96[] = "fd00:6::/96";
	static const char *const local[] = {	/* 10.0.0.1 in each of them (RFC 6052 section 2.2) */
		"2a00:1:a00:1::", "2a00:2:10a:0:1::", "2a00:3:3:a00:0:100::", "2a00:4:4:10a::1:0:0",
		"2a00:5:5:5:a:0:100:0", "fd00:6::a00:1", "64:ff9b::a00:1",
	};
	static const char *const far[] = {	/* 8.8.8.8 */
		"2a00:1:808:808::", "2a00:2:108:808:8::", "2a00:3:3:808:8:800::", "2a00:4:4:108:8:808::",
		"2a00:5:5:5:8:808:800:0", "fd00:6::808:808", "64:ff9b::808:808",
	};
	struct config_list own = LIST(own4, own6, own24), nat64 = LIST(p32, p40, p48, p56, p64, p96);
	struct config c = defaults();
	struct guard *g;

	(void)state;
	c.own_addresses = own;
	c.nat64_prefix = nat64;
	g = guard_of(&c);
	assert_false(is_open(g, "198.41.0.4"));
	assert_true(is_open(g, "198.41.0.5"));
	assert_false(is_open(g, "64:ff9b::198.41.0.4"));
	assert_false(is_open(g, "fd00:6::198.41.0.4"));
	assert_false(is_open(g, "2606:4700:1:ffff::1"));
	assert_true(is_open(g, "2606:4700:2::1"));
	assert_false(is_open(g, "9.9.9.255"));
	assert_true(is_open(g, "9.9.10.0"));
	for (size_t i = 0; i < COUNT(local); i++)
		if (is_open(g, local[i]))
			fail_msg("%s is open", local[i]);
	for (size_t i = 0; i < COUNT(far); i++)
		if (!is_open(g, far[i]))
			fail_msg("%s is shut", far[i]);
	guard_free(g);
}

static void
other_families_are_shut(void **state)
{
	struct config c = defaults();
	struct guard *g = guard_of(&c);
	struct sockaddr sa = { .sa_family = AF_UNIX };

	(void)state;
	assert_false(guard_address(g, &sa));
	sa.sa_family = AF_UNSPEC;
	assert_false(guard_address(g, &sa));
	guard_free(g);
	guard_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_of_the_table),
		cmocka_unit_test(a_refusal_names_its_rule),
		cmocka_unit_test(normal_forms),
		cmocka_unit_test(allow_opens_prefixes_and_no_more),
		cmocka_unit_test(bad_settings_are_refused),
		cmocka_unit_test(hosts_and_ports_are_settings),
		cmocka_unit_test(literals_where_they_are_taken),
		cmocka_unit_test(interfaces_are_ours),
		cmocka_unit_test(own_addresses_and_translators_are_settings),
		cmocka_unit_test(other_families_are_shut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
