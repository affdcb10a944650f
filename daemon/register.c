/*
 * A verification push is what an attacker can aim at others, so every way to one passes the limits of
 * the account first (window.h), and that of each subscription: one in 60 seconds.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/notify.h"
#include "daemon/register.h"
#include "daemon/sender.h"
#include "daemon/silence.h"
#include "daemon/window.h"
#include "lib/base64url.h"

#define VERIFY_APART_S	60

const char *
register_parse(struct daemon *d, struct register_form *form, struct slice endpoint, struct slice key,
    struct slice secret)
{
	if (endpoint.p == NULL || endpoint.len == 0 || endpoint.len > GUARD_ENDPOINT_MAX ||
	    memchr(endpoint.p, '\0', endpoint.len) != NULL)
		return "the endpoint is a URL of 1 to 1024 octets";
	for (size_t i = 0; i < endpoint.len; i++)
		if (endpoint.p[i] == '\r' || endpoint.p[i] == '\n')
			return "the endpoint has a line break in it";
	memcpy(form->endpoint, endpoint.p, endpoint.len);
	form->endpoint[endpoint.len] = '\0';
	if (key.p == NULL || base64url_decode(key, form->point, ECE_POINT) != ECE_POINT ||
	    !ece_check_point(d->ece, form->point))
		return "the key is a P-256 point of 65 octets, uncompressed, in base64url";
	if (secret.p == NULL || base64url_decode(secret, form->auth, ECE_AUTH) != ECE_AUTH)
		return "the secret is 16 octets in base64url";
	return NULL;
}

static int
refuse(struct register_outcome *out, const char *code, const char *why)
{
	out->code = code;
	out->refused = why;
	return 0;
}

/* The number of the account's subscriptions. */
static int
count(struct store *s, const char *account, int64_t *n, struct err *err)
{
	struct subscription sub;
	char id[SUB_ID_MAX + 1] = "";
	int rc;

	*n = 0;
	while ((rc = store_sub_of(s, account, id, &sub, err)) == 1) {
		memcpy(id, sub.id, sizeof(id));
		++*n;
	}
	return rc < 0 ? -1 : 0;
}

/* Whether a verification of this subscription is still in the outbox. */
static int
is_outstanding(struct store *s, const struct subscription *sub, struct err *err)
{
	struct outbox_record r;
	uint64_t sequence = 0;
	int rc;

	while ((rc = store_outbox_of(s, sub->number, sequence, &r, err)) == 1) {
		if (r.type == OUTBOX_VERIFY && r.generation == sub->generation)
			return 1;
		sequence = r.sequence;
	}
	return rc < 0 ? -1 : 0;
}

/* A form that differs makes it a new subscription under the old id: nothing that was learnt holds. */
static void
start_over(struct subscription *sub, const char *key, int64_t now_s)
{
	sub->generation++;
	sub->state = SUB_UNACKNOWLEDGED;
	sub->n_tokens = 0;
	sub->acknowledged = 0;
	sub->inactive_since = now_s;
	if (key != sub->key)
		snprintf(sub->key, sizeof(sub->key), "%s", key);
}

static void
forget_failures(struct delivery *delivery)
{
	delivery->failures = delivery->fail_429 = delivery->tries = 0;
	delivery->failing_since = delivery->wait_until = delivery->first_404 = 0;
	delivery->last_success = 0;
	delivery->size_limit = 0;
	delivery->as_sync = delivery->key_refused = delivery->quieted = false;
}

/* The change itself, in one group: the subscription, its verification, the account's counts. */
static int
commit(struct daemon *d, struct subscription *sub, struct account *a, bool changed, int64_t now_s,
    struct err *err)
{
	struct delivery delivery;
	struct store *s = d->store;

	window_verify_count(a);
	if (store_begin(s, err) < 0)
		return -1;
	if (store_sub_put(s, sub, err) < 0 || store_account_put(s, a, err) < 0)
		goto failed;
	if (store_delivery_get(s, sub->number, &delivery, err) != 1)
		goto failed;
	if (changed)
		forget_failures(&delivery);
	delivery.quieted = false;
	delivery.verify_sent = now_s;
	if (store_delivery_put(s, &delivery, err) < 0 ||
	    notify_put(d, sub, OUTBOX_VERIFY, URGENCY_HIGH, d->config.token_lifetime, SLICE_NIL, err) < 0 ||
	    store_commit(s, err) < 0)
		goto failed;
	sender_added(d->sender, sub->number, 1);
	if (changed)
		sender_look(d->sender, sub->number);
	return 0;
failed:
	store_abort(s);
	return -1;
}

static void
make_topics(struct subscription *sub)
{
	for (int i = 0; i < TOPICS; i++)
		token_topic(sub->topic[i]);
}

/* Stores the subscription alone. */
static int
put_alone(struct store *s, struct subscription *sub, struct err *err)
{
	if (store_begin(s, err) < 0)
		return -1;
	if (store_sub_put(s, sub, err) < 0 || store_commit(s, err) < 0) {
		store_abort(s);
		return -1;
	}
	return 0;
}

/* The cheap refresh: nothing is pushed. */
static int
refresh(struct daemon *d, struct register_outcome *out, int64_t now_s, struct err *err)
{
	out->sub.refreshed = now_s;
	out->changed = true;
	return put_alone(d->store, &out->sub, err);
}

int
register_deactivate(struct daemon *d, struct subscription *sub, int64_t now_s, struct err *err)
{
	start_over(sub, sub->key, now_s);
	if (put_alone(d->store, sub, err) < 0)
		return -1;
	sender_look(d->sender, sub->number);
	return 0;
}

