/*
 * Accounts' settings, numbers by name, and the ids.
 *
 * An id is taken from a block that the database counts as given away: after a kill the rest of the
 * block is lost, and nothing is ever given twice.
 */
#include <string.h>

#include "daemon/store_int.h"

static int
number_get(struct store *s, char kind, const char *name, int64_t *value, struct err *err)
{
	struct store_key key;
	struct slice found;
	int rc;

	*value = 0;
	if (store_key_meta(&key, kind, name) < 0)
		return 0;
	if ((rc = store_record_get(s, BASE_META, &key, &found, err)) != 1)
		return rc;
	if (store_decode_number(found, value) < 0)
		return err_set(err, "store: the number %s cannot be read by this version", name);
	return 1;
}

static int
number_put(struct store *s, char kind, const char *name, int64_t value, struct err *err)
{
	struct store_key key;

	if (store_key_meta(&key, kind, name) < 0)
		return err_set(err, "store: the name of a number is too long");
	buf_reset(&s->out);
	store_encode_number(&s->out, value);
	return store_record_put(s, BASE_META, &key, err) < 0 ? -1 : 0;
}

int
store_own_get(struct store *s, const char *name, int64_t *value, struct err *err)
{
	return number_get(s, STORE_META_OWN, name, value, err);
}

int
store_own_put(struct store *s, const char *name, int64_t value, struct err *err)
{
	return number_put(s, STORE_META_OWN, name, value, err);
}

int
store_number_get(struct store *s, const char *name, int64_t *value, struct err *err)
{
	return number_get(s, STORE_META_NUMBER, name, value, err);
}

int
store_number_put(struct store *s, const char *name, int64_t value, struct err *err)
{
	return number_put(s, STORE_META_NUMBER, name, value, err);
}

int
store_ids_take(struct store *s, struct store_ids *ids, uint64_t *id, struct err *err)
{
	int64_t given;

	if (ids->next == ids->limit) {
		if (store_own_get(s, ids->name, &given, err) < 0)
			return -1;
		if (ids->next < (uint64_t)given)
			ids->next = (uint64_t)given;
		if (ids->next == 0)
			ids->next = 1;	/* 0 means "to be given" */
		if (store_own_put(s, ids->name, (int64_t)(ids->next + ids->block), err) < 0) {
			ids->limit = ids->next;
			return -1;
		}
		ids->limit = ids->next + ids->block;
	}
	*id = ids->next++;
	return 0;
}

int
store_account_get(struct store *s, const char *name, struct account *out, struct err *err)
{
	struct store_key key;
	struct slice found;
	int rc;

	memset(out, 0, sizeof(*out));
	out->content = -1;
	if (store_key_meta(&key, STORE_META_ACCOUNT, name) < 0)
		return 0;
	memcpy(out->name, name, key.len);
	if ((rc = store_record_get(s, BASE_META, &key, &found, err)) != 1)
		return rc;
	if (store_decode_account(store_key_slice(&key), found, out) < 0)
		return err_set(err, "store: the settings of an account cannot be read by this version");
	return 1;
}

static bool
account_is_default(const struct account *a)
{
	return a->content == -1 && a->hour_start == 0 && a->day_start == 0 && a->hour_count == 0 &&
	    a->day_count == 0 && a->wrong_start == 0 && a->wrong_count == 0;
}

int
store_account_put(struct store *s, const struct account *a, struct err *err)
{
	struct store_key key;

	if (store_key_meta(&key, STORE_META_ACCOUNT, a->name) < 0)
		return err_set(err, "store: the name of an account is too long");
	if (account_is_default(a))
		return store_record_erase(s, BASE_META, &key, err) < 0 ? -1 : 0;
	buf_reset(&s->out);
	store_encode_account(&s->out, a);
	return store_record_put(s, BASE_META, &key, err) < 0 ? -1 : 0;
}

int
store_account_next(struct store *s, const char *name, struct account *out, struct err *err)
{
	struct store_key key;
	struct slice found, value;
	int rc;

	if (store_key_meta(&key, STORE_META_ACCOUNT, name) < 0)
		return err_set(err, "store: the name of an account is too long");
	for (;;) {
		store_key_after(&key);
		if ((rc = store_record_from(s, BASE_META, &key, &found, &value, err)) != 1)
			return rc;
		if (found.len == 0 || found.p[0] != STORE_META_ACCOUNT || found.len >= sizeof(key.octets))
			return 0;
		if (store_decode_account(found, value, out) == 0)
			return 1;
		memcpy(key.octets, found.p, found.len);
		key.len = found.len;
	}
}
