/*
 * Two parsers that disagree are how such guards are passed.  So curl_url, which the transfer uses,
 * says what host and port are; and whatever could be read in two ways is refused before or after:
 * encoded or odd characters, dot segments, user names, spellings of addresses.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "daemon/guardurl.h"

static int
refuse(const char **why, const char *rule)
{
	*why = rule;
	return -1;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The octet that "%XX" at p stands for, or -1. */
static int
decoded(const char *p)
{
	int high, low;

	if (p[0] != '%' || (high = hex_value(p[1])) == -1 || (low = hex_value(p[2])) == -1)
		return -1;
	return high << 4 | low;
}

/* Whether RFC 3986 has this octet. */
static bool
is_of_url(char c)
{
	switch (c) {
	case '"': case '\\': case '<': case '>': case '^': case '`': case '{': case '|': case '}':
		return false;
	default:
		return c > ' ' && c <= '~';
	}
}

/* The octets of the whole: those of RFC 3986, and no encoded controls. */
static int
check_octets(const char *url, const char **why)
{
	for (; *url != '\0'; url++) {
		int octet;

		if (!is_of_url(*url))
			return refuse(why, "characters that no URL has");
		if (*url == '#')
			return refuse(why, "a fragment");
		if (*url != '%')
			continue;
		octet = decoded(url);
		if (octet == -1)
			return refuse(why, "a malformed percent-encoding");
		if (octet < ' ' || octet == 0x7f)
			return refuse(why, "encoded control characters");
	}
	return 0;
}

/* Takes the encoding off, again and again: who knows how often a server does. */
static void
decode_fully(char *text)
{
	bool changed;

	do {
		char *to = text;

		changed = false;
		for (const char *from = text; *from != '\0'; to++) {
			int octet = decoded(from);

			if (octet > 0) {
				*to = (char)octet;
				from += 3;
				changed = true;
			} else
				*to = *from++;
		}
		*to = '\0';
	} while (changed);
}

/*
 * Whether a server could take a segment of the path for "." or "..": also encoded, between
 * backslashes, and with the parameters that some cut off at a semicolon.
 */
static bool
has_dot_segments(const char *path, size_t len)
{
	char text[GUARDURL_MAX + 1];
	const char *segment;

	memcpy(text, path, len);
	text[len] = '\0';
	decode_fully(text);
	for (segment = text; *segment != '\0'; segment += *segment != '\0') {
		size_t n = strcspn(segment, "/\\;");

		if (n > 0 && n <= 2 && strspn(segment, ".") >= n)
			return true;
		segment += strcspn(segment, "/\\");
	}
	return false;
}

static bool
is_numeric(const char *label)
{
	if (label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
		return true;
	return strspn(label, "0123456789") == strlen(label);
}

/* A name: labels of letters, digits, '-' and '_'; the last one is no number. */
static int
check_name(const char *host, const char **why)
{
	static const char label_octets[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *label = host;

	for (;;) {
		size_t n = strspn(label, label_octets);

		if (n == 0 || n > 63 || (label[n] != '.' && label[n] != '\0'))
			return refuse(why, "the host is not a name");
		if (label[n] == '\0')
			break;
		label += n + 1;
	}
	return is_numeric(label) ? refuse(why, "the host is not a name") : 0;
}

/* Whether the host is an address in the writing that curl_url has given it. */
static bool
take_literal(struct guardurl *p)
{
	char text[sizeof(p->host)];
	size_t len = strlen(p->host);
	struct ipnet net;

	if (p->host[0] == '[' && p->host[len - 1] == ']') {
		memcpy(text, p->host + 1, len - 2);
		text[len - 2] = '\0';
	} else
		memcpy(text, p->host, len + 1);
	if (strchr(text, '/') != NULL || ipnet_parse(text, &net) == -1)
		return false;
	memcpy(p->address.octets, net.octets, sizeof(net.octets));
	return true;
}

static int
take_host(CURLU *url, struct guardurl *p, const char **why)
{
	char *host = NULL, *zone = NULL;
	bool fits = false;

	if (curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && *host != '\0' &&
	    curl_url_get(url, CURLUPART_ZONEID, &zone, 0) != CURLUE_OK && strlen(host) <= 253) {
		memcpy(p->host, host, strlen(host) + 1);
		fits = true;
	}
	curl_free(host);
	curl_free(zone);
	if (!fits)
		return refuse(why, "the host is not a name");
	for (char *c = p->host; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	p->literal = take_literal(p);
	return p->literal ? 0 : check_name(p->host, why);
}

static unsigned
port_of(CURLU *url)
{
	char *text = NULL;
	unsigned port = 0;

	if (curl_url_get(url, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) == CURLUE_OK)
		port = (unsigned)strtoul(text, NULL, 10);
	curl_free(text);
	return port;
}

/* Whether curl_url has the same path as we have. */
static bool
same_path(CURLU *url, const char *rest)
{
	size_t len = strcspn(rest, "?");
	char *path = NULL;
	bool same;

	if (curl_url_get(url, CURLUPART_PATH, &path, 0) != CURLUE_OK)
		return false;
	same = len == 0 ? strcmp(path, "/") == 0 : strlen(path) == len && memcmp(path, rest, len) == 0;
	curl_free(path);
	return same;
}

static int
take_parts(CURLU *url, const char *text, struct guardurl *p, const char **why)
{
	if (curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK)
		return refuse(why, "not a URL");
	if (take_host(url, p, why) == -1)
		return -1;
	p->port = port_of(url);
	if (p->port == 0 || p->port > 65535)
		return refuse(why, "this port is not taken");
	return same_path(url, p->rest) ? 0 : refuse(why, "not a URL");
}

int
guardurl_parse(const char *text, struct guardurl *p, const char **why)
{
	const char *authority = text + strlen(GUARDURL_SCHEME);
	size_t len;
	CURLU *url;
	int rc;

	if (check_octets(text, why) == -1)
		return -1;
	if (strncasecmp(text, GUARDURL_SCHEME, strlen(GUARDURL_SCHEME)) != 0)
		return refuse(why, "not https");
	len = strcspn(authority, "/?");
	if (len == 0)
		return refuse(why, "no host");
	if (memchr(authority, '@', len) != NULL)
		return refuse(why, "a user name");
	if (memchr(authority, '%', len) != NULL)
		return refuse(why, "the host is not a name");
	p->rest = authority + len;
	if (has_dot_segments(p->rest, strcspn(p->rest, "?")))
		return refuse(why, "dot segments in the path");
	url = curl_url();
	if (url == NULL)
		abort();
	rc = take_parts(url, text, p, why);
	curl_url_cleanup(url);
	return rc;
}
