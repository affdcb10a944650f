/*
 * Each command is one function from its arguments to a reply; verbs_run finds it in a table.  A
 * command that changes something does so in one group of the store, and its answer waits for the
 * flush.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/account.h"
#include "daemon/acknowledge.h"
#include "daemon/register.h"
#include "daemon/seen.h"
#include "daemon/silence.h"
#include "daemon/verbs.h"
#include "lib/clock.h"
#include "lib/imapstr.h"
#include "lib/log.h"

#define UNTAGGED_MAX	(FRAME_MAX - 4096)

struct reply {
	struct buf	untagged;
	char		tagged[400];
	bool		changed;	/* the store was: answer after the flush */
	bool		keep;
};

struct call {
	struct daemon		*daemon;
	struct peer		*peer;
	const struct wire_verb	*verb;
	char			 account[WIRE_USER_MAX + 1];
	int64_t			 now_s;
	struct reply		*reply;
};

static void say(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say(struct call *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->reply->tagged, sizeof(c->reply->tagged), fmt, ap);
	va_end(ap);
}

static void
say_completed(struct call *c, const char *name, const char *note)
{
	say(c, "OK %s completed%s%s", name, note[0] == '\0' ? "" : ", ", note);
}

static void
say_bad(struct call *c, const char *why)
{
	say(c, "BAD %.*s: %s", (int)c->verb->name.len, c->verb->name.p, why);
}

/* The store failed: nothing was changed. */
static void
say_failed(struct call *c, const struct err *err)
{
	c->daemon->counters.store_errors++;
	log_warn("%.*s: %s", (int)c->verb->name.len, c->verb->name.p, err->text);
	buf_reset(&c->reply->untagged);
	say(c, "NO [UNAVAILABLE] Nothing was changed, try again later");
}

/* `* WEBPUSH <id> <endpoint> <third field>` */
static int
show(struct call *c, const struct subscription *sub, struct err *err)
{
	struct buf *b = &c->reply->untagged;
	struct delivery delivery;
	int rc;

	rc = store_delivery_get(c->daemon->store, sub->number, &delivery, err);
	if (rc < 0)
		return -1;
	buf_text(b, "* WEBPUSH ");
	imapstr_astring(b, slice_of(sub->id));
	buf_text(b, " ");
	imapstr_astring(b, slice_of(sub->endpoint));
	if (sub->state != SUB_ACTIVE || rc == 0)
		buf_text(b, " NIL\r\n");
	else
		buf_printf(b, " %lld\r\n", (long long)silence_field(c->daemon, &delivery, c->now_s));
	return 0;
}

static void
show_key(struct call *c)
{
	const struct vapid *v = c->daemon->vapid;

	buf_printf(&c->reply->untagged, "* VAPID %s\r\n", vapid_public(v, vapid_current(v)));
}

static void
getvapid(struct call *c)
{
	if (c->verb->n != 0) {
		say_bad(c, "no arguments expected");
		return;
	}
	show_key(c);
	say_completed(c, "GETVAPID", "");
}

/* WEBPUSH */

