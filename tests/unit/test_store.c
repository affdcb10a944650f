/*
 * The store on a real folder: groups, references, ids, what is erased, what is refused.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/store_int.h"

struct place {
	char		 dir[64];
	struct store	*store;
	struct err	 err;
};

static void
reopen(struct place *p)
{
	store_close(p->store);
	p->store = store_open(p->dir, &p->err);
	if (p->store == NULL)
		fail_msg("%s", p->err.text);
}

static int
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

static void
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

static int
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

static struct subscription *
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

static uint64_t
add_sub(struct place *p, const char *account, const char *id)
{
	struct subscription *sub = make_sub(account, id);

	OK(p, store_begin(p->store, &p->err));
	OK(p, store_sub_put(p->store, sub, &p->err));
	OK(p, store_commit(p->store, &p->err));
	return sub->number;
}

static uint64_t
put_record(struct place *p, uint64_t number, const char *envelope)
{
	struct outbox_record r = { .number = number, .generation = 1, .due = 5, .expires = 9,
		.mailbox = slice_of("INBOX"), .uid = 3, .envelope = slice_of(envelope) };

	OK(p, store_outbox_put(p->store, &r, &p->err));
	return r.sequence;
}

/* Of those that this version can read. */
static int
outbox_count(struct place *p)
{
	struct outbox_record r = { .number = 0 };
	int n = 0;

	while (store_outbox_next(p->store, r.number, r.sequence, &r, &p->err) == 1)
		n++;
	return n;
}

