/*
 * Subscriptions and their deliveries.  A subscription is found by account and id; its delivery
 * record, by number, leads back to it.  The two are made and erased together.
 */
#include <string.h>

#include "daemon/store_int.h"

/* What cannot be read is shown with what its key tells. */
static void
sub_read(struct slice key, struct slice value, struct subscription *out)
{
	if (store_decode_sub(key, value, out) == 0)
		return;
	memset(out, 0, sizeof(*out));
	store_unkey_sub(key, out->account, out->id);
	out->state = SUB_NEWER;
}

int
store_sub_get(struct store *s, const char *account, const char *id, struct subscription *out,
    struct err *err)
{
	struct store_key key;
	struct slice value;
	int rc;

	if (store_key_sub(&key, account, id) < 0)
		return 0;
	if ((rc = store_record_get(s, BASE_SUB, &key, &value, err)) == 1)
		sub_read(store_key_slice(&key), value, out);
	return rc;
}

/* The first one behind (account, id) whose key begins with so many octets of that. */
static int
sub_behind(struct store *s, const char *account, const char *id, size_t same,
    struct subscription *out, struct err *err)
{
	struct store_key from;
	struct slice key, value;
	int rc;

	if (store_key_sub(&from, account, id) < 0)
		return err_set(err, "store: an account's name or an id is too long");
	store_key_after(&from);
	if ((rc = store_record_from(s, BASE_SUB, &from, &key, &value, err)) != 1)
		return rc;
	if (key.len < same || memcmp(key.p, from.octets, same) != 0)
		return 0;
	sub_read(key, value, out);
	return 1;
}

int
store_sub_next(struct store *s, const char *account, const char *id, struct subscription *out,
    struct err *err)
{
	return sub_behind(s, account, id, 0, out, err);
}

int
store_sub_of(struct store *s, const char *account, const char *id, struct subscription *out,
    struct err *err)
{
	return sub_behind(s, account, id, strlen(account) + 1, out, err);	/* with its NUL */
}

/* The subscription that a delivery record leads to. */
static int
sub_of(struct store *s, const struct delivery *d, struct subscription *out, struct err *err)
{
	int rc = store_sub_get(s, d->account, d->id, out, err);

	if (rc != 1)
		return rc;
	if (out->state == SUB_NEWER)
		out->number = d->number;
	return out->number == d->number;
}

int
store_sub_number(struct store *s, uint64_t number, struct subscription *out, struct err *err)
{
	struct store_key key;
	struct slice value;
	struct delivery d;
	int rc;

	store_key_delivery(&key, number);
	if ((rc = store_record_get(s, BASE_DELIVERY, &key, &value, err)) != 1)
		return rc;
	if (store_decode_delivery(store_key_slice(&key), value, &d) < 0) {
		memset(out, 0, sizeof(*out));
		out->number = number;
		out->state = SUB_NEWER;
		return 1;
	}
	return sub_of(s, &d, out, err);
}

static int
sub_write(struct store *s, const struct store_key *key, const struct subscription *sub,
    struct err *err)
{
	buf_reset(&s->out);
	store_encode_sub(&s->out, sub);
	return store_record_put(s, BASE_SUB, key, err);
}

static int
sub_create(struct store *s, const struct store_key *key, struct subscription *sub, struct err *err)
{
	struct delivery d = { 0 };
	struct slice value;
	int rc;

	/* A second number for it would leave the first one's delivery and outbox without an owner. */
	if ((rc = store_record_get(s, BASE_SUB, key, &value, err)) < 0)
		return -1;
	if (rc == 1) {
		s->failed = true;
		return err_set(err, "store: that subscription is there already");
	}
	if (store_ids_take(s, &s->numbers, &sub->number, err) < 0)
		return -1;
	d.number = sub->number;
	memcpy(d.account, sub->account, sizeof(d.account));
	memcpy(d.id, sub->id, sizeof(d.id));
	if (store_delivery_put(s, &d, err) < 0)
		return -1;
	return sub_write(s, key, sub, err);
}

int
store_sub_put(struct store *s, struct subscription *sub, struct err *err)
{
	struct store_key key;
	bool create = sub->number == 0;
	int rc;

	if (s->txn == NULL)
		return err_set(err, "store: no group is open");
	if (sub->state == SUB_NEWER || sub->account[0] == '\0' || sub->id[0] == '\0' ||
	    store_key_sub(&key, sub->account, sub->id) < 0) {
		s->failed = true;
		return err_set(err, "store: that is no subscription to be stored");
	}
	rc = create ? sub_create(s, &key, sub, err) : sub_write(s, &key, sub, err);
	if (rc < 0) {
		if (create)
			sub->number = 0;
		return -1;
	}
	if (rc == 0)
		s->subs.now++;
	return 0;
}

static int
outbox_clear(struct store *s, uint64_t number, struct err *err)
{
	struct store_key from;
	struct slice key, value;
	uint64_t owner, sequence;
	int rc;

	store_key_outbox(&from, number, 0);
	while ((rc = store_record_from(s, BASE_OUTBOX, &from, &key, &value, err)) == 1) {
		if (store_unkey_outbox(key, &owner, &sequence) < 0 || owner != number)
			return 0;
		store_key_outbox(&from, number, sequence);
		if (store_outbox_del(s, number, sequence, err) < 0)
			return -1;
	}
	return rc;
}

int
store_sub_del(struct store *s, const struct subscription *sub, struct err *err)
{
	struct store_key key;
	int rc;

	if (store_key_sub(&key, sub->account, sub->id) < 0)
		return 0;
	if ((rc = store_record_erase(s, BASE_SUB, &key, err)) < 0)
		return -1;
	s->subs.now -= rc;
	if (sub->number == 0)
		return 0;
	store_key_delivery(&key, sub->number);
	if (store_record_erase(s, BASE_DELIVERY, &key, err) < 0)
		return -1;
	return outbox_clear(s, sub->number, err);
}

int
store_delivery_get(struct store *s, uint64_t number, struct delivery *out, struct err *err)
{
	struct store_key key;
	struct slice value;
	int rc;

	store_key_delivery(&key, number);
	if ((rc = store_record_get(s, BASE_DELIVERY, &key, &value, err)) != 1)
		return rc;
	return store_decode_delivery(store_key_slice(&key), value, out) == 0;
}

int
store_delivery_both(struct store *s, uint64_t number, struct delivery *out, struct subscription *sub,
    struct err *err)
{
	int rc = store_delivery_get(s, number, out, err);

	return rc == 1 ? sub_of(s, out, sub, err) : rc;
}

int
store_delivery_put(struct store *s, const struct delivery *d, struct err *err)
{
	struct store_key key;

	store_key_delivery(&key, d->number);
	buf_reset(&s->out);
	store_encode_delivery(&s->out, d);
	return store_record_put(s, BASE_DELIVERY, &key, err) < 0 ? -1 : 0;
}

int64_t
store_sub_count(const struct store *s)
{
	return s->subs.now;
}
