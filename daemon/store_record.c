/*
 * Records as octets: get, next, put, erase, on any of the databases, inside the open group or, for
 * reading, without one.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/store_int.h"

static const char *const base_what[BASES] = {
	"subscriptions", "deliveries", "outbox", "settings and counters"
};

static DBT
key_dbt(const struct store_key *key)
{
	DBT dbt;

	memset(&dbt, 0, sizeof(dbt));
	dbt.data = (void *)(uintptr_t)key->octets;	/* only read */
	dbt.size = (uint32_t)key->len;
	return dbt;
}

static struct slice
dbt_slice(const DBT *dbt)
{
	return (struct slice){ dbt->size == 0 ? "" : dbt->data, dbt->size };
}

int
store_record_get(struct store *s, enum store_base base, const struct store_key *key,
    struct slice *value, struct err *err)
{
	DB *db = s->base[base];
	DBT k = key_dbt(key);
	int rc = db->get(db, s->txn, &k, &s->value, 0);

	if (rc == DB_NOTFOUND)
		return 0;
	if (rc != 0)
		return store_fail(s, rc, base_what[base], err);
	*value = dbt_slice(&s->value);
	return 1;
}

/* DB_SET_RANGE reads the key that it then overwrites; it must lie in memory that it may grow. */
static void
seek_key(DBT *dbt, const struct store_key *from)
{
	void *room = realloc(dbt->data, sizeof(from->octets));

	if (room == NULL)
		abort();
	memcpy(room, from->octets, from->len);
	dbt->data = room;
	dbt->size = (uint32_t)from->len;
}

int
store_record_from(struct store *s, enum store_base base, const struct store_key *from,
    struct slice *key, struct slice *value, struct err *err)
{
	DB *db = s->base[base];
	DBC *cursor;
	int rc;

	if ((rc = db->cursor(db, s->txn, &cursor, 0)) != 0)
		return store_fail(s, rc, base_what[base], err);
	seek_key(&s->key, from);
	rc = cursor->get(cursor, &s->key, &s->value, DB_SET_RANGE);
	cursor->close(cursor);
	if (rc == DB_NOTFOUND)
		return 0;
	if (rc != 0)
		return store_fail(s, rc, base_what[base], err);
	*key = dbt_slice(&s->key);
	*value = dbt_slice(&s->value);
	return 1;
}

/* The first octets of what stands under the key, enough for its version: 1, 0, -1. */
static int
peek(struct store *s, enum store_base base, DBT *key, struct slice *head, char room[8],
    struct err *err)
{
	DB *db = s->base[base];
	DBT value;
	int rc;

	memset(&value, 0, sizeof(value));
	value.flags = DB_DBT_USERMEM | DB_DBT_PARTIAL;
	value.data = room;
	value.ulen = value.dlen = 8;
	rc = db->get(db, s->txn, key, &value, 0);
	if (rc == DB_NOTFOUND)
		return 0;
	if (rc != 0)
		return store_fail(s, rc, base_what[base], err);
	*head = (struct slice){ room, value.size };
	return 1;
}

int
store_record_put(struct store *s, enum store_base base, const struct store_key *key, struct err *err)
{
	DB *db = s->base[base];
	DBT k = key_dbt(key), value;
	char room[8];
	struct slice head = SLICE_NIL;
	int rc, there;

	if (s->txn == NULL)
		return err_set(err, "store: no group is open");
	if (s->out.failed) {
		s->failed = true;
		return err_set(err, "store: %s: a record is too long", base_what[base]);
	}
	if ((there = peek(s, base, &k, &head, room, err)) < 0)
		return -1;
	if (there == 1 && store_value_newer(head)) {
		s->failed = true;
		return err_set(err, "store: %s: a newer version wrote this record, it is kept as it is",
		    base_what[base]);
	}
	memset(&value, 0, sizeof(value));
	value.data = s->out.data;
	value.size = (uint32_t)s->out.len;
	if ((rc = db->put(db, s->txn, &k, &value, 0)) != 0)
		return store_fail(s, rc, base_what[base], err);
	return there;
}

static int
put_zeros(struct store *s, enum store_base base, DBT *key, uint32_t size)
{
	DB *db = s->base[base];
	DBT value;
	int rc;

	memset(&value, 0, sizeof(value));
	value.size = size;
	value.data = calloc(1, size == 0 ? 1 : size);
	if (value.data == NULL)
		abort();
	rc = db->put(db, s->txn, key, &value, 0);
	free(value.data);
	return rc;
}

int
store_record_erase(struct store *s, enum store_base base, const struct store_key *key,
    struct err *err)
{
	DB *db = s->base[base];
	DBT k = key_dbt(key), value;
	int rc;

	if (s->txn == NULL)
		return err_set(err, "store: no group is open");
	/* Memory of no octets: the answer is the size. */
	memset(&value, 0, sizeof(value));
	value.flags = DB_DBT_USERMEM;
	rc = db->get(db, s->txn, &k, &value, 0);
	if (rc == DB_NOTFOUND)
		return 0;
	if ((rc != 0 && rc != DB_BUFFER_SMALL) || (rc = put_zeros(s, base, &k, value.size)) != 0 ||
	    (rc = db->del(db, s->txn, &k, 0)) != 0)
		return store_fail(s, rc, base_what[base], err);
	return 1;
}
