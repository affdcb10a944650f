/* What is in the store: groups, references, ids, and what a newer version wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/store_place.h"

static void
test_subscriptions(void **state)
{
	struct place *p = *state;
	static struct subscription out;
	uint64_t a, b;

	a = add_sub(p, "alice", "phone");
	b = add_sub(p, "alice", "laptop");
	add_sub(p, "alice!", "x");
	assert_true(a != 0 && b != 0 && a != b);
	assert_int_equal(store_sub_count(p->store), 3);
	reopen(p);
	assert_int_equal(store_sub_count(p->store), 3);
	assert_int_equal(store_sub_get(p->store, "alice", "phone", &out, &p->err), 1);
	assert_true(out.number == a);
	assert_string_equal(out.endpoint, "https://push.example/SECRET-PATH-phone");
	assert_int_equal(store_sub_get(p->store, "alice", "tablet", &out, &p->err), 0);
	assert_int_equal(store_sub_get(p->store, "Alice", "phone", &out, &p->err), 0);
	assert_int_equal(store_sub_next(p->store, "", "", &out, &p->err), 1);
	assert_string_equal(out.id, "laptop");
	assert_int_equal(store_sub_next(p->store, "alice", "laptop", &out, &p->err), 1);
	assert_string_equal(out.id, "phone");
	assert_int_equal(store_sub_next(p->store, "alice", "phone", &out, &p->err), 1);
	assert_string_equal(out.account, "alice!");
	assert_int_equal(store_sub_next(p->store, "alice!", "x", &out, &p->err), 0);
	assert_int_equal(store_sub_of(p->store, "alice", "", &out, &p->err), 1);
	assert_string_equal(out.id, "laptop");
	assert_int_equal(store_sub_of(p->store, out.account, out.id, &out, &p->err), 1);
	assert_string_equal(out.id, "phone");
	assert_int_equal(store_sub_of(p->store, "alice", "phone", &out, &p->err), 0);
	assert_int_equal(store_sub_of(p->store, "alic", "", &out, &p->err), 0);
	assert_int_equal(store_sub_of(p->store, "", "", &out, &p->err), 0);
	assert_int_equal(store_sub_number(p->store, b, &out, &p->err), 1);
	assert_string_equal(out.id, "laptop");
	assert_int_equal(store_sub_number(p->store, 12345, &out, &p->err), 0);
	OK(p, store_verify(p->store, &p->err));
}

static void
test_delete(void **state)
{
	struct place *p = *state;
	static struct subscription sub;
	struct outbox_record r;
	struct delivery d;
	uint64_t a = add_sub(p, "alice", "phone"), b = add_sub(p, "bob", "phone");

	OK(p, store_begin(p->store, &p->err));
	for (int i = 0; i < 100; i++)
		put_record(p, a, "(E)");
	put_record(p, b, "(E)");
	OK(p, store_commit(p->store, &p->err));
	assert_int_equal(outbox_count(p), 101);
	assert_int_equal(store_sub_get(p->store, "alice", "phone", &sub, &p->err), 1);
	OK(p, store_begin(p->store, &p->err));
	OK(p, store_sub_del(p->store, &sub, &p->err));
	OK(p, store_sub_del(p->store, &sub, &p->err));	/* again: nothing */
	OK(p, store_commit(p->store, &p->err));
	assert_int_equal(store_sub_get(p->store, "alice", "phone", &sub, &p->err), 0);
	assert_int_equal(store_delivery_get(p->store, a, &d, &p->err), 0);
	assert_int_equal(store_outbox_of(p->store, a, 0, &r, &p->err), 0);
	assert_int_equal(store_outbox_of(p->store, b, 0, &r, &p->err), 1);
	assert_int_equal(store_outbox_of(p->store, b, r.sequence, &r, &p->err), 0);
	assert_int_equal(store_outbox_next(p->store, 0, 0, &r, &p->err), 1);
	assert_true(r.number == b);
	assert_int_equal(outbox_count(p), 1);
	assert_int_equal(store_sub_count(p->store), 1);
	reopen(p);
	OK(p, store_verify(p->store, &p->err));
}

