/*
 * A verification push is what an attacker can aim at others, so every way to one passes the limits of
 * the account first: 10 an hour, 30 a day, and one in 60 seconds for each subscription.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/notify.h"
#include "daemon/register.h"
#include "daemon/sender.h"
#include "daemon/silence.h"
#include "lib/base64url.h"

#define VERIFY_AN_HOUR	10
#define VERIFY_A_DAY	30
#define VERIFY_APART_S	60
#define TWINS_MAX	64	/* more than any account has */

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
	while ((rc = store_sub_next(s, account, id, &sub, err)) == 1 && strcmp(sub.account, account) == 0) {
		memcpy(id, sub.id, sizeof(id));
		++*n;
	}
	return rc < 0 ? -1 : 0;
}

static void
roll(int64_t *start, uint32_t *n, int64_t length, int64_t now_s)
{
	if (now_s - *start >= length || now_s < *start) {
		*start = now_s;
		*n = 0;
	}
}

/* Seconds until the account may have another verification push; 0: now. */
static int64_t
verify_wait(struct account *a, int64_t now_s)
{
	roll(&a->hour_start, &a->hour_count, 3600, now_s);
	roll(&a->day_start, &a->day_count, 86400, now_s);
	if (a->day_count >= VERIFY_A_DAY)
		return a->day_start + 86400 - now_s;
	return a->hour_count >= VERIFY_AN_HOUR ? a->hour_start + 3600 - now_s : 0;
}

/* Whether a verification of this subscription is still in the outbox. */
static int
is_outstanding(struct store *s, const struct subscription *sub, struct err *err)
{
	struct outbox_record r;
	uint64_t sequence = 0;
	int rc;

	while ((rc = store_outbox_next(s, sub->number, sequence, &r, err)) == 1 &&
	    r.number == sub->number) {
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

	a->hour_count++;
	a->day_count++;
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

/* Identical and still unacknowledged: whether one more verification is due.  1, 0 with a note, -1. */
static int
verify_again(struct daemon *d, struct register_outcome *out, struct account *a, int64_t now_s,
    struct err *err)
{
	struct delivery delivery;
	int rc = store_delivery_get(d->store, out->sub.number, &delivery, err);
	int64_t ago, wait;

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
	wait = verify_wait(a, now_s);
	if (wait > 0)
		snprintf(out->note, sizeof(out->note), "next verification in %lld s", (long long)wait);
	return wait == 0;
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
	wait = verify_wait(a, now_s);
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
		rc = verify_wait(&a, now_s) == 0;
		if (rc == 0) {
			snprintf(out->note, sizeof(out->note), "Too many verifications, try again in %lld s",
			    (long long)verify_wait(&a, now_s));
			return refuse(out, "UNAVAILABLE", out->note);
		}
		start_over(&out->sub, key, now_s);
	}
	out->sub.refreshed = now_s;
	out->changed = true;
	return commit(d, &out->sub, &a, other_key, now_s, err);
}

/* What is in memory of a subscription that was deleted. */
static void
forget(struct daemon *d, uint64_t number)
{
	sender_forget(d->sender, number);
	silence_forget(d, number);
}

/* ACKWEBPUSH */

/* The token's place in the subscription, or -1.  Every token is compared. */
static int
find_token(const struct subscription *sub, const uint8_t hash[TOKEN_HASH], int64_t now_s)
{
	int found = -1;

	for (size_t i = 0; i < sub->n_tokens; i++)
		if (token_equal(sub->tokens[i].hash, hash) && sub->tokens[i].expires > now_s)
			found = (int)i;
	return found;
}

static int
find_by_token(struct store *s, const char *account, const uint8_t hash[TOKEN_HASH], int64_t now_s,
    struct subscription *sub, int *place, struct err *err)
{
	char id[SUB_ID_MAX + 1] = "";
	int rc;

	while ((rc = store_sub_next(s, account, id, sub, err)) == 1 && strcmp(sub->account, account) == 0) {
		memcpy(id, sub->id, sizeof(id));
		if (sub->state == SUB_NEWER)
			continue;
		*place = find_token(sub, hash, now_s);
		if (*place >= 0)
			return 1;
	}
	return rc < 0 ? -1 : 0;
}

/*
 * Inside a group: a reinstalled client, the same endpoint under an older id goes.  Their numbers, up to
 * max, are told: the number of them, or -1.
 */
static int
delete_twins(struct daemon *d, const struct subscription *sub, uint64_t *numbers, int max,
    struct err *err)
{
	struct subscription other;
	char id[SUB_ID_MAX + 1] = "";
	int rc = 0, n = 0;

	while (n < max && (rc = store_sub_next(d->store, sub->account, id, &other, err)) == 1 &&
	    strcmp(other.account, sub->account) == 0) {
		memcpy(id, other.id, sizeof(id));
		if (other.state == SUB_NEWER || other.number == sub->number ||
		    strcmp(other.normal, sub->normal) != 0)
			continue;
		if (store_sub_del(d->store, &other, err) < 0)
			return -1;
		numbers[n++] = other.number;
	}
	explicit_bzero(&other, sizeof(other));
	return rc < 0 ? -1 : n;
}

/* The subscription and its twins, in one group. */
static int
commit_acknowledged(struct daemon *d, struct subscription *sub, struct err *err)
{
	uint64_t numbers[TWINS_MAX];
	int n;

	if (store_begin(d->store, err) < 0)
		return -1;
	if (store_sub_put(d->store, sub, err) < 0 ||
	    (n = delete_twins(d, sub, numbers, TWINS_MAX, err)) < 0 || store_commit(d->store, err) < 0) {
		store_abort(d->store);
		return -1;
	}
	for (int i = 0; i < n; i++)
		forget(d, numbers[i]);
	return 0;
}

int
register_acknowledge(struct daemon *d, const char *account, struct slice token, int64_t now_s,
    struct subscription *sub, struct err *err)
{
	uint8_t hash[TOKEN_HASH];
	int place, rc;

	if (token_hash(token, hash) < 0)
		return 0;
	rc = find_by_token(d->store, account, hash, now_s, sub, &place, err);
	if (rc != 1)
		return rc;
	memmove(&sub->tokens[place], &sub->tokens[place + 1],
	    (sub->n_tokens - (size_t)place - 1) * sizeof(sub->tokens[0]));
	sub->n_tokens--;
	sub->state = SUB_ACTIVE;
	sub->acknowledged = sub->refreshed = now_s;
	sub->inactive_since = 0;
	return commit_acknowledged(d, sub, err) < 0 ? -1 : 1;
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
	forget(d, sub->number);
	return 0;
}
