/*
 * The ring in memory changes only after the folder on the disk has (vapidfile), so that a key that
 * was told to a client is never lost.  Keys are found by a walk: a site has a handful.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/vapid.h"
#include "daemon/vapidfile.h"
#include "daemon/vapidkey.h"
#include "daemon/vapidtoken.h"
#include "lib/base64url.h"

struct vapid {
	int			  dir;	/* -1: none */
	struct vapidkey		**keys;
	size_t			  count;
	const struct vapidkey	 *current;	/* one of keys, or NULL */
	struct vapidtokens	 *tokens;
	struct err		  why;
};

/* The first fault is kept: it is mostly the cause of the others. */
static void
complain(struct vapid *v, const struct err *why)
{
	if (v->why.text[0] == '\0')
		v->why = *why;
}

static struct vapidkey *
find(const struct vapid *v, const char *id)
{
	for (size_t i = 0; i < v->count; i++)
		if (strcmp(vapidkey_id(v->keys[i]), id) == 0)
			return v->keys[i];
	return NULL;
}

/* Takes the key over. */
static void
add(struct vapid *v, struct vapidkey *key)
{
	v->keys = realloc(v->keys, (v->count + 1) * sizeof(v->keys[0]));
	if (v->keys == NULL)
		abort();
	v->keys[v->count++] = key;
}

static void
load(struct vapid *v, const char *id)
{
	struct err err;
	struct vapidkey *key = vapidfile_read(v->dir, id, &err);

	if (key != NULL)
		add(v, key);
	else
		complain(v, &err);
}

static void
load_all(struct vapid *v)
{
	char current[VAPID_ID_LEN + 1], id[VAPID_ID_LEN + 1] = "";
	struct err err;
	int rc;

	rc = vapidfile_current(v->dir, current, &err);
	if (rc == 0)
		err_set(&err, "no VAPID key is current: choose one with `mailbell vapid rotate`");
	if (rc == 1)
		load(v, current);	/* first, so that its fault is the one that is told */
	else
		complain(v, &err);
	v->current = v->count == 1 ? v->keys[0] : NULL;
	while ((rc = vapidfile_next(v->dir, id, id, &err)) == 1)
		if (v->current == NULL || strcmp(id, vapidkey_id(v->current)) != 0)
			load(v, id);
	if (rc == -1)
		complain(v, &err);
}

/* Without its keys. */
static struct vapid *
ring_new(const char *state_dir)
{
	struct vapid *v = calloc(1, sizeof(*v));
	struct err err;

	if (v == NULL)
		abort();
	v->dir = vapidfile_open(state_dir, &err);
	if (v->dir == -1)
		complain(v, &err);
	return v;
}

struct vapid *
vapid_open(const char *state_dir, const char *contact, struct err *err)
{
	struct vapid *v;

	if (vapid_check_contact(contact, err) == -1)
		return NULL;
	v = ring_new(state_dir);
	v->tokens = vapidtokens_new(contact);
	if (v->dir != -1)
		load_all(v);
	return v;
}

void
vapid_close(struct vapid *v)
{
	if (v == NULL)
		return;
	vapidtokens_free(v->tokens);
	for (size_t i = 0; i < v->count; i++)
		vapidkey_free(v->keys[i]);
	free(v->keys);
	if (v->dir != -1)
		close(v->dir);
	free(v);
}

/* Takes the key over, which may be NULL, also where it fails. */
static int
keep(struct vapid *v, struct vapidkey *key, char id[VAPID_ID_LEN + 1], struct err *err)
{
	int rc = -1;

	if (key == NULL)
		return -1;
	memcpy(id, vapidkey_id(key), VAPID_ID_LEN + 1);
	if (find(v, id) != NULL)
		rc = 0;
	else if (v->dir == -1)
		err_set(err, "there is no folder for VAPID keys: make it with `mailbelld --init`");
	else if (vapidfile_write(v->dir, key, err) == 0) {
		add(v, key);
		return 0;
	}
	vapidkey_free(key);
	return rc;
}