static void
test_groups(void **state)
{
	struct place *p = *state;
	static struct subscription out;
	struct subscription *sub;
	uint64_t first = add_sub(p, "alice", "phone"), second;

	OK(p, store_begin(p->store, &p->err));
	sub = make_sub("alice", "laptop");
	OK(p, store_sub_put(p->store, sub, &p->err));
	second = sub->number;
	put_record(p, first, "(E)");
	assert_int_equal(store_sub_get(p->store, "alice", "laptop", &out, &p->err), 1);
	assert_int_equal(store_sub_count(p->store), 2);
	store_abort(p->store);
	assert_int_equal(store_sub_get(p->store, "alice", "laptop", &out, &p->err), 0);
	assert_int_equal(store_sub_count(p->store), 1);
	assert_int_equal(outbox_count(p), 0);
	assert_true(add_sub(p, "alice", "laptop") > second);
	/* An error in the group: none of it. */
	OK(p, store_begin(p->store, &p->err));
	OK(p, store_sub_put(p->store, make_sub("carol", "a"), &p->err));
	assert_int_equal(store_sub_put(p->store, make_sub("alice", "phone"), &p->err), -1);
	assert_int_equal(store_commit(p->store, &p->err), -1);
	assert_int_equal(store_sub_get(p->store, "carol", "a", &out, &p->err), 0);
	/* Outside of a group nothing is changed. */
	assert_int_equal(store_sub_put(p->store, make_sub("carol", "a"), &p->err), -1);
	assert_int_equal(store_commit(p->store, &p->err), -1);
	OK(p, store_begin(p->store, &p->err));
	assert_int_equal(store_begin(p->store, &p->err), -1);
	store_abort(p->store);
	OK(p, store_verify(p->store, &p->err));
}

/* Also when a process dies with a block of ids half used, and after an abort that reserved one. */
static void
test_ids_are_never_given_twice(void **state)
{
	struct place *p = *state;
	uint64_t last = 0, sequence;
	int pipe_fd[2];

	for (int round = 0; round < 6; round++) {
		store_close(p->store);
		p->store = NULL;
		assert_int_equal(pipe(pipe_fd), 0);
		if (fork() == 0) {
			p->store = store_open(p->dir, NULL);
			for (int i = 0; i < 3000; i++) {
				store_begin(p->store, NULL);
				sequence = put_record(p, 7, "(E)");
				if (sequence <= last)
					_exit(1);
				last = sequence;
				if (i % 7 == 0)
					store_abort(p->store);
				else
					store_commit(p->store, NULL);
			}
			if (write(pipe_fd[1], &last, sizeof(last)) < 0)
				_exit(1);
			_exit(0);	/* no close */
		}
		close(pipe_fd[1]);
		assert_int_equal(read(pipe_fd[0], &last, sizeof(last)), sizeof(last));
		close(pipe_fd[0]);
		wait(NULL);
		reopen(p);
	}
	OK(p, store_begin(p->store, &p->err));
	assert_true(put_record(p, 7, "(E)") > last);
	store_abort(p->store);
	OK(p, store_verify(p->store, &p->err));
}

