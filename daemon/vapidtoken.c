/*
 * The cache is a table of small sets, found by a hash of origin and key; the oldest of a full set
 * makes room.  Its size is fixed whatever endpoints people register, and what it forgets is signed
 * again in 20 us.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/vapidtoken.h"
#include "lib/base64url.h"

#define SETS		256
#define WAYS		4
#define LIFETIME	((int64_t)12 * 3600)

struct cached {
	char	*origin;	/* NULL: free */
	char	*text;
	char	 key[VAPID_ID_LEN + 1];
	int64_t	 made;
};

struct vapidtokens {
	char		*contact;
	struct cached	 sets[SETS][WAYS];
};

static char *
copy_of(const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		abort();
	return copy;
}

struct vapidtokens *
vapidtokens_new(const char *contact)
{
	struct vapidtokens *t = calloc(1, sizeof(*t));

	if (t == NULL)
		abort();
	t->contact = copy_of(contact);
	return t;
}

static void
clear(struct cached *c)
{
	free(c->origin);
	free(c->text);
	memset(c, 0, sizeof(*c));
}

void
vapidtokens_forget(struct vapidtokens *t)
{
	for (size_t i = 0; i < SETS; i++)
		for (size_t k = 0; k < WAYS; k++)
			clear(&t->sets[i][k]);
}

void
vapidtokens_free(struct vapidtokens *t)
{
	if (t == NULL)
		return;
	vapidtokens_forget(t);
	free(t->contact);
	free(t);
}

static void
put_base64url(struct buf *b, const void *p, size_t len)
{
	uint8_t *room = buf_room(b, BASE64URL_LEN(len) + 1);

	if (room == NULL)
		return;
	base64url_encode((char *)room, p, len);
	b->len += BASE64URL_LEN(len);
}

/* Whether text may stand in a JSON string, and in a header, as it is. */
static bool
is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || *text == '"' || *text == '\\')
			return false;
	return true;
}

/* JWS compact serialization (RFC 7515 section 3.1) in the scheme of RFC 8292 section 3. */
static int
sign(const struct vapidtokens *t, const struct vapidkey *key, const char *origin, int64_t now,
    char out[VAPID_HEADER_MAX], struct err *err)
{
	static const char scheme[] = "vapid t=";
	static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"ES256\"}";
	static const size_t start = sizeof(scheme) - 1;
	uint8_t signature[VAPIDKEY_SIGNATURE];
	char claims[VAPID_HEADER_MAX];
	struct buf b;
	int n;

	n = snprintf(claims, sizeof(claims), "{\"aud\":\"%s\",\"exp\":%lld,\"sub\":\"%s\"}", origin,
	    (long long)now + LIFETIME, t->contact);
	if (n < 0 || (size_t)n >= sizeof(claims) || !is_plain(origin))
		return err_set(err, "VAPID: no token can be made for this origin");
	buf_fixed(&b, out, VAPID_HEADER_MAX);
	buf_text(&b, scheme);
	put_base64url(&b, header, strlen(header));
	buf_octet(&b, '.');
	put_base64url(&b, claims, (size_t)n);
	if (vapidkey_sign(key, (struct slice){ out + start, b.len - start }, signature, err) == -1)
		return -1;
	buf_octet(&b, '.');
	put_base64url(&b, signature, sizeof(signature));
	buf_text(&b, ", k=");
	buf_put(&b, vapidkey_public(key), VAPID_KEY_LEN + 1);
	return b.failed ? err_set(err, "VAPID: origin and contact are too long") : 0;
}

/* FNV-1a, which is enough where a collision costs one signature. */
static uint32_t
hash(const char *origin, const char *key)
{
	uint32_t h = 2166136261u;

	for (; *origin != '\0'; origin++)
		h = (h ^ (uint8_t)*origin) * 16777619u;
	for (; *key != '\0'; key++)
		h = (h ^ (uint8_t)*key) * 16777619u;
	return h ^ h >> 16;
}

/* The entry, or the one to be replaced. */
static struct cached *
find(struct vapidtokens *t, const char *origin, const char *key)
{
	struct cached *set = t->sets[hash(origin, key) % SETS];
	struct cached *oldest = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].origin == NULL)
			return &set[i];
		if (strcmp(set[i].origin, origin) == 0 && strcmp(set[i].key, key) == 0)
			return &set[i];
		if (set[i].made < oldest->made)
			oldest = &set[i];
	}
	clear(oldest);
	return oldest;
}

static bool
is_fresh(const struct cached *c, int64_t now)
{
	return c->origin != NULL && now >= c->made && now - c->made < LIFETIME / 2;
}

const char *
vapidtokens_get(struct vapidtokens *t, const struct vapidkey *key, const char *origin, int64_t now,
    struct err *err)
{
	struct cached *c = find(t, origin, vapidkey_id(key));
	char text[VAPID_HEADER_MAX];

	if (is_fresh(c, now))
		return c->text;
	if (sign(t, key, origin, now, text, err) == -1)
		return NULL;
	clear(c);
	c->origin = copy_of(origin);
	c->text = copy_of(text);
	memcpy(c->key, vapidkey_id(key), sizeof(c->key));
	c->made = now;
	return c->text;
}
