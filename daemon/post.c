/*
 * Two multi handles, one for the public Internet and one for trusted endpoints, both driven by the
 * program's own loop through libcurl's socket and timer callbacks.  An easy handle is made once and
 * used again, up to POST_MAX of them.
 *
 * An answer counts as soon as its header is complete: a service may reset the stream or never end
 * the body after a 201, and the push is taken all the same.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "daemon/post.h"
#include "lib/clock.h"

#define HEADER_MAX	(16 * 1024)
#define BODY_MAX	(4 * 1024)
#define LIFETIME_S	300

struct side {				/* one multi handle */
	CURLM		*multi;
	struct post	*post;
	int64_t		 timer_ms;	/* monotonic, INT64_MAX: none */
	bool		 trusted;
};

struct socket_watch {
	struct loop_watch watch;
	struct side	*side;
};

struct transfer {
	CURL		*easy;
	struct side	*side;		/* NULL: free */
	void		*owner;
	struct curl_slist *headers;
	char		 url[GUARD_ENDPOINT_MAX + 64];
	size_t		 header_len, body_len;
	bool		 final;		/* the header of the final response is complete */
	bool		 opened, refused;	/* what the guard said */
	bool		 repeated;
	char		 retry_after[POST_RETRY_AFTER_MAX];
	char		 error[CURL_ERROR_SIZE];
};

struct post {
	struct loop		*loop;
	const struct guard	*guard;
	const struct config	*config;
	struct side		 sides[2];
	struct transfer		 transfers[POST_MAX];
	size_t			 in_flight;
};

/* The loop's side of libcurl: sockets and timers */

static void
socket_ready(void *arg, uint32_t events)
{
	struct socket_watch *w = arg;
	int what = 0, running;

	if (events & (EPOLLIN | EPOLLHUP))
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		what |= CURL_CSELECT_ERR;
	curl_multi_socket_action(w->side->multi, w->watch.fd, what, &running);
}

static uint32_t
socket_events(int what)
{
	return (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct side *side = arg;
	struct socket_watch *w = known;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			loop_del(side->post->loop, &w->watch);
		free(w);
		return 0;
	}
	if (w != NULL) {
		loop_change(side->post->loop, &w->watch, socket_events(what));
		return 0;
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		abort();
	w->side = side;
	w->watch = (struct loop_watch){ fd, socket_events(what), socket_ready, w };
	if (loop_add(side->post->loop, &w->watch) < 0) {
		free(w);
		return -1;
	}
	curl_multi_assign(side->multi, fd, w);
	return 0;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct side *side = arg;

	(void)multi;
	side->timer_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
	return 0;
}

/* The transfer's side */

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = arg;

	(void)purpose;
	if (!t->side->trusted && !guard_address(t->side->post->guard, &address->addr)) {
		t->refused = true;
		return CURL_SOCKET_BAD;
	}
	t->opened = true;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
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

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n, value_len;
	const char *value;
	long status = 0;

	t->header_len += len;
	if (t->header_len > HEADER_MAX)
		return 0;
	if (len <= 2 && (line[0] == '\r' || line[0] == '\n')) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		t->final = t->final || status >= 200;
		return len;
	}
	value = header_value(line, len, "Retry-After", &value_len);
	if (value != NULL && value_len < sizeof(t->retry_after) && !t->final) {
		memcpy(t->retry_after, value, value_len);
		t->retry_after[value_len] = '\0';
	}
	return len;
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)data;
	t->body_len += size * n;
	return t->body_len > BODY_MAX ? 0 : size * n;
}

static enum push_result
result_of(const struct transfer *t, CURLcode code)
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
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
}

/* auto: libcurl before 8.14 was seen to reset nearly every HTTP/2 stream; services then hang up. */
static long
http_version(const struct config *c)
{
	if (c->http_version == HTTP_2)
		return CURL_HTTP_VERSION_2TLS;
	if (c->http_version == HTTP_1_1)
		return CURL_HTTP_VERSION_1_1;
	return curl_version_info(CURLVERSION_NOW)->version_num < 0x080e00
	    ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS;
}

static void
set_configured(CURL *easy, const struct config *c)
{
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, http_version(c));
	if (c->push_ca_file != NULL)	/* beside the system's folder of authorities, which stays */
		curl_easy_setopt(easy, CURLOPT_CAINFO, c->push_ca_file);
	if (c->bind_address != NULL)
		curl_easy_setopt(easy, CURLOPT_INTERFACE, c->bind_address);
	if (c->address_family != FAMILY_ANY)
		curl_easy_setopt(easy, CURLOPT_IPRESOLVE, c->address_family == FAMILY_IPV4
		    ? (long)CURL_IPRESOLVE_V4 : (long)CURL_IPRESOLVE_V6);
}

