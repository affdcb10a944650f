/*
 * One table for each kind says where a value lies in struct dump and how it is written; both directions
 * read it.  Tokens are one text: hash and expiry of each, separated by spaces.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/dump_int.h"
#include "lib/base64url.h"

#define FIELD(name, shape, member, needed) \
	{ name, shape, offsetof(struct dump, member), sizeof(((struct dump *)NULL)->member), needed }

static const struct dump_member subscription_fields[] = {
	FIELD("account", DUMP_TEXT, sub.account, true),
	FIELD("id", DUMP_TEXT, sub.id, true),
	FIELD("state", DUMP_STATE, sub.state, true),
	FIELD("endpoint", DUMP_TEXT, sub.endpoint, true),
	FIELD("endpoint_normal", DUMP_TEXT, sub.normal, true),
	FIELD("p256dh", DUMP_OCTETS, sub.point, true),
	FIELD("auth", DUMP_OCTETS, sub.auth, true),
	FIELD("vapid_key", DUMP_TEXT, sub.key, true),
	FIELD("tokens", DUMP_TOKENS, sub.tokens, false),
	FIELD("topic_sync", DUMP_TEXT, sub.topic[TOPIC_SYNC], false),
	FIELD("topic_verify", DUMP_TEXT, sub.topic[TOPIC_VERIFY], false),
	FIELD("topic_vapid", DUMP_TEXT, sub.topic[TOPIC_VAPID], false),
	FIELD("created", DUMP_I64, sub.created, false),
	FIELD("refreshed", DUMP_I64, sub.refreshed, false),
	FIELD("acknowledged", DUMP_I64, sub.acknowledged, false),
	FIELD("inactive_since", DUMP_I64, sub.inactive_since, false),
	FIELD("last_success", DUMP_I64, delivery.last_success, false),
	FIELD("last_try", DUMP_I64, delivery.last_try, false),
	FIELD("last_result", DUMP_U32, delivery.last_result, false),
	FIELD("last_status", DUMP_U32, delivery.last_status, false),
	FIELD("failures", DUMP_U32, delivery.failures, false),
	FIELD("failing_since", DUMP_I64, delivery.failing_since, false),
	FIELD("wait_until", DUMP_I64, delivery.wait_until, false),
	FIELD("first_404", DUMP_I64, delivery.first_404, false),
	FIELD("fail_429", DUMP_U32, delivery.fail_429, false),
	FIELD("tries", DUMP_U32, delivery.tries, false),
	FIELD("size_limit", DUMP_U32, delivery.size_limit, false),
	FIELD("as_sync", DUMP_FLAG, delivery.as_sync, false),
	FIELD("key_refused", DUMP_FLAG, delivery.key_refused, false),
	FIELD("quieted", DUMP_FLAG, delivery.quieted, false),
	FIELD("verify_sent", DUMP_I64, delivery.verify_sent, false),
	FIELD("burst_ms", DUMP_I64, delivery.burst_ms, false),
	FIELD("high_since", DUMP_I64, delivery.high_since, false),
	FIELD("high_count", DUMP_U32, delivery.high_count, false),
	FIELD("unseen", DUMP_U32, delivery.unseen, false),
	FIELD("unseen_sync", DUMP_I64, delivery.unseen_sync, false),
	FIELD("silent_until", DUMP_I64, delivery.silent_until, false),
	FIELD("told_key", DUMP_HEX64, delivery.told_key, false),
	FIELD("told_time", DUMP_I64, delivery.told_time, false),
	FIELD("told_count", DUMP_U32, delivery.told_count, false),
};

static const struct dump_member account_fields[] = {
	FIELD("account", DUMP_TEXT, account.name, true),
	FIELD("content", DUMP_CONTENT, account.content, false),
	FIELD("hour_start", DUMP_I64, account.hour_start, false),
	FIELD("day_start", DUMP_I64, account.day_start, false),
	FIELD("hour_count", DUMP_U32, account.hour_count, false),
	FIELD("day_count", DUMP_U32, account.day_count, false),
	FIELD("wrong_start", DUMP_I64, account.wrong_start, false),
	FIELD("wrong_count", DUMP_U32, account.wrong_count, false),
};

const struct dump_table dump_tables[DUMP_KINDS] = {
	[DUMP_SUBSCRIPTION] = { "subscription", subscription_fields,
	    sizeof(subscription_fields) / sizeof(subscription_fields[0]) },
	[DUMP_ACCOUNT] = { "account", account_fields,
	    sizeof(account_fields) / sizeof(account_fields[0]) },
};

const char *const dump_states[2] = { "unacknowledged", "active" };
const char *const dump_contents[2] = { "envelope", "sync" };

/* Writing */

