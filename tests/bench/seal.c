/*
 * The cryptography of one push as the product does it: encryption for a subscription (RFC 8291) and
 * the VAPID token, which is signed once for each push service and kept.
 *
 *	seal STATE_DIR COUNT <SUBSCRIPTIONS
 *
 * Each line of SUBSCRIPTIONS is "p256dh auth endpoint"; STATE_DIR holds a VAPID key, or is given one.
 * Prints microseconds of CPU for one message.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/ece.h"
#include "daemon/vapid.h"
#include "lib/base64url.h"
#include "lib/clock.h"
#include "lib/slice.h"

#define SUBSCRIPTIONS_MAX	1000
#define PLAIN			1024

struct target {
	uint8_t	point[ECE_POINT], auth[ECE_AUTH];
	char	origin[300];
};

static struct target targets[SUBSCRIPTIONS_MAX];

static size_t
read_targets(struct ece *ece)
{
	char line[2048], point[128], auth[64], endpoint[1024];
	size_t n = 0;

	while (n < SUBSCRIPTIONS_MAX && fgets(line, sizeof(line), stdin) != NULL) {
		struct target *t = &targets[n++];

		if (sscanf(line, "%127s %63s https://%1023[^/]", point, auth, endpoint) != 3 ||
		    base64url_decode(slice_of(point), t->point, ECE_POINT) != ECE_POINT ||
		    base64url_decode(slice_of(auth), t->auth, ECE_AUTH) != ECE_AUTH ||
		    !ece_check_point(ece, t->point))
			errx(EXIT_FAILURE, "line %zu is no subscription", n);
		snprintf(t->origin, sizeof(t->origin), "https://%.280s", endpoint);
	}
	return n;
}

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
seal(struct ece *ece, struct vapid *vapid, const struct target *t)
{
	static uint8_t plain[PLAIN], body[PLAIN + ECE_OVERHEAD];
	struct err err;

	if (vapid_authorization(vapid, vapid_current(vapid), t->origin, clock_wall_s(), &err) == NULL ||
	    ece_encrypt(ece, t->point, t->auth, plain, PLAIN / 3, PLAIN, body, &err) < 0)
		errx(EXIT_FAILURE, "%s", err.text);
}

int
main(int argc, char **argv)
{
	struct err err;
	struct ece *ece = ece_new(&err);
	struct vapid *vapid;
	size_t n, count;
	double before;

	if (argc != 3 || (count = strtoul(argv[2], NULL, 10)) == 0)
		errx(EXIT_FAILURE, "seal STATE_DIR COUNT <SUBSCRIPTIONS");
	vapid_init(argv[1], &err);	/* fails where there is a key already */
	vapid = vapid_open(argv[1], "mailto:postmaster@example.org", &err);
	if (ece == NULL || vapid == NULL || vapid_current(vapid) == NULL)
		errx(EXIT_FAILURE, "%s", vapid != NULL ? vapid_why(vapid) : err.text);
	n = read_targets(ece);
	if (n == 0)
		errx(EXIT_FAILURE, "no subscriptions");
	before = cpu_us();
	for (size_t i = 0; i < count; i++)
		seal(ece, vapid, &targets[i % n]);
	printf("%.3f\n", (cpu_us() - before) / (double)count);
	vapid_close(vapid);
	ece_free(ece);
	return EXIT_SUCCESS;
}