static void
test_open(void **state)
{
	struct place *p = *state;
	char path[128], empty[] = "/tmp/mbemptyXXXXXX";
	struct stat st;

	/* A second one, also of this process. */
	assert_null(store_open(p->dir, &p->err));
	assert_non_null(strstr(p->err.text, "another mailbelld (pid "));
	snprintf(path, sizeof(path), "(pid %ld)", (long)getpid());
	assert_non_null(strstr(p->err.text, path));
	store_close(p->store);
	p->store = NULL;
	assert_int_equal(store_init(p->dir, &p->err), -1);
	assert_non_null(strstr(p->err.text, "there already"));
	reopen(p);
	assert_non_null(mkdtemp(empty));
	assert_null(store_open(empty, &p->err));
	assert_non_null(strstr(p->err.text, "mailbelld --init"));
	remove_folder(empty, "");
	snprintf(path, sizeof(path), "%s/store", p->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s/store/subscription.db", p->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* Killed in the middle of --init: no store, and the next --init makes one. */
static void
test_half_init(void **state)
{
	struct place *p = *state;
	char from[128], to[128];

	store_close(p->store);
	p->store = NULL;
	snprintf(from, sizeof(from), "%s/store", p->dir);
	snprintf(to, sizeof(to), "%s/store.new", p->dir);
	assert_int_equal(rename(from, to), 0);
	assert_null(store_open(p->dir, &p->err));
	assert_int_equal(store_init(p->dir, &p->err), 0);
	reopen(p);
	OK(p, store_verify(p->store, &p->err));
}

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

/* In a process that is killed: what ended later is there after store_write, and nobody else writes it. */
static void
later(struct place *p, bool written)
{
	int status, pid;

	store_close(p->store);
	p->store = NULL;
	if ((pid = fork()) == 0) {
		p->store = store_open(p->dir, NULL);
		if (p->store == NULL || store_begin(p->store, NULL) < 0)
			_exit(1);
		put_record(p, 7, "(E)");
		if (store_commit_later(p->store, NULL) < 0 || outbox_count(p) != 1)
			_exit(1);
		/* A group that changes nothing writes nothing. */
		if (store_begin(p->store, NULL) < 0 || store_commit(p->store, NULL) < 0)
			_exit(1);
		_exit(written && store_write(p->store, NULL) < 0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	reopen(p);
}

static void
test_later(void **state)
{
	struct place *p = *state;

	later(p, false);
	assert_int_equal(outbox_count(p), 0);
	later(p, true);
	assert_int_equal(outbox_count(p), 1);
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

static bool
file_holds(const struct place *p, const char *name, const char *text)
{
	char path[128];
	uint8_t *octets;
	struct stat st;
	bool found;
	FILE *f;

	snprintf(path, sizeof(path), "%s/store/%s", p->dir, name);
	assert_non_null(f = fopen(path, "r"));
	assert_int_equal(fstat(fileno(f), &st), 0);
	octets = malloc((size_t)st.st_size);
	assert_int_equal(fread(octets, 1, (size_t)st.st_size, f), st.st_size);
	fclose(f);
	found = memmem(octets, (size_t)st.st_size, text, strlen(text)) != NULL;
	free(octets);
	return found;
}

/* Small records lie in the tree's pages, long ones in pages of their own. */
static void
test_erased(void **state)
{
	struct place *p = *state;
	static struct subscription sub;
	uint64_t number = add_sub(p, "alice", "phone"), small, big;
	char envelope[4000];

	for (size_t i = 0; i < sizeof(envelope) - 1; i++)
		envelope[i] = "SECRET-ENVELOPE."[i % 16];
	envelope[sizeof(envelope) - 1] = '\0';
	OK(p, store_begin(p->store, &p->err));
	small = put_record(p, 99, "SECRET-SUBJECT");
	big = put_record(p, 99, envelope);
	OK(p, store_commit(p->store, &p->err));
	OK(p, store_checkpoint(p->store, &p->err));
	assert_true(file_holds(p, "subscription.db", "SECRET"));
	assert_true(file_holds(p, "outbox.db", "SECRET-SUBJECT"));
	assert_true(file_holds(p, "outbox.db", "SECRET-ENVELOPE"));
	assert_int_equal(store_sub_number(p->store, number, &sub, &p->err), 1);
	OK(p, store_begin(p->store, &p->err));
	OK(p, store_sub_del(p->store, &sub, &p->err));
	OK(p, store_outbox_del(p->store, 99, small, &p->err));
	OK(p, store_outbox_del(p->store, 99, big, &p->err));
	OK(p, store_commit(p->store, &p->err));
	OK(p, store_checkpoint(p->store, &p->err));
	assert_false(file_holds(p, "subscription.db", "SECRET"));
	assert_false(file_holds(p, "outbox.db", "SECRET"));
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
test_verify(void **state)
{
	struct place *p = *state;
	struct store_key key;

	add_sub(p, "alice", "phone");
	OK(p, store_begin(p->store, &p->err));
	buf_reset(&p->store->out);
	buf_text(&p->store->out, "not\001\001 a frame");
	store_key_outbox(&key, 1, 1);
	OK(p, store_record_put(p->store, BASE_OUTBOX, &key, &p->err));
	OK(p, store_commit(p->store, &p->err));
	assert_int_equal(store_verify(p->store, &p->err), -1);
	assert_non_null(strstr(p->err.text, "outbox record is damaged"));
}

/* One octet of a page changed on disk is found, and says so in err, not on stderr. */
static void
test_damaged_page(void **state)
{
	struct place *p = *state;
	static struct subscription sub;
	char path[128];
	int fd, status;
	pid_t child;

	add_sub(p, "alice", "phone");
	store_close(p->store);
	p->store = NULL;
	snprintf(path, sizeof(path), "%s/store/subscription.db", p->dir);
	assert_true((fd = open(path, O_RDWR)) >= 0);
	assert_int_equal(pwrite(fd, "#", 1, 4096 + 3000), 1);
	close(fd);
	/* In a child: after a panic the engine does not give back all of its memory. */
	if ((child = fork()) == 0) {
		p->store = store_open(p->dir, &p->err);
		if (p->store != NULL && (store_sub_get(p->store, "alice", "phone", &sub, &p->err) != -1 ||
		    !store_broken(p->store)))
			_exit(1);
		_exit(strstr(p->err.text, "checksum") == NULL ? 2 : 0);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
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

static void
test_cache(void **state)
{
	const int64_t mib = 1024 * 1024, memory = 8192 * mib;

	(void)state;
	assert_int_equal(store_cache_octets(0, memory), 32 * mib);
	assert_int_equal(store_cache_octets(128 * mib, memory), 32 * mib);
	assert_int_equal(store_cache_octets(400 * mib, memory), 500 * mib);
	assert_int_equal(store_cache_octets(4000 * mib, memory), 1024 * mib);
	assert_int_equal(store_cache_octets(4000 * mib, 128 * mib), 32 * mib);
	assert_int_equal(store_cache_octets(INT64_C(1) << 40, INT64_C(1) << 40), 3072 * mib);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_init, setup, teardown),
		cmocka_unit_test_setup_teardown(test_subscriptions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ids_are_never_given_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outbox, setup, teardown),
		cmocka_unit_test_setup_teardown(test_big_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_erased, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verify, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_accounts_and_numbers, setup, teardown),
		cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