/* Whether the account may have one more verification; otherwise a note says when. */
static bool
may_verify(struct register_outcome *out, struct account *a, int64_t now_s)
{
	int64_t wait = window_verify_wait(a, now_s);

	if (wait > 0)
		snprintf(out->note, sizeof(out->note), "next verification in %lld s", (long long)wait);
	return wait == 0;
}

/* Identical and still unacknowledged: whether one more verification is due.  1, 0 with a note, -1. */
static int
verify_again(struct daemon *d, struct register_outcome *out, struct account *a, int64_t now_s,
    struct err *err)
{
	struct delivery delivery;
	int rc = store_delivery_get(d->store, out->sub.number, &delivery, err);
	int64_t ago;

	if (rc != 1)
		return -1;
	ago = now_s - delivery.verify_sent;
	rc = is_outstanding(d->store, &out->sub, err);
	if (rc < 0)
		return -1;
	if (rc == 1 || (ago >= 0 && ago < VERIFY_APART_S)) {
		snprintf(out->note, sizeof(out->note), "verification sent %lld s ago",
		    (long long)(ago < 0 ? 0 : ago));
		return 0;
	}
	return may_verify(out, a, now_s);
}

static bool
same_form(const struct subscription *sub, const struct register_form *form)
{
	return strcmp(sub->endpoint, form->endpoint) == 0 &&
	    memcmp(sub->point, form->point, ECE_POINT) == 0 &&
	    memcmp(sub->auth, form->auth, ECE_AUTH) == 0;
}

/* A new or changed one has to pass the guard and the limits.  0: go on, unless out->refused. */
static int
check_new(struct daemon *d, const struct register_form *form, bool exists, struct account *a,
    int64_t now_s, struct guard_endpoint *endpoint, struct register_outcome *out, struct err *err)
{
	const char *why;
	int64_t n, wait;

	if (guard_check(d->guard, slice_of(form->endpoint), endpoint, &why) < 0)
		return refuse(out, "CANNOT", why);
	if (count(d->store, form->account, &n, err) < 0)
		return -1;
	if (!exists && n >= d->config.subscriptions_max)
		return refuse(out, "LIMIT", "This account has too many subscriptions");
	wait = window_verify_wait(a, now_s);
	if (wait == 0)
		return 0;
	snprintf(out->note, sizeof(out->note), "Too many verifications, try again in %lld s",
	    (long long)wait);
	return refuse(out, "UNAVAILABLE", out->note);
}

static void
fill(struct subscription *sub, const struct register_form *form, const char *normal)
{
	memcpy(sub->endpoint, form->endpoint, sizeof(sub->endpoint));
	snprintf(sub->normal, sizeof(sub->normal), "%s", normal);
	memcpy(sub->point, form->point, ECE_POINT);
	memcpy(sub->auth, form->auth, ECE_AUTH);
}

static int
put_new(struct daemon *d, const struct register_form *form, bool exists, struct account *a,
    int64_t now_s, struct register_outcome *out, struct err *err)
{
	struct guard_endpoint endpoint;
	struct subscription *sub = &out->sub;

	if (check_new(d, form, exists, a, now_s, &endpoint, out, err) < 0)
		return -1;
	if (out->refused != NULL)
		return 0;
	if (!exists) {
		memset(sub, 0, sizeof(*sub));
		snprintf(sub->account, sizeof(sub->account), "%s", form->account);
		memcpy(sub->id, form->id, sizeof(sub->id));
		sub->created = now_s;
		make_topics(sub);
	}
	fill(sub, form, endpoint.normal);
	sub->refreshed = now_s;
	start_over(sub, vapid_current(d->vapid), now_s);
	out->changed = true;
	return commit(d, sub, a, true, now_s, err);
}

int
register_put(struct daemon *d, const struct register_form *form, int64_t now_s,
    struct register_outcome *out, struct err *err)
{
	const char *key = vapid_current(d->vapid);
	struct account a;
	bool other_key;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = store_sub_get(d->store, form->account, form->id, &out->sub, err);
	if (rc < 0 || store_account_get(d->store, form->account, &a, err) < 0)
		return -1;
	if (rc == 1 && out->sub.state == SUB_NEWER)
		return refuse(out, "UNAVAILABLE", "This subscription was stored by a newer version");
	if (rc == 0 || !same_form(&out->sub, form))
		return put_new(d, form, rc == 1, &a, now_s, out, err);
	other_key = strcmp(out->sub.key, key) != 0;
	if (!other_key) {
		if (out->sub.state == SUB_ACTIVE)
			return refresh(d, out, now_s, err);
		rc = verify_again(d, out, &a, now_s, err);
		if (rc != 1)
			return rc;
	} else {	/* made for a key that is no longer the current one */
		if (!may_verify(out, &a, now_s))
			return 0;
		start_over(&out->sub, key, now_s);
	}
	out->sub.refreshed = now_s;
	out->changed = true;
	return commit(d, &out->sub, &a, other_key, now_s, err);
}

int
register_delete(struct daemon *d, const struct subscription *sub, struct err *err)
{
	if (store_begin(d->store, err) < 0)
		return -1;
	if (store_sub_del(d->store, sub, err) < 0 || store_commit(d->store, err) < 0) {
		store_abort(d->store);
		return -1;
	}
	sender_forget(d->sender, sub->number);
	silence_forget(d, sub->number);
	return 0;
}
