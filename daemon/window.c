#include "daemon/window.h"

#define HOUR	3600
#define DAY	86400

/* A window begins with the first that is counted, and does not move; a clock that is set back ends it. */
static void
roll(int64_t *start, uint32_t *n, int64_t length, int64_t now_s)
{
	if (now_s - *start >= length || now_s < *start) {
		*start = now_s;
		*n = 0;
	}
}

int64_t
window_verify_wait(struct account *a, int64_t now_s)
{
	roll(&a->hour_start, &a->hour_count, HOUR, now_s);
	roll(&a->day_start, &a->day_count, DAY, now_s);
	if (a->day_count >= WINDOW_VERIFY_DAY)
		return a->day_start + DAY - now_s;
	return a->hour_count >= WINDOW_VERIFY_HOUR ? a->hour_start + HOUR - now_s : 0;
}

void
window_verify_count(struct account *a)
{
	a->hour_count++;
	a->day_count++;
}

bool
window_wrong_full(struct account *a, int64_t now_s)
{
	roll(&a->wrong_start, &a->wrong_count, HOUR, now_s);
	return a->wrong_count >= WINDOW_WRONG_HOUR;
}

void
window_wrong_count(struct account *a)
{
	a->wrong_count++;
}
