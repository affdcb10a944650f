/* The store's folder: how it is opened and made, what reaches the disk, what stays there, what is damaged. */
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

#include "tests/unit/store_place.h"

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
		IN_PLACE(test_open),
		IN_PLACE(test_half_init),
		IN_PLACE(test_later),
		IN_PLACE(test_erased),
		IN_PLACE(test_verify),
		IN_PLACE(test_damaged_page),
		cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