int
vapid_new(struct vapid *v, char id[VAPID_ID_LEN + 1], struct err *err)
{
	return keep(v, vapidkey_generate(err), id, err);
}

int
vapid_import(struct vapid *v, struct slice pem, char id[VAPID_ID_LEN + 1], struct err *err)
{
	return keep(v, vapidkey_parse(pem, err), id, err);
}

/* find, with an error for the operator. */
static struct vapidkey *
need(const struct vapid *v, const char *id, struct err *err)
{
	struct vapidkey *key = find(v, id);

	if (key == NULL)
		err_set(err, "there is no VAPID key %.*s", VAPID_ID_LEN, id);
	return key;
}

int
vapid_set_current(struct vapid *v, const char *id, struct err *err)
{
	const struct vapidkey *key = need(v, id, err);

	if (key == NULL || vapidfile_set_current(v->dir, id, err) == -1)
		return -1;
	v->current = key;
	return 0;
}

int
vapid_export(const struct vapid *v, const char *id, struct buf *out, struct err *err)
{
	const struct vapidkey *key = need(v, id, err);

	return key == NULL ? -1 : vapidkey_pem(key, out, err);
}

int
vapid_remove(struct vapid *v, const char *id, struct err *err)
{
	struct vapidkey *key = need(v, id, err);
	size_t i = 0;

	if (key == NULL)
		return -1;
	if (key == v->current)
		return err_set(err, "the VAPID key %s is current: make another one current first", id);
	if (vapidfile_remove(v->dir, id, err) == -1)
		return -1;
	while (v->keys[i] != key)
		i++;
	v->keys[i] = v->keys[--v->count];
	vapidkey_free(key);
	vapid_forget(v);
	return 0;
}

int
vapid_init(const char *state_dir, struct err *err)
{
	char id[VAPID_ID_LEN + 1];
	struct vapid *v;
	int rc;

	if (vapidfile_make(state_dir, err) == -1)
		return -1;
	v = ring_new(state_dir);
	if (v->dir == -1)
		rc = err_set(err, "%s", v->why.text);
	else if (vapidfile_current(v->dir, id, NULL) != 0)
		rc = err_set(err, "%s/vapid: a key is current already", state_dir);
	else if (vapid_new(v, id, err) == -1)
		rc = -1;
	else
		rc = vapid_set_current(v, id, err);
	vapid_close(v);
	return rc;
}

const char *
vapid_why(const struct vapid *v)
{
	return v->why.text;
}

const char *
vapid_current(const struct vapid *v)
{
	return v->current == NULL ? NULL : vapidkey_id(v->current);
}

const char *
vapid_public(const struct vapid *v, const char *id)
{
	const struct vapidkey *key = find(v, id);

	return key == NULL ? NULL : vapidkey_public(key);
}

size_t
vapid_count(const struct vapid *v)
{
	return v->count;
}

const char *
vapid_id(const struct vapid *v, size_t i)
{
	return vapidkey_id(v->keys[i]);
}

const char *
vapid_authorization(struct vapid *v, const char *id, const char *origin, int64_t now,
    struct err *err)
{
	const struct vapidkey *key = need(v, id, err);

	return key == NULL ? NULL : vapidtokens_get(v->tokens, key, origin, now, err);
}

void
vapid_forget(struct vapid *v)
{
	vapidtokens_forget(v->tokens);
}

int
vapid_verify(const char *token, const char *public_key)
{
	const char *dot = strrchr(token, '.');
	uint8_t signature[VAPIDKEY_SIGNATURE];

	if (dot == NULL || base64url_decode(slice_of(dot + 1), signature, sizeof(signature)) !=
	    (int)sizeof(signature))
		return 0;
	return vapidkey_verify(public_key, (struct slice){ token, (size_t)(dot - token) }, signature);
}
