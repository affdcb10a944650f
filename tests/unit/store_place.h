/*
 * A store in a folder of its own for each test, and what is put into it.
 */
#ifndef TESTS_STORE_PLACE_H
#define TESTS_STORE_PLACE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/store_int.h"

#define IN_PLACE(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

struct place {
	char		 dir[64];
	struct store	*store;
	struct err	 err;
};

static inline void
reopen(struct place *p)
{
	store_close(p->store);
	p->store = store_open(p->dir, &p->err);
	if (p->store == NULL)
		fail_msg("%s", p->err.text);
}

static inline int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/mbstoreXXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(store_init(p->dir, &p->err), 0);
	*state = p;
	reopen(p);
	return 0;
}

static inline void
remove_folder(const char *dir, const char *name)
{
	char command[256];

	snprintf(command, sizeof(command), "%s/%s", dir, name);
	if (fork() == 0) {
		execlp("rm", "rm", "-rf", command, (char *)NULL);
		_exit(1);
	}
	wait(NULL);
}

static inline int
teardown(void **state)
{
	struct place *p = *state;

	store_close(p->store);
	remove_folder(p->dir, "");
	free(p);
	return 0;
}

#define OK(p, call)	do { \
		if ((call) < 0) \
			fail_msg("%s: %s", #call, (p)->err.text); \
	} while (0)

static inline struct subscription *
make_sub(const char *account, const char *id)
{
	static struct subscription sub;

	memset(&sub, 0, sizeof(sub));
	snprintf(sub.account, sizeof(sub.account), "%s", account);
	snprintf(sub.id, sizeof(sub.id), "%s", id);
	snprintf(sub.endpoint, sizeof(sub.endpoint), "https://push.example/SECRET-PATH-%s", id);
	snprintf(sub.normal, sizeof(sub.normal), "https://push.example/SECRET-PATH-%s", id);
	memcpy(sub.auth, "SECRET-AUTH-1234", ECE_AUTH);
	sub.generation = 1;
	return &sub;
}

static inline uint64_t
add_sub(struct place *p, const char *account, const char *id)
{
	struct subscription *sub = make_sub(account, id);

	OK(p, store_begin(p->store, &p->err));
	OK(p, store_sub_put(p->store, sub, &p->err));
	OK(p, store_commit(p->store, &p->err));
	return sub->number;
}

static inline uint64_t
put_record(struct place *p, uint64_t number, const char *envelope)
{
	struct outbox_record r = { .number = number, .generation = 1, .due = 5, .expires = 9,
		.mailbox = slice_of("INBOX"), .uid = 3, .envelope = slice_of(envelope) };

	OK(p, store_outbox_put(p->store, &r, &p->err));
	return r.sequence;
}

/* Of those that this version can read. */
static inline int
outbox_count(struct place *p)
{
	struct outbox_record r = { .number = 0 };
	int n = 0;

	while (store_outbox_next(p->store, r.number, r.sequence, &r, &p->err) == 1)
		n++;
	return n;
}

#endif