static bool
valid_id(struct slice id)
{
	if (id.p == NULL || id.len == 0 || id.len > SUB_ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (id.p[i] < ' ' || id.p[i] > '~')
			return false;
	return true;
}

static void
copy_id(char out[SUB_ID_MAX + 1], struct slice id)
{
	memcpy(out, id.p, id.len);
	out[id.len] = '\0';
}

static void
webpush_delete(struct call *c, const char *id)
{
	struct store *s = c->daemon->store;
	struct subscription sub;
	struct err err;
	int rc;

	rc = store_sub_get(s, c->account, id, &sub, &err);
	if (rc == 1 && sub.state == SUB_NEWER) {
		say(c, "NO [UNAVAILABLE] This subscription was stored by a newer version");
		return;
	}
	if (rc == 1)
		rc = register_delete(c->daemon, &sub, &err) < 0 ? -1 : 1;
	if (rc < 0) {
		say_failed(c, &err);
		return;
	}
	c->reply->changed = rc == 1;
	say_completed(c, "WEBPUSH", "");
}

static void
webpush_register(struct call *c, const struct register_form *form)
{
	struct register_outcome outcome;
	struct err err;

	if (register_put(c->daemon, form, c->now_s, &outcome, &err) < 0) {
		say_failed(c, &err);
		return;
	}
	c->reply->changed = outcome.changed;
	if (outcome.refused != NULL) {
		say(c, "NO [%s] %s", outcome.code, outcome.refused);
		return;
	}
	show_key(c);
	if (show(c, &outcome.sub, &err) < 0)
		say_failed(c, &err);
	else
		say_completed(c, "WEBPUSH", outcome.note);
	explicit_bzero(&outcome.sub, sizeof(outcome.sub));
}

static void
webpush(struct call *c)
{
	const struct wire_verb *v = c->verb;
	struct register_form form = { .account = c->account };
	const char *why;

	if ((v->n != 2 && v->n != 4) || !valid_id(v->args[0])) {
		say_bad(c, "an id of 1 to 64 printable characters, then NIL, or endpoint, key and secret");
		return;
	}
	copy_id(form.id, v->args[0]);
	if (v->n == 2) {
		if (v->args[1].p != NULL)
			say_bad(c, "NIL, or endpoint, key and secret expected");
		else
			webpush_delete(c, form.id);
		return;
	}
	why = register_parse(c->daemon, &form, v->args[1], v->args[2], v->args[3]);
	if (why != NULL)
		say_bad(c, why);
	else
		webpush_register(c, &form);
	explicit_bzero(&form, sizeof(form));
}

/* ACKWEBPUSH */

static void
ack(struct call *c)
{
	struct subscription sub;
	struct err err;
	int rc;

	if (c->verb->n != 1 || c->verb->args[0].p == NULL) {
		say_bad(c, "the token of the push message expected");
		return;
	}
	rc = acknowledge(c->daemon, c->account, c->verb->args[0], c->now_s, &sub, &err);
	if (rc == ACKNOWLEDGE_TOO_MANY)
		say(c, "NO [UNAVAILABLE] Too many wrong tokens, try again in an hour");
	else if (rc == ACKNOWLEDGE_WRONG)
		say(c, "NO [CANNOT] This token is not valid");
	else if (rc < 0 || show(c, &sub, &err) < 0)
		say_failed(c, &err);
	else {
		c->reply->changed = true;
		say_completed(c, "ACKWEBPUSH", "");
	}
	explicit_bzero(&sub, sizeof(sub));
}

/* LWEBPUSH */

static void
list(struct call *c)
{
	struct store *s = c->daemon->store;
	struct subscription sub;
	char id[SUB_ID_MAX + 1] = "";
	struct slice arg = c->verb->args[0];
	struct err err;
	int rc = 0;

	if (c->verb->n != 1 || (!slice_is(arg, "*") && !valid_id(arg))) {
		say_bad(c, "an id or * expected");
		return;
	}
	if (!slice_is(arg, "*")) {
		copy_id(id, arg);
		rc = store_sub_get(s, c->account, id, &sub, &err);
		if (rc == 1 && sub.state != SUB_NEWER)
			rc = show(c, &sub, &err);
	} else {
		while ((rc = store_sub_of(s, c->account, id, &sub, &err)) == 1) {
			memcpy(id, sub.id, sizeof(id));
			if (sub.state != SUB_NEWER && (rc = show(c, &sub, &err)) < 0)
				break;
		}
	}
	if (rc < 0)
		say_failed(c, &err);
	else if (c->reply->untagged.failed)
		say(c, "NO [LIMIT] The list is too long, ask for single ids");
	else
		say_completed(c, "LWEBPUSH", "");
	explicit_bzero(&sub, sizeof(sub));
}

/* SILWEBPUSH */

/* Seconds, cut to the longest silence.  -1: not a number. */
static int64_t
parse_seconds(struct slice text)
{
	int64_t n = 0;

	if (text.len == 0)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -1;
		n = n * 10 + (text.p[i] - '0');
		if (n > SILENCE_MAX_S)
			n = SILENCE_MAX_S;
	}
	return n;
}

