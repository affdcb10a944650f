/*
 * What fuzz targets share: the entry, a claim, and the reading of an input as a list of operations.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/slice.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says which claim does not hold. */
#define must(claim)	((claim) ? (void)0 : must_not(#claim, __FILE__, __LINE__))

_Noreturn static inline void
must_not(const char *claim, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, claim);
	abort();
}

/* What is left of an input. */
struct input {
	const uint8_t	*p;
	size_t		 n;
};

/* The next octet; 0 behind the end. */
static inline uint8_t
input_octet(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

/* n octets, or what is there. */
static inline struct slice
input_octets(struct input *in, size_t n)
{
	struct slice s = { in->p == NULL ? "" : (const char *)in->p, n < in->n ? n : in->n };

	if (s.len > 0) {
		in->p += s.len;
		in->n -= s.len;
	}
	return s;
}

/* As many octets as the next octet says. */
static inline struct slice
input_string(struct input *in)
{
	return input_octets(in, input_octet(in));
}

#endif
