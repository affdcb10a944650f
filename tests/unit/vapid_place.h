/*
 * A state_dir for each test of keys and tokens, and what opens it.
 */
#ifndef TESTS_VAPID_PLACE_H
#define TESTS_VAPID_PLACE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/vapid.h"

#define CONTACT		"mailto:postmaster@example.org"
#define ORIGIN		"https://push.example.net"
#define NOW		((int64_t)1800000000)
#define IN_PLACE(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

struct place {
	char	state_dir[64];
	char	path[512];	/* of the last path_of */
};

static inline const char *
path_of(struct place *p, const char *name)
{
	snprintf(p->path, sizeof(p->path), "%s/vapid/%s", p->state_dir, name);
	return p->path;
}

static inline int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	snprintf(p->state_dir, sizeof(p->state_dir), "/tmp/mailbell-vapid-XXXXXX");
	assert_non_null(mkdtemp(p->state_dir));
	*state = p;
	return 0;
}

static inline int
teardown(void **state)
{
	struct place *p = *state;
	DIR *d = opendir(path_of(p, ""));
	const struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (unlink(path_of(p, entry->d_name)) == -1)
			(void)rmdir(p->path);
	if (d != NULL)
		closedir(d);
	(void)rmdir(path_of(p, ""));
	(void)rmdir(p->state_dir);
	free(p);
	return 0;
}

static inline struct vapid *
ring_of(struct place *p)
{
	struct err err;
	struct vapid *v = vapid_open(p->state_dir, CONTACT, &err);

	assert_non_null(v);
	return v;
}

#endif
