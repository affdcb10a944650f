/*
 * Every page is read (the engine checks its sum), every record decoded, every reference followed.
 */
#include <string.h>

#include "daemon/store_int.h"

static int
fault(struct err *err, const char *what)
{
	return err_set(err, "store: verify: %s", what);
}

static int
verify_sub(struct store *s, struct slice key, struct slice value, struct err *err)
{
	struct store_key delivery;
	struct subscription sub;
	struct delivery d;
	int rc;

	if (store_decode_sub(key, value, &sub) < 0)
		return fault(err, "a subscription is damaged");
	store_key_delivery(&delivery, sub.number);
	if ((rc = store_record_get(s, BASE_DELIVERY, &delivery, &value, err)) < 0)
		return -1;
	if (rc == 0)
		return fault(err, "a subscription has no delivery record");
	if (store_decode_delivery(store_key_slice(&delivery), value, &d) == 0 &&
	    (strcmp(d.account, sub.account) != 0 || strcmp(d.id, sub.id) != 0))
		return fault(err, "two subscriptions have one number");
	return 0;
}

static int
verify_delivery(struct store *s, struct slice key, struct slice value, struct err *err)
{
	struct delivery d;
	struct subscription sub;
	int rc;

	if (store_decode_delivery(key, value, &d) < 0)
		return fault(err, "a delivery record is damaged");
	if ((rc = store_sub_number(s, d.number, &sub, err)) < 0)
		return -1;
	return rc == 1 ? 0 : fault(err, "a delivery record has no subscription");
}

static int
verify_outbox(struct store *s, struct slice key, struct slice value, struct err *err)
{
	struct outbox_record r;

	(void)s;
	return store_decode_outbox(key, value, &r) == 0 ? 0 : fault(err, "an outbox record is damaged");
}

static int
verify_meta(struct store *s, struct slice key, struct slice value, struct err *err)
{
	struct account a;
	int64_t number;
	int rc;

	(void)s;
	if (key.len > 0 && key.p[0] == STORE_META_ACCOUNT)
		rc = store_decode_account(key, value, &a);
	else
		rc = store_decode_number(value, &number);
	return rc == 0 ? 0 : fault(err, "a setting or a counter is damaged");
}

static int
verify_base(struct store *s, enum store_base base, int64_t *n,
    int (*check)(struct store *, struct slice, struct slice, struct err *), struct err *err)
{
	struct store_key at = { .len = 0 };
	struct slice key, value;
	int rc;

	*n = 0;
	while ((rc = store_record_from(s, base, &at, &key, &value, err)) == 1) {
		if (key.len >= sizeof(at.octets))
			return fault(err, "a key is too long");
		memcpy(at.octets, key.p, key.len);
		at.len = key.len;
		++*n;
		if (!store_value_newer(value) && check(s, store_key_slice(&at), value, err) < 0)
			return -1;
		store_key_after(&at);
	}
	return rc;
}

int
store_verify(struct store *s, struct err *err)
{
	int64_t n;

	if (verify_base(s, BASE_SUB, &n, verify_sub, err) < 0)
		return -1;
	if (n != s->subs.now)
		return fault(err, "subscriptions are not as many as were counted");
	if (verify_base(s, BASE_DELIVERY, &n, verify_delivery, err) < 0 ||
	    verify_base(s, BASE_OUTBOX, &n, verify_outbox, err) < 0)
		return -1;
	return verify_base(s, BASE_META, &n, verify_meta, err);
}
