#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/headers/headers.h"

#define BLOCKS_MAX	4096

static struct slice blocks[BLOCKS_MAX];
static size_t n_blocks;

static void
load(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint32_t len;
	char *p;

	if (f == NULL)
		err(1, "%s", path);
	while (fread(&len, sizeof(len), 1, f) == 1) {
		len = ntohl(len);
		p = malloc(len + 1);
		if (p == NULL || n_blocks == BLOCKS_MAX || fread(p, 1, len, f) != len)
			errx(1, "%s: cannot be taken whole", path);
		blocks[n_blocks++] = (struct slice){ p, len };
	}
	fclose(f);
}

static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int
headers_serve(const char *path, size_t (*each)(struct slice))
{
	char line[32];

	load(path);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		long passes = strtol(line, NULL, 10);
		size_t made = 0;
		int64_t start = cpu_ns();

		for (long i = 0; i < passes; i++)
			for (size_t k = 0; k < n_blocks; k++)
				made += each(blocks[k]);
		printf("%.1f %zu\n", (double)(cpu_ns() - start) / (double)passes, made);
		fflush(stdout);
	}
	return 0;
}

int
headers_show(const char *path, void (*show)(struct slice))
{
	load(path);
	for (size_t k = 0; k < n_blocks; k++)
		show(blocks[k]);
	return fflush(stdout) == 0 ? 0 : 1;
}
