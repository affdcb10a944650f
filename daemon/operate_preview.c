/*
 * preview USER bulk|personal: what each device of the account would get of such a message now.
 */
#include <string.h>
#include <sysexits.h>

#include "daemon/describe.h"
#include "daemon/operate_int.h"
#include "daemon/pace.h"
#include "daemon/silence.h"
#include "lib/clock.h"
#include "lib/log.h"

/* What the account's settings and the device's record make of an ENVELOPE. */
struct fate {
	const char	*content, *why, *urgency;
};

static struct fate
fate_of(struct daemon *d, const struct subscription *sub, const struct delivery *delivery,
    bool content_sync, bool bulk)
{
	int64_t now_s = clock_wall_s();

	if (sub->state != SUB_ACTIVE)
		return (struct fate){ "nothing", "not acknowledged", "none" };
	if (silence_holds(d, delivery, now_s))
		return (struct fate){ "nothing", "silent: one SYNC when that ends", "none" };
	if (content_sync)
		return (struct fate){ "SYNC", "content = sync", "normal" };
	if (pace_is_away(&d->config, delivery))
		return (struct fate){ "SYNC", "its user was not seen for long (unseen_max)", "normal" };
	if (delivery->as_sync)
		return (struct fate){ "SYNC", "the service takes nothing longer", "normal" };
	if (bulk)
		return (struct fate){ "ENVELOPE", "bulk", "normal" };
	if (!pace_may_be_high(delivery, now_s))
		return (struct fate){ "ENVELOPE", "too many were urgent in this hour", "normal" };
	return (struct fate){ "ENVELOPE", "", "high" };
}

static void
put_row(struct buf *out, const struct subscription *sub, const struct delivery *delivery,
    const struct fate *fate)
{
	size_t start = wire_begin_row(out);
	char host[256];

	wire_row_text(out, "id", slice_of(sub->id));
	wire_row_text(out, "host", slice_of(describe_host(sub, host, sizeof(host))));
	wire_row_text(out, "content", slice_of(fate->content));
	wire_row_text(out, "urgency", slice_of(fate->urgency));
	wire_row_number(out, "size_limit", delivery->size_limit);
	wire_row_text(out, "why", slice_of(fate->why));
	wire_end_row(out, start);
}

/* The account's devices; there are at most subscriptions_max.  Their number, or -1. */
static int
put_devices(struct ask *a, bool content_sync, bool bulk, struct err *err)
{
	struct daemon *d = a->daemon;
	struct subscription sub;
	struct delivery delivery;
	struct fate fate;
	char id[SUB_ID_MAX + 1] = "";
	int rc, n = 0;

	while ((rc = store_sub_of(d->store, a->account, id, &sub, err)) == 1) {
		memcpy(id, sub.id, sizeof(id));
		memset(&delivery, 0, sizeof(delivery));
		if (sub.state != SUB_NEWER && store_delivery_get(d->store, sub.number, &delivery, err) < 0)
			return -1;
		fate = fate_of(d, &sub, &delivery, content_sync, bulk);
		put_row(&a->peer->out, &sub, &delivery, &fate);
		n++;
	}
	explicit_bzero(&sub, sizeof(sub));
	return rc < 0 ? -1 : n;
}

void
sub_preview(struct ask *a)
{
	struct account account;
	bool content_sync;
	struct err err;
	int n;

	if (store_account_get(a->daemon->store, a->account, &account, &err) < 0) {
		operate_fail(a->peer, &err);
		return;
	}
	content_sync = (account.content < 0 ? a->daemon->config.content : account.content) == CONTENT_SYNC;
	n = put_devices(a, content_sync, slice_is(a->request->args[1], "bulk"), &err);
	if (n < 0)
		operate_fail(a->peer, &err);
	else if (n == 0)
		operate_finish(a->peer, EX_NOUSER, "%s has no subscriptions: nothing would be pushed",
		    log_clean(slice_of(a->account)).text);
	else
		operate_finish(a->peer, EX_OK, "%s", "");
}