static void
put_number(struct buf *out, const char *name, int64_t value)
{
	if (value != 0)
		wire_row_number(out, name, value);
}

static void
put_text(struct buf *out, const char *name, const char *text)
{
	if (text[0] != '\0')
		wire_row_text(out, name, slice_of(text));
}

/* What has to be there is written also where it is empty. */
static void
put_member_text(struct buf *out, const struct dump_member *f, const char *text)
{
	if (f->needed)
		wire_row_text(out, f->name, slice_of(text));
	else
		put_text(out, f->name, text);
}

static void
put_octets(struct buf *out, const struct dump_member *f, const uint8_t *octets)
{
	char text[BASE64URL_LEN(ECE_POINT) + 1];

	base64url_encode(text, octets, f->size);
	put_text(out, f->name, text);
	explicit_bzero(text, sizeof(text));
}

static void
put_tokens(struct buf *out, const char *name, const struct subscription *sub)
{
	char hash[BASE64URL_LEN(TOKEN_HASH) + 1], room[1024];
	struct buf text;

	buf_fixed(&text, room, sizeof(room));
	for (size_t i = 0; i < sub->n_tokens; i++) {
		base64url_encode(hash, sub->tokens[i].hash, TOKEN_HASH);
		buf_printf(&text, "%s%s %" PRId64, i == 0 ? "" : " ", hash, sub->tokens[i].expires);
	}
	if (text.len > 0)
		wire_row_text(out, name, buf_all(&text));
}

static void
put_hex(struct buf *out, const char *name, uint64_t value)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, value);
	if (value != 0)
		wire_row_text(out, name, slice_of(text));
}

static void
put_field(struct buf *out, const struct dump_member *f, const struct dump *d)
{
	const void *at = (const char *)d + f->offset;

	switch (f->shape) {
	case DUMP_TEXT:
		put_member_text(out, f, at);
		break;
	case DUMP_OCTETS:
		put_octets(out, f, at);
		break;
	case DUMP_I64:
		put_number(out, f->name, *(const int64_t *)at);
		break;
	case DUMP_U32:
		put_number(out, f->name, *(const uint32_t *)at);
		break;
	case DUMP_FLAG:
		put_number(out, f->name, *(const bool *)at);
		break;
	case DUMP_HEX64:
		put_hex(out, f->name, *(const uint64_t *)at);
		break;
	case DUMP_STATE:
		put_text(out, f->name, dump_states[d->sub.state == SUB_ACTIVE]);
		break;
	case DUMP_TOKENS:
		put_tokens(out, f->name, &d->sub);
		break;
	case DUMP_CONTENT:
		if (d->account.content >= 0)
			put_text(out, f->name, dump_contents[d->account.content == CONTENT_SYNC]);
		break;
	}
}

static void
put_row(struct buf *out, const struct dump *d)
{
	const struct dump_table *kind = &dump_tables[d->kind];
	size_t start = wire_begin_row(out);

	wire_row_number(out, "version", DUMP_VERSION);
	wire_row_text(out, "kind", slice_of(kind->name));
	for (size_t i = 0; i < kind->n; i++)
		put_field(out, &kind->members[i], d);
	wire_end_row(out, start);
}

void
dump_put_subscription(struct buf *out, const struct subscription *sub, const struct delivery *delivery)
{
	struct dump d = { .kind = DUMP_SUBSCRIPTION, .sub = *sub, .delivery = *delivery };

	put_row(out, &d);
	explicit_bzero(&d, sizeof(d));
}

void
dump_put_account(struct buf *out, const struct account *a)
{
	struct dump d = { .kind = DUMP_ACCOUNT, .account = *a };

	put_row(out, &d);
}