static void
silence(struct call *c)
{
	const struct wire_verb *v = c->verb;
	struct subscription sub;
	char id[SUB_ID_MAX + 1];
	int64_t seconds = 0;
	struct err err;
	int rc;

	if (v->n != 2 || !valid_id(v->args[0]) ||
	    (v->args[1].p != NULL && (seconds = parse_seconds(v->args[1])) < 0)) {
		say_bad(c, "an id, then seconds or NIL expected");
		return;
	}
	copy_id(id, v->args[0]);
	rc = store_sub_get(c->daemon->store, c->account, id, &sub, &err);
	if (rc == 0 || (rc == 1 && sub.state == SUB_NEWER)) {
		say(c, "NO [NONEXISTENT] There is no such subscription");
		return;
	}
	if (rc == 1 && v->args[1].p == NULL) {
		if (!peers_may_keep(c->daemon->peers)) {
			say(c, "NO [LIMIT] Too many connections keep a silence, give a time instead");
			return;
		}
		rc = silence_hold(c->daemon, sub.number, c->peer->id, c->now_s, &err);
		c->reply->changed = rc == 0;
		if (rc == 0)
			c->peer->holds_silence = c->reply->keep = true;
	} else if (rc == 1) {
		rc = silence_timed(c->daemon, sub.number, seconds, c->now_s, &err);
		c->reply->changed = rc == 0;
	}
	if (rc < 0 || show(c, &sub, &err) < 0)
		say_failed(c, &err);
	else
		say_completed(c, "SILWEBPUSH", "");
	explicit_bzero(&sub, sizeof(sub));
}

/* The table */

static const struct {
	const char	*name;
	void		(*run)(struct call *c);
} table[] = {
	{ "GETVAPID", getvapid }, { "WEBPUSH", webpush }, { "ACKWEBPUSH", ack },
	{ "LWEBPUSH", list }, { "SILWEBPUSH", silence },
};

static void
dispatch(struct call *c)
{
	size_t i = 0;

	while (i < sizeof(table) / sizeof(table[0]) && !slice_is(c->verb->name, table[i].name))
		i++;
	if (i == sizeof(table) / sizeof(table[0]))
		say(c, "NO [UNAVAILABLE] The push service does not know this command yet");
	else if (c->verb->malformed)
		say_bad(c, "every argument is an atom, a quoted string or a literal");
	else if (!config_match(&c->daemon->config.subscribers, c->account))
		say(c, "NO [NOPERM] Push is not offered to this account");
	else if (vapid_current(c->daemon->vapid) == NULL)
		say(c, "NO [UNAVAILABLE] This server has no VAPID key");
	else
		table[i].run(c);
}

void
verbs_run(struct daemon *d, struct peer *p, const struct wire_verb *verb)
{
	struct reply reply = { .changed = false };
	struct wire_answer answer;
	struct call c = {
		.daemon = d, .peer = p, .verb = verb, .now_s = clock_wall_s(), .reply = &reply,
	};

	buf_init(&reply.untagged, UNTAGGED_MAX);
	if (account_name(verb->user, c.account) < 0)
		say(&c, "NO [UNAVAILABLE] The name of this account is too long for push");
	else {
		seen_account(d, c.account);
		dispatch(&c);
	}
	if (strncmp(reply.tagged, "OK", 2) != 0)
		buf_reset(&reply.untagged);
	answer = (struct wire_answer){
		buf_all(&reply.untagged), slice_of(reply.tagged), reply.keep,
	};
	if (reply.changed || p->held > 0)
		peer_hold_answer(p);
	wire_put_answer(&p->out, &answer);
	buf_wipe(&reply.untagged);
}
