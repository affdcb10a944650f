/*
 * What libcurl is told of a push, and what it says of it.
 *
 * An answer counts as soon as its header is complete: a service may reset the stream or never end
 * the body after a 201, and the push is taken all the same.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/post_int.h"

#define BODY_MAX	(4 * 1024)
#define LIFETIME_S	300

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = arg;
	int fd;

	(void)purpose;
	if (!t->side->trusted && !guard_address(t->side->post->guard, &address->addr)) {
		t->refused = true;
		return CURL_SOCKET_BAD;
	}
	t->opened = true;
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd >= 0)
		post_opened(t->side->post, fd);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int
on_close(void *arg, curl_socket_t fd)
{
	post_closing(arg, fd);
	return close(fd);
}

/* The value of a header line "Name: value", trimmed, or NULL where it is another header. */
static const char *
header_value(const char *line, size_t len, const char *name, size_t *value_len)
{
	size_t n = strlen(name);

	if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
		return NULL;
	line += n + 1;
	len -= n + 1;
	while (len > 0 && isspace((unsigned char)*line)) {
		line++;
		len--;
	}
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	*value_len = len;
	return line;
}

/* The empty line behind a header; one of an interim response takes along what it said. */
static void
end_header(struct transfer *t, long status)
{
	if (t->final)
		return;
	t->final = status >= 200;
	if (!t->final)
		t->retry_after[0] = '\0';
}

bool
post_header(struct transfer *t, const char *line, size_t len, long status)
{
	size_t value_len;
	const char *value;

	t->header_len += len;
	if (t->header_len > POST_HEADER_MAX)
		return false;
	if (len > 0 && len <= 2 && (line[0] == '\r' || line[0] == '\n')) {
		end_header(t, status);
		return true;
	}
	value = header_value(line, len, "Retry-After", &value_len);
	if (value != NULL && value_len < sizeof(t->retry_after) && !t->final) {
		memcpy(t->retry_after, value, value_len);
		t->retry_after[value_len] = '\0';
	}
	return true;
}

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return post_header(t, line, size * n, status) ? size * n : 0;
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)data;
	t->body_len += size * n;
	return t->body_len > BODY_MAX ? 0 : size * n;
}

enum push_result
post_result(const struct transfer *t, int code)
{
	if (t->final)
		return PUSH_HTTP;
	if (t->refused && !t->opened)
		return PUSH_REFUSED;
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return PUSH_TIMEOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
		return PUSH_DNS;
	case CURLE_COULDNT_CONNECT:
		return PUSH_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_CACERT_BADFILE:
		return PUSH_TLS;
	default:
		return PUSH_TRANSPORT;
	}
}

/* What holds for every push, whatever is configured */
static void
set_fixed(CURL *easy, struct transfer *t)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Else the loop waits for a resolver's thread whose transfer has timed out: for seconds. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)POST_CONNECT_S);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)POST_TOTAL_S);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)LIFETIME_S);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "mailbell/" MAILBELL_VERSION);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, t->side->post);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
}

static long
http_version(const struct post *p)
{
	bool newer = p->config->http_version == HTTP_2 ||
	    (p->config->http_version != HTTP_1_1 && p->resets_none);

	return newer ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
}

static void
set_configured(CURL *easy, const struct post *p)
{
	const struct config *c = p->config;

	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, http_version(p));
	if (c->push_ca_file != NULL)	/* beside the system's folder of authorities, which stays */
		curl_easy_setopt(easy, CURLOPT_CAINFO, c->push_ca_file);
	if (c->bind_address != NULL)
		curl_easy_setopt(easy, CURLOPT_INTERFACE, c->bind_address);
	if (c->address_family != FAMILY_ANY)
		curl_easy_setopt(easy, CURLOPT_IPRESOLVE, c->address_family == FAMILY_IPV4
		    ? (long)CURL_IPRESOLVE_V4 : (long)CURL_IPRESOLVE_V6);
}

static void
add_line(struct transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->headers, line);

	if (more == NULL)
		abort();
	t->headers = more;
}

static void
add_header(struct transfer *t, const char *name, const char *value)
{
	char line[1200];

	snprintf(line, sizeof(line), "%s: %s", name, value);
	add_line(t, line);
}

static void
set_headers(struct transfer *t, const struct post_request *request)
{
	char ttl[24];

	snprintf(ttl, sizeof(ttl), "%lld", (long long)request->ttl_s);
	add_header(t, "TTL", ttl);
	add_header(t, "Urgency", request->urgency);
	if (request->topic != NULL)
		add_header(t, "Topic", request->topic);
	add_header(t, "Authorization", request->authorization);
	add_line(t, "Content-Encoding: aes128gcm");
	add_line(t, "Content-Type: application/octet-stream");
	add_line(t, "Expect:");		/* not sent, as the next */
	add_line(t, "Accept:");
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

void
post_setup(struct transfer *t, const struct post_request *request)
{
	set_fixed(t->easy, t);
	set_configured(t->easy, t->side->post);
	curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
	if (request->probe) {
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
		return;
	}
	curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)request->len);
	curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, request->body);
	set_headers(t, request);
}
