/*
 * Every token of the account is compared, in constant time, whichever is right; what was wrong, late,
 * used or another account's is one and the same.
 */
#include <string.h>

#include "daemon/acknowledge.h"
#include "daemon/sender.h"
#include "daemon/silence.h"
#include "daemon/window.h"

#define TWINS_MAX	64	/* in one group; what is over it goes with a later acknowledgement */

/* What is in memory of a subscription that was deleted. */
static void
forget(struct daemon *d, uint64_t number)
{
	sender_forget(d->sender, number);
	silence_forget(d, number);
}

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

	while ((rc = store_sub_of(s, account, id, sub, err)) == 1) {
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
 * A reinstalled client: the same endpoint under an older id.  What waits for its own acknowledgement
 * and was made after `since`, when this one was, is newer: this is a late answer to the older one.
 */
static bool
is_older_twin(const struct subscription *sub, int64_t since, const struct subscription *other)
{
	if (other->state == SUB_NEWER || other->number == sub->number ||
	    strcmp(other->normal, sub->normal) != 0)
		return false;
	if (other->state == SUB_ACTIVE || other->inactive_since < since)
		return true;
	return other->inactive_since == since && other->number < sub->number;
}

/* Inside a group.  Their numbers, up to max, are told: the number of them, or -1. */
static int
delete_twins(struct daemon *d, const struct subscription *sub, int64_t since, uint64_t *numbers,
    int max, struct err *err)
{
	struct subscription other;
	char id[SUB_ID_MAX + 1] = "";
	int rc = 0, n = 0;

	while (n < max && (rc = store_sub_of(d->store, sub->account, id, &other, err)) == 1) {
		memcpy(id, other.id, sizeof(id));
		if (!is_older_twin(sub, since, &other))
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
commit_acknowledged(struct daemon *d, struct subscription *sub, int64_t since, struct err *err)
{
	uint64_t numbers[TWINS_MAX];
	int n;

	if (store_begin(d->store, err) < 0)
		return -1;
	if (store_sub_put(d->store, sub, err) < 0 ||
	    (n = delete_twins(d, sub, since, numbers, TWINS_MAX, err)) < 0 ||
	    store_commit(d->store, err) < 0) {
		store_abort(d->store);
		return -1;
	}
	for (int i = 0; i < n; i++)
		forget(d, numbers[i]);
	return 0;
}

static int
activate(struct daemon *d, struct subscription *sub, int place, int64_t now_s, struct err *err)
{
	int64_t since = sub->inactive_since;

	memmove(&sub->tokens[place], &sub->tokens[place + 1],
	    (sub->n_tokens - (size_t)place - 1) * sizeof(sub->tokens[0]));
	sub->n_tokens--;
	sub->state = SUB_ACTIVE;
	sub->acknowledged = sub->refreshed = now_s;
	sub->inactive_since = 0;
	return commit_acknowledged(d, sub, since, err);
}

static int
count_wrong(struct store *s, struct account *a, struct err *err)
{
	window_wrong_count(a);
	if (store_begin(s, err) < 0)
		return -1;
	if (store_account_put(s, a, err) < 0 || store_commit(s, err) < 0) {
		store_abort(s);
		return -1;
	}
	return ACKNOWLEDGE_WRONG;
}

int
acknowledge(struct daemon *d, const char *name, struct slice token, int64_t now_s,
    struct subscription *sub, struct err *err)
{
	uint8_t hash[TOKEN_HASH];
	struct account account;
	int place, rc = 0;

	if (store_account_get(d->store, name, &account, err) < 0)
		return -1;
	if (window_wrong_full(&account, now_s))
		return ACKNOWLEDGE_TOO_MANY;
	if (token_hash(token, hash) == 0)
		rc = find_by_token(d->store, name, hash, now_s, sub, &place, err);
	if (rc == 0)
		return count_wrong(d->store, &account, err);
	if (rc < 0 || activate(d, sub, place, now_s, err) < 0)
		return -1;
	return ACKNOWLEDGE_RIGHT;
}