static void
add_header(struct transfer *t, const char *name, const char *value)
{
	char line[1200];
	struct curl_slist *more;

	snprintf(line, sizeof(line), "%s: %s", name, value);
	more = curl_slist_append(t->headers, line);
	if (more == NULL)
		abort();
	t->headers = more;
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
	add_header(t, "Content-Encoding", "aes128gcm");
	add_header(t, "Content-Type", "application/octet-stream");
	add_header(t, "Authorization", request->authorization);
	t->headers = curl_slist_append(t->headers, "Expect:");
	t->headers = curl_slist_append(t->headers, "Accept:");
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static struct transfer *
free_transfer(struct post *p)
{
	for (size_t i = 0; i < POST_MAX; i++)
		if (p->transfers[i].side == NULL)
			return &p->transfers[i];
	return NULL;
}

static void
end_transfer(struct post *p, struct transfer *t)
{
	curl_multi_remove_handle(t->side->multi, t->easy);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	t->side = NULL;
	explicit_bzero(t->url, sizeof(t->url));
	curl_easy_reset(t->easy);
	p->in_flight--;
}

int
post_start(struct post *p, const struct post_request *request)
{
	struct transfer *t = free_transfer(p);
	CURL *easy;

	if (t == NULL || strlen(request->url) >= sizeof(t->url))
		return -1;
	easy = t->easy != NULL ? t->easy : curl_easy_init();
	if (easy == NULL)
		return -1;
	memset(t, 0, sizeof(*t));
	t->easy = easy;
	t->side = &p->sides[request->trusted];
	t->owner = request->owner;
	strncat(t->url, request->url, sizeof(t->url) - 1);
	set_fixed(easy, t);
	set_configured(easy, p->config);
	curl_easy_setopt(easy, CURLOPT_URL, t->url);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)request->len);
	curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
	set_headers(t, request);
	p->in_flight++;
	if (curl_multi_add_handle(t->side->multi, easy) != CURLM_OK) {
		end_transfer(p, t);
		return -1;
	}
	return 0;
}

/*
 * A kept HTTP/2 connection that was given up (GOAWAY) before it said anything of this push: most
 * likely the stream was never looked at, so it goes once more, at once, over a new connection.
 * libcurl does so by itself for HTTP/1.1 and for REFUSED_STREAM.
 */
static bool
repeat(struct transfer *t, CURLcode code)
{
	long connects = 1;

	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
	if (code != CURLE_HTTP2 || connects > 0 || t->header_len > 0 || t->repeated)
		return false;
	t->repeated = true;
	curl_multi_remove_handle(t->side->multi, t->easy);
	curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
	return curl_multi_add_handle(t->side->multi, t->easy) == CURLM_OK;
}

static int
take_from(struct post *p, struct side *side, struct post_answer *answer)
{
	struct transfer *t = NULL;
	CURLMsg *msg;
	CURLcode code;
	long status = 0;
	int left;

	while ((msg = curl_multi_info_read(side->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		code = msg->data.result;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		if (repeat(t, code))
			continue;
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		memset(answer, 0, sizeof(*answer));
		answer->owner = t->owner;
		answer->result = result_of(t, code);
		answer->status = answer->result == PUSH_HTTP ? (int)status : 0;
		memcpy(answer->retry_after, t->retry_after, sizeof(answer->retry_after));
		end_transfer(p, t);
		return 1;
	}
	return 0;
}

int
post_take(struct post *p, struct post_answer *answer)
{
	return take_from(p, &p->sides[0], answer) || take_from(p, &p->sides[1], answer);
}

void
post_guard(struct post *p, const struct guard *guard)
{
	p->guard = guard;
}

void
post_run(struct post *p, int64_t now_ms)
{
	int running;

	for (int i = 0; i < 2; i++) {
		if (p->sides[i].timer_ms > now_ms)
			continue;
		p->sides[i].timer_ms = INT64_MAX;
		curl_multi_socket_action(p->sides[i].multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
}

int64_t
post_next(const struct post *p)
{
	return p->sides[0].timer_ms < p->sides[1].timer_ms ? p->sides[0].timer_ms : p->sides[1].timer_ms;
}

size_t
post_in_flight(const struct post *p)
{
	return p->in_flight;
}

static void
side_open(struct side *side, struct post *p, bool trusted)
{
	side->post = p;
	side->trusted = trusted;
	side->timer_ms = INT64_MAX;
	side->multi = curl_multi_init();
	if (side->multi == NULL)
		abort();
	curl_multi_setopt(side->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(side->multi, CURLMOPT_SOCKETDATA, side);
	curl_multi_setopt(side->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(side->multi, CURLMOPT_TIMERDATA, side);
	curl_multi_setopt(side->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(side->multi, CURLMOPT_MAXCONNECTS, (long)POST_MAX);
	curl_multi_setopt(side->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)POST_MAX);
}

struct post *
post_new(struct loop *loop, const struct guard *guard, const struct config *c, struct err *err)
{
	struct post *p;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		err_set(err, "libcurl cannot start");
		return NULL;
	}
	if (c->push_ca_file != NULL && access(c->push_ca_file, R_OK) < 0) {
		err_set(err, "push_ca_file: %s cannot be read by this user", c->push_ca_file);
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		abort();
	p->loop = loop;
	p->guard = guard;
	p->config = c;
	side_open(&p->sides[0], p, false);
	side_open(&p->sides[1], p, true);
	return p;
}

void
post_free(struct post *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < POST_MAX; i++) {
		if (p->transfers[i].side != NULL)
			end_transfer(p, &p->transfers[i]);
		if (p->transfers[i].easy != NULL)
			curl_easy_cleanup(p->transfers[i].easy);
	}
	curl_multi_cleanup(p->sides[0].multi);
	curl_multi_cleanup(p->sides[1].multi);
	free(p);
}
