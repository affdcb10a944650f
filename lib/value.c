/*
 * Numbers are read digit by digit: strtol would take white space, signs and hexadecimal, which are
 * more often a slip than a wish.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/sock.h"
#include "lib/value.h"

/* Room that run_dir leaves in a socket's path for the longest name in it ("/arrival") and a NUL. */
#define RUN_DIR_MAX	(sizeof(((struct sockaddr_un *)NULL)->sun_path) - 16)

static const struct {
	char	unit;
	int64_t	seconds;
} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

#define N_UNITS	(sizeof(units) / sizeof(units[0]))

/* The digits at the front of text; NULL where there are none, or more than any bound needs. */
static const char *
digits(const char *text, int64_t *out)
{
	const char *p = text;
	int64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (p - text >= 15)
			return NULL;
		n = n * 10 + (*p - '0');
	}
	*out = n;
	return p == text ? NULL : p;
}

int
value_bool(const char *text, bool *out, struct err *err)
{
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return err_set(err, "'%s' is neither yes nor no", text);
	*out = *text == 'y';
	return 0;
}

int
value_number(const char *text, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	const char *rest;
	int64_t n;

	rest = digits(text, &n);
	if (rest == NULL || *rest != '\0' || n < min || n > max)
		return err_set(err, "'%s' is not a number from %" PRId64 " to %" PRId64, text, min,
		    max);
	*out = n;
	return 0;
}

static int64_t
unit_seconds(const char *text)
{
	for (size_t i = 0; i < N_UNITS; i++)
		if (text[0] == units[i].unit && text[1] == '\0')
			return units[i].seconds;
	return 0;
}

int
value_time(const char *text, int64_t min_s, int64_t max_s, int64_t *out, struct err *err)
{
	char min[VALUE_TIME_TEXT], max[VALUE_TIME_TEXT];
	const char *rest;
	int64_t n, unit;

	rest = digits(text, &n);
	if (rest == NULL)
		return err_set(err, "'%s' is not a time: write digits and s, m, h or d", text);
	unit = *rest == '\0' && n == 0 ? 1 : unit_seconds(rest);
	if (unit == 0)
		return err_set(err, "'%s' is not a time: its unit is one of s, m, h, d", text);
	if (n > max_s / unit || n * unit < min_s) {
		value_time_text(min_s, min);
		value_time_text(max_s, max);
		return err_set(err, "'%s' is not a time from %s to %s", text, min, max);
	}
	*out = n * unit;
	return 0;
}

void
value_time_text(int64_t seconds, char out[VALUE_TIME_TEXT])
{
	size_t i = 0;

	if (seconds == 0) {
		snprintf(out, VALUE_TIME_TEXT, "0");
		return;
	}
	while (i < N_UNITS - 1 && seconds % units[i].seconds != 0)
		i++;
	snprintf(out, VALUE_TIME_TEXT, "%" PRId64 "%c", seconds / units[i].seconds, units[i].unit);
}

int
value_word(const char *text, const char *const *words, int *out, struct err *err)
{
	char all[128] = "";
	size_t len = 0;

	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i;
			return 0;
		}
		if (len < sizeof(all))
			len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s",
			    i == 0 ? "" : ", ", words[i]);
	}
	return err_set(err, "'%s' is not one of: %s", text, all);
}

int
value_check_path(const char *text, struct err *err)
{
	if (*text != '/')
		return err_set(err, "'%s' is not an absolute path", text);
	return 0;
}

int
value_check_run_dir(const char *text, struct err *err)
{
	if (strlen(text) > RUN_DIR_MAX)
		return err_set(err, "'%s' is longer than %zu octets: its sockets would have no room",
		    text, RUN_DIR_MAX);
	return value_check_path(text, err);
}

int
value_check_socket(const char *text, struct err *err)
{
	struct sock_addr addr;

	return sock_parse(text, &addr, err);
}

int
value_check_port(const char *text, struct err *err)
{
	int64_t port;

	return value_number(text, 1, 65535, &port, err);
}

/* AF_INET, AF_INET6, or 0 where text is no literal address. */
static int
family_of(const char *text)
{
	struct in6_addr a;

	if (inet_pton(AF_INET, text, &a) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, text, &a) == 1 ? AF_INET6 : 0;
}

int
value_check_address(const char *text, struct err *err)
{
	if (family_of(text) == 0)
		return err_set(err, "'%s' is not an IPv4 or IPv6 address", text);
	return 0;
}

/*
 * ADDRESS or ADDRESS/BITS.  *bits is -1 where none are given.  The family, or 0 where text is no
 * such thing.
 */
static int
split_network(const char *text, int64_t *bits)
{
	char address[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	int family;

	*bits = -1;
	if (len >= sizeof(address))
		return 0;
	memcpy(address, text, len);
	address[len] = '\0';
	family = family_of(address);
	if (family == 0 || text[len] == '\0')
		return family;
	if (value_number(text + len + 1, 0, family == AF_INET ? 32 : 128, bits, NULL) < 0)
		return 0;
	return family;
}

int
value_check_network(const char *text, struct err *err)
{
	int64_t bits;

	if (split_network(text, &bits) == 0)
		return err_set(err, "'%s' is neither an address nor ADDRESS/BITS", text);
	return 0;
}

int
value_check_nat64(const char *text, struct err *err)
{
	int64_t bits;

	if (split_network(text, &bits) != AF_INET6 ||
	    (bits != 96 && (bits < 32 || bits > 64 || bits % 8 != 0)))
		return err_set(err, "'%s' is not an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits",
		    text);
	return 0;
}

int
value_check_url(const char *text, struct err *err)
{
	const char *host = text + strlen("https://");

	if (strncasecmp(text, "https://", strlen("https://")) != 0 || *host == '/' ||
	    *host == '\0')
		return err_set(err, "'%s' does not begin with https:// and a host", text);
	if (text[strlen(text) - 1] != '/')
		return err_set(err, "'%s' does not end at a '/': it would match longer names, too",
		    text);
	if (strpbrk(host, "?#@\\") != NULL)
		return err_set(err, "'%s' holds one of ? # @ \\, which no prefix may", text);
	return 0;
}

int
value_check_pattern(const char *text, struct err *err)
{
	if (strcmp(text, "!") == 0)
		return err_set(err, "'!' needs a pattern right behind it");
	return 0;
}

int
value_check_rule(const char *text, struct err *err)
{
	size_t len = strcspn(text, ":");

	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)text[i]))
			len = 0;
	if (len == 0 || text[len] != ':')
		return err_set(err, "'%s' is not of the form Field-Name: value", text);
	return 0;
}

int
value_check_delimiter(const char *text, struct err *err)
{
	for (const char *p = text; *p != '\0'; p++)
		if (!isgraph((unsigned char)*p) || isalnum((unsigned char)*p) || *p == '@')
			return err_set(err, "'%s' holds what cannot be a delimiter", text);
	return 0;
}
