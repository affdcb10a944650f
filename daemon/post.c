/*
 * Two multi handles, one for the public Internet and one for trusted endpoints, both driven by the
 * program's own loop through libcurl's socket and timer callbacks.  An easy handle is made once and
 * used again, up to POST_MAX of them.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "daemon/post_int.h"
#include "lib/clock.h"

/*
 * A socket that we made stays in the loop between two transfers, though libcurl takes it out and puts it
 * in again each time.  Others, a resolver's, are closed without a word and do not.
 */
struct post_socket {
	struct loop_watch watch;
	struct side	*side;
	bool		 ours;		/* on_close will tell of its end */
	bool		 wanted;	/* a transfer waits for it */
	bool		 in_loop;
};

/* The loop's side of libcurl: sockets and timers */

static struct post_socket *
socket_of(struct post *p, int fd)
{
	return (size_t)fd < p->n_sockets ? p->sockets[fd] : NULL;
}

static struct post_socket *
add_socket(struct post *p, int fd)
{
	size_t n = (size_t)fd + 1;
	struct post_socket *w = calloc(1, sizeof(*w));

	if (n > p->n_sockets) {
		p->sockets = realloc(p->sockets, n * sizeof(struct post_socket *));
		if (p->sockets == NULL)
			abort();
		memset(p->sockets + p->n_sockets, 0, (n - p->n_sockets) * sizeof(struct post_socket *));
		p->n_sockets = n;
	}
	if (w == NULL)
		abort();
	w->watch.fd = fd;
	w->watch.arg = w;
	return p->sockets[fd] = w;
}

static void
leave_loop(struct post *p, struct post_socket *w)
{
	if (w->in_loop)
		loop_del(p->loop, &w->watch);
	w->in_loop = false;
}

static void
drop_socket(struct post *p, struct post_socket *w)
{
	leave_loop(p, w);
	p->sockets[w->watch.fd] = NULL;
	free(w);
}

void
post_opened(struct post *p, int fd)
{
	add_socket(p, fd)->ours = true;
}

void
post_closing(struct post *p, int fd)
{
	struct post_socket *w = socket_of(p, fd);

	if (w != NULL)
		drop_socket(p, w);
}

static void
socket_ready(void *arg, uint32_t events)
{
	struct post_socket *w = arg;
	int what = 0, running;

	if (!w->wanted) {	/* most likely it was closed: the next transfer will see that */
		leave_loop(w->side->post, w);
		return;
	}
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
	struct post *p = side->post;
	struct post_socket *w = socket_of(p, fd);

	(void)easy;
	(void)known;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL && w->ours)
			w->wanted = false;
		else if (w != NULL)
			drop_socket(p, w);
		return 0;
	}
	if (w == NULL)
		w = add_socket(p, fd);
	w->side = side;
	w->wanted = true;
	if (w->in_loop) {
		loop_change(p->loop, &w->watch, socket_events(what));
		return 0;
	}
	w->watch.events = socket_events(what);
	w->watch.ready = socket_ready;
	w->in_loop = loop_add(p->loop, &w->watch) == 0;
	return w->in_loop ? 0 : -1;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct side *side = arg;

	(void)multi;
	side->timer_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
	return 0;
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
	post_setup(t, request);
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
		answer->result = post_result(t, (int)code);
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
	/* Before 8.14 it was seen to reset nearly every one; services then hang up. */
	p->resets_none = curl_version_info(CURLVERSION_NOW)->version_num >= 0x080e00;
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
	for (size_t i = 0; i < p->n_sockets; i++)
		if (p->sockets[i] != NULL)
			drop_socket(p, p->sockets[i]);
	free(p->sockets);
	free(p);
}
