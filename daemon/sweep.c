#include <stdlib.h>
#include <string.h>

#include "daemon/register.h"
#include "daemon/sweep.h"
#include "lib/clock.h"
#include "lib/log.h"

#define EVERY_MS	(3600 * 1000)
#define PAUSE_MS	(86400 * 1000)
#define SLICE		200
#define UNACKNOWLEDGED_S	86400

struct sweep {
	char	account[WIRE_USER_MAX + 1], id[SUB_ID_MAX + 1];	/* behind which to go on */
	int64_t	next_ms;	/* monotonic */
};

struct sweep *
sweep_new(void)
{
	struct sweep *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->next_ms = clock_mono_ms() + EVERY_MS;
	return s;
}

void
sweep_free(struct sweep *s)
{
	free(s);
}

int64_t
sweep_next(const struct sweep *s)
{
	return s->next_ms;
}

void
sweep_pause(struct sweep *s, int64_t now_ms)
{
	s->next_ms = now_ms + PAUSE_MS;
	s->account[0] = s->id[0] = '\0';
}

/* Why it has to go; NULL: it stays. */
static const char *
verdict(const struct config *c, const struct subscription *sub, const struct delivery *delivery,
    int64_t now_s)
{
	if (sub->state == SUB_UNACKNOWLEDGED && now_s - sub->inactive_since >= UNACKNOWLEDGED_S)
		return "not acknowledged for a day";
	if (delivery->failing_since != 0 && delivery->failures >= 3 &&
	    now_s - delivery->failing_since >= c->dead_after)
		return "dead";
	return NULL;
}

static int
sweep_one(struct daemon *d, struct subscription *sub, int64_t now_s, struct err *err)
{
	struct delivery delivery;
	const char *why;
	int rc = store_delivery_get(d->store, sub->number, &delivery, err);

	if (rc != 1)
		return rc;
	why = verdict(&d->config, sub, &delivery, now_s);
	if (why != NULL) {
		log_info("user=%s, sub=%.8s, status=removed (%s)", log_clean(slice_of(sub->account)).text,
		    log_clean(slice_of(sub->id)).text, why);
		return register_delete(d, sub, err);
	}
	if (d->config.refresh_max > 0 && sub->state == SUB_ACTIVE &&
	    now_s - sub->refreshed >= d->config.refresh_max)
		return register_deactivate(d, sub, now_s, err);
	return 0;
}

void
sweep_run(struct daemon *d, int64_t now_ms)
{
	struct sweep *s = d->sweep;
	struct subscription sub;
	int64_t now_s = clock_wall_s();
	struct err err;
	int rc = 1;

	if (now_ms < s->next_ms)
		return;
	for (int i = 0; i < SLICE && rc == 1; i++) {
		rc = store_sub_next(d->store, s->account, s->id, &sub, &err);
		if (rc != 1)
			break;
		memcpy(s->account, sub.account, sizeof(s->account));
		memcpy(s->id, sub.id, sizeof(s->id));
		if (sub.state != SUB_NEWER && sweep_one(d, &sub, now_s, &err) < 0)
			rc = -1;
	}
	explicit_bzero(&sub, sizeof(sub));
	if (rc < 0)
		log_warn("the hourly sweep stopped: %s", err.text);
	if (rc == 1)
		return;
	s->account[0] = s->id[0] = '\0';
	s->next_ms = now_ms + EVERY_MS;
}