static void
test_outbox(void **state)
{
	struct place *p = *state;
	struct outbox_record r;
	uint64_t one, two;
	char *big = calloc(1, STORE_ENVELOPE_MAX + 2);

	memset(big, 'x', STORE_ENVELOPE_MAX);
	OK(p, store_begin(p->store, &p->err));
	one = put_record(p, 1, big);
	two = put_record(p, 1, "(two)");
	put_record(p, UINT64_MAX, "(last)");
	OK(p, store_commit(p->store, &p->err));
	assert_int_equal(store_outbox_get(p->store, 1, one, &r, &p->err), 1);
	assert_int_equal(r.envelope.len, STORE_ENVELOPE_MAX);
	assert_int_equal(store_outbox_next(p->store, 1, one, &r, &p->err), 1);
	assert_true(r.sequence == two && slice_is(r.envelope, "(two)") && r.text.p == NULL);
	/* Written again with what was read: its slices lie in the store's memory. */
	OK(p, store_begin(p->store, &p->err));
	r.tries = 4;
	OK(p, store_outbox_put(p->store, &r, &p->err));
	OK(p, store_commit(p->store, &p->err));
	assert_int_equal(store_outbox_get(p->store, 1, two, &r, &p->err), 1);
	assert_true(r.tries == 4 && slice_is(r.envelope, "(two)"));
	assert_int_equal(store_outbox_next(p->store, 1, two, &r, &p->err), 1);
	assert_true(r.number == UINT64_MAX);
	assert_int_equal(store_outbox_next(p->store, r.number, r.sequence, &r, &p->err), 0);
	assert_int_equal(outbox_count(p), 3);
	/* Too long. */
	big[STORE_ENVELOPE_MAX] = 'x';
	OK(p, store_begin(p->store, &p->err));
	r = (struct outbox_record){ .number = 1, .envelope = slice_of(big) };
	assert_int_equal(store_outbox_put(p->store, &r, &p->err), -1);
	store_abort(p->store);
	free(big);
}

/* No table of locks: the bound of 1,000 records is a matter of time, not of what works. */
static void
test_big_group(void **state)
{
	struct place *p = *state;
	struct outbox_record r = { 0 };
	char envelope[3000];

	memset(envelope, 'e', sizeof(envelope) - 1);
	envelope[sizeof(envelope) - 1] = '\0';
	OK(p, store_begin(p->store, &p->err));
	for (uint64_t i = 0; i < 6000; i++)
		put_record(p, i * 7919 % 6007, envelope);
	OK(p, store_commit(p->store, &p->err));
	assert_true(store_checkpoint_due(p->store));
	OK(p, store_checkpoint(p->store, &p->err));
	assert_false(store_checkpoint_due(p->store));
	OK(p, store_begin(p->store, &p->err));
	while (store_outbox_next(p->store, r.number, r.sequence, &r, &p->err) == 1)
		OK(p, store_outbox_del(p->store, r.number, r.sequence, &p->err));
	OK(p, store_commit(p->store, &p->err));
	assert_int_equal(outbox_count(p), 0);
	OK(p, store_verify(p->store, &p->err));
}

/* Changes the version octet of a stored value, as a newer mailbelld would have written it. */
static void
make_newer(struct place *p, enum store_base base, const struct store_key *key)
{
	struct slice value;

	OK(p, store_begin(p->store, &p->err));
	assert_int_equal(store_record_get(p->store, base, key, &value, &p->err), 1);
	buf_reset(&p->store->out);
	buf_slice(&p->store->out, value);
	p->store->out.data[4]++;
	OK(p, store_record_put(p->store, base, key, &p->err));
	OK(p, store_commit(p->store, &p->err));
}

