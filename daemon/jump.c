#include "daemon/daemon.h"
#include "daemon/jump.h"
#include "daemon/vapid.h"
#include "lib/clock.h"
#include "lib/log.h"

#define JUMP_MS		(3600 * 1000)
#define JUMP_BACK_S	60
#define DISTRUST_MS	(86400 * 1000)
#define READING_MS	1000		/* longer than three readings take */
#define CLOCK		"clock"		/* the number in the store */

static void
distrust(struct daemon *d, int64_t jump_s, int64_t now_ms)
{
	log_warn("the clock has jumped by %lld s: nothing is removed for its age for a day",
	    (long long)jump_s);
	d->distrust_ms = now_ms + DISTRUST_MS;
	vapid_forget(d->vapid);
}

int64_t
jump_offset(int64_t before_ms, int64_t wall_ms, int64_t after_ms, int64_t known)
{
	return after_ms - before_ms > READING_MS ? known : wall_ms - before_ms;
}

void
jump_watch(struct daemon *d, int64_t now_ms)
{
	int64_t before = clock_mono_ms(), wall = clock_wall_ms();
	int64_t offset = jump_offset(before, wall, clock_mono_ms(), d->wall_less_mono_ms);
	int64_t jump = offset - d->wall_less_mono_ms;

	d->wall_less_mono_ms = offset;
	if (jump > -JUMP_MS && jump < JUMP_MS)
		return;
	distrust(d, jump / 1000, now_ms);
}

int
jump_start(struct daemon *d, struct err *err)
{
	int64_t last, now_s = clock_wall_s();
	int rc = store_number_get(d->store, CLOCK, &last, err);

	d->wall_less_mono_ms = clock_wall_ms() - clock_mono_ms();
	if (rc == 1 && (now_s < last - JUMP_BACK_S || now_s > last + DISTRUST_MS / 1000))
		distrust(d, now_s - last, clock_mono_ms());
	return rc < 0 ? -1 : 0;
}

int
jump_note(struct store *s, struct err *err)
{
	if (store_begin(s, err) < 0)
		return -1;
	if (store_number_put(s, CLOCK, clock_wall_s(), err) == 0 && store_commit(s, err) == 0)
		return 0;
	store_abort(s);
	return -1;
}
