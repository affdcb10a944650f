/*
 * lograte: how often one kind of log line may be written, so that an error that repeats, for each
 * mail or for each peer, cannot fill a disk.
 *
 * Kinds are told apart by an address: that of the format is at hand.  A kind may have LOGRATE_LINES in
 * LOGRATE_MS; what comes beyond is counted, and the number told with the first line after it.  The
 * memory is fixed: of more than LOGRATE_KINDS kinds, the one that was quiet for the longest is
 * forgotten.  Pure: the caller has the clock, and locks where there are threads.
 */
#ifndef LIB_LOGRATE_H
#define LIB_LOGRATE_H

#include <stdbool.h>
#include <stdint.h>

#define LOGRATE_KINDS	32
#define LOGRATE_LINES	20
#define LOGRATE_MS	(60 * 1000)

/* Zeros are a new one. */
struct lograte {
	struct lograte_kind {
		const void	*key;
		int64_t		 since_ms;	/* when its LOGRATE_MS began */
		int64_t		 last_ms;
		uint64_t	 written, left_out;
	} kinds[LOGRATE_KINDS];
};

/* Whether a line of this kind may be written now; then *left_out is how many before it were not. */
bool	lograte_may(struct lograte *r, const void *key, int64_t now_ms, uint64_t *left_out);

#endif