static void
test_newer(void **state)
{
	struct place *p = *state;
	static struct subscription sub;
	struct store_key key;
	struct slice value;
	struct outbox_record r;
	struct delivery d;
	uint64_t number = add_sub(p, "alice", "phone"), newer;

	add_sub(p, "bob", "phone");
	OK(p, store_begin(p->store, &p->err));
	newer = put_record(p, number, "(E)");
	put_record(p, number, "(F)");
	OK(p, store_commit(p->store, &p->err));
	assert_int_equal(store_sub_get(p->store, "alice", "phone", &sub, &p->err), 1);
	assert_int_equal(store_key_sub(&key, "alice", "phone"), 0);
	make_newer(p, BASE_SUB, &key);
	store_key_outbox(&key, number, newer);
	make_newer(p, BASE_OUTBOX, &key);
	OK(p, store_begin(p->store, &p->err));
	assert_int_equal(store_sub_put(p->store, &sub, &p->err), -1);
	assert_non_null(strstr(p->err.text, "newer"));
	store_abort(p->store);
	reopen(p);
	assert_int_equal(store_sub_next(p->store, "", "", &sub, &p->err), 1);
	assert_int_equal(sub.state, SUB_NEWER);
	assert_string_equal(sub.account, "alice");
	assert_string_equal(sub.id, "phone");
	assert_int_equal(store_sub_next(p->store, "alice", "phone", &sub, &p->err), 1);
	assert_int_equal(sub.state, SUB_UNACKNOWLEDGED);
	assert_int_equal(store_sub_number(p->store, number, &sub, &p->err), 1);
	assert_int_equal(sub.state, SUB_NEWER);
	assert_true(sub.number == number);
	assert_int_equal(store_outbox_next(p->store, 0, 0, &r, &p->err), 1);
	assert_true(slice_is(r.envelope, "(F)"));
	assert_int_equal(store_outbox_get(p->store, number, newer, &r, &p->err), 0);
	assert_int_equal(store_record_get(p->store, BASE_OUTBOX, &key, &value, &p->err), 1);
	store_key_delivery(&key, number);
	make_newer(p, BASE_DELIVERY, &key);
	assert_int_equal(store_delivery_get(p->store, number, &d, &p->err), 0);
	OK(p, store_begin(p->store, &p->err));
	assert_int_equal(store_delivery_put(p->store, &(struct delivery){ .number = number }, &p->err), -1);
	store_abort(p->store);
	assert_int_equal(store_sub_number(p->store, number, &sub, &p->err), 1);
	assert_int_equal(sub.state, SUB_NEWER);
	OK(p, store_verify(p->store, &p->err));
}

static void
test_accounts_and_numbers(void **state)
{
	struct place *p = *state;
	struct account a, b;
	int64_t value;

	assert_int_equal(store_account_get(p->store, "alice", &a, &p->err), 0);
	assert_int_equal(a.content, -1);
	assert_string_equal(a.name, "alice");
	OK(p, store_begin(p->store, &p->err));
	a.content = CONTENT_ENVELOPE;
	OK(p, store_account_put(p->store, &a, &p->err));
	snprintf(b.name, sizeof(b.name), "bob");
	assert_int_equal(store_account_get(p->store, "bob", &b, &p->err), 0);
	b.wrong_count = 2;
	OK(p, store_account_put(p->store, &b, &p->err));
	OK(p, store_number_put(p->store, "pushes", -5, &p->err));
	OK(p, store_commit(p->store, &p->err));
	assert_int_equal(store_account_next(p->store, "", &b, &p->err), 1);
	assert_string_equal(b.name, "alice");
	assert_int_equal(b.content, CONTENT_ENVELOPE);
	assert_int_equal(store_account_next(p->store, "alice", &b, &p->err), 1);
	assert_int_equal(b.wrong_count, 2);
	assert_int_equal(store_account_next(p->store, "bob", &b, &p->err), 0);
	OK(p, store_begin(p->store, &p->err));
	a.content = -1;
	OK(p, store_account_put(p->store, &a, &p->err));
	OK(p, store_commit(p->store, &p->err));
	assert_int_equal(store_account_get(p->store, "alice", &a, &p->err), 0);
	assert_int_equal(store_number_get(p->store, "pushes", &value, &p->err), 1);
	assert_true(value == -5);
	assert_int_equal(store_number_get(p->store, "number", &value, &p->err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_subscriptions),
		IN_PLACE(test_delete),
		IN_PLACE(test_groups),
		IN_PLACE(test_ids_are_never_given_twice),
		IN_PLACE(test_outbox),
		IN_PLACE(test_big_group),
		IN_PLACE(test_newer),
		IN_PLACE(test_accounts_and_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
