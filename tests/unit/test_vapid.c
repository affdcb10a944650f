/* vapid: the folder of keys and its rights, and what an interruption leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/vapid.h"
#include "daemon/vapidkey.h"
#include "tests/unit/vapid_keys.h"
#include "tests/unit/vapid_place.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
static void
put_file(struct place *p, const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(path_of(p, name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(p->path, mode), 0);
}

static void
get_file(struct place *p, const char *name, char *out, size_t max)
{
	FILE *f = fopen(path_of(p, name), "r");
	size_t n;

	assert_non_null(f);
	n = fread(out, 1, max - 1, f);
	out[n] = '\0';
	fclose(f);
}

static struct slice
pair(void)
{
	return slice_of(pem_pkcs8);
}

static void
init_makes_one_key(void **state)
{
	struct place *p = *state;
	char name[64], link[64] = "";
	struct stat st;
	struct vapid *v;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	assert_int_equal(stat(path_of(p, ""), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	v = ring_of(p);
	assert_int_equal(vapid_count(v), 1);
	assert_string_equal(vapid_why(v), "");
	assert_string_equal(vapid_current(v), vapid_id(v, 0));
	assert_int_equal(strlen(vapid_public(v, vapid_current(v))), VAPID_KEY_LEN);
	snprintf(name, sizeof(name), "%s.pem", vapid_current(v));
	assert_int_equal(lstat(path_of(p, name), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0400);
	assert_true(readlink(path_of(p, "current"), link, sizeof(link) - 1) > 0);
	assert_string_equal(link, name);
	vapid_close(v);

	assert_int_equal(vapid_init(p->state_dir, &err), -1);
	assert_non_null(strstr(err.text, "already"));
	v = ring_of(p);
	assert_int_equal(vapid_count(v), 1);
	vapid_close(v);
}

static void
no_folder_and_no_key_are_told(void **state)
{
	struct place *p = *state;
	char id[VAPID_ID_LEN + 1];
	struct vapid *v;
	struct err err;

	v = ring_of(p);
	assert_null(vapid_current(v));
	assert_non_null(strstr(vapid_why(v), "No such file"));
	assert_int_equal(vapid_new(v, id, &err), -1);
	assert_non_null(strstr(err.text, "--init"));
	vapid_close(v);

	assert_int_equal(mkdir(path_of(p, ""), 0700), 0);
	v = ring_of(p);
	assert_null(vapid_current(v));
	assert_non_null(strstr(vapid_why(v), "no VAPID key is current"));
	assert_int_equal(vapid_count(v), 0);
	vapid_close(v);
}

static void
rotation_keeps_the_old_key(void **state)
{
	struct place *p = *state;
	char first[VAPID_ID_LEN + 1], second[VAPID_ID_LEN + 1];
	struct vapid *v;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = ring_of(p);
	memcpy(first, vapid_current(v), sizeof(first));
	assert_int_equal(vapid_new(v, second, &err), 0);
	assert_string_equal(vapid_current(v), first);
	assert_int_equal(vapid_set_current(v, second, &err), 0);
	assert_string_equal(vapid_current(v), second);
	assert_int_equal(vapid_set_current(v, "0123456789abcdef", &err), -1);
	assert_int_equal(vapid_remove(v, second, &err), -1);	/* current */
	assert_non_null(vapid_authorization(v, first, ORIGIN, NOW, &err));
	vapid_close(v);

	v = ring_of(p);		/* it is on the disk */
	assert_int_equal(vapid_count(v), 2);
	assert_string_equal(vapid_current(v), second);
	assert_int_equal(vapid_remove(v, first, &err), 0);
	assert_int_equal(vapid_remove(v, first, &err), -1);	/* unknown */
	assert_null(vapid_authorization(v, first, ORIGIN, NOW, &err));
	assert_null(vapid_public(v, first));
	vapid_close(v);

	v = ring_of(p);
	assert_int_equal(vapid_count(v), 1);
	assert_string_equal(vapid_current(v), second);
	vapid_close(v);
}

static void
import_and_export(void **state)
{
	struct place *p = *state;
	char id[VAPID_ID_LEN + 1], text[VAPID_PEM_MAX];
	struct vapid *v;
	struct buf out;
	struct stat st;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = ring_of(p);
	assert_int_equal(vapid_import(v, slice_of(pem_sec1_params), id, &err), 0);
	assert_string_equal(id, PAIR_ID);
	assert_string_equal(vapid_public(v, id), PAIR_PUBLIC);
	assert_int_equal(vapid_import(v, pair(), id, &err), 0);	/* again */
	assert_int_equal(vapid_count(v), 2);
	assert_int_equal(vapid_import(v, slice_of(pem_p384), id, &err), -1);
	assert_int_equal(stat(path_of(p, PAIR_ID ".pem"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	get_file(p, PAIR_ID ".pem", text, sizeof(text));
	assert_string_equal(text, pem_pkcs8);

	buf_init(&out, VAPID_PEM_MAX);
	assert_int_equal(vapid_export(v, PAIR_ID, &out, &err), 0);
	assert_true(slice_equal(buf_all(&out), pair()));
	assert_int_equal(vapid_export(v, "0123456789abcdef", &out, &err), -1);
	buf_wipe(&out);
	vapid_close(v);
}

/* A file under another key's name is never used, for nothing. */
static void
a_wrong_name_is_left_out(void **state)
{
	struct place *p = *state;
	char name[64];
	struct vapid *v;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = ring_of(p);
	snprintf(name, sizeof(name), "%s.pem", vapid_current(v));
	vapid_close(v);
	assert_int_equal(unlink(path_of(p, name)), 0);
	put_file(p, name, pem_pkcs8, 0400);
	v = ring_of(p);
	assert_null(vapid_current(v));
	assert_int_equal(vapid_count(v), 0);
	assert_non_null(strstr(vapid_why(v), PAIR_ID));
	assert_null(vapid_public(v, PAIR_ID));
	vapid_close(v);
}

static const struct {
	const char	*name, *text;
	mode_t		 mode;
	const char	*why;
} faults[] = {
	{ PAIR_ID ".pem", pem_pkcs8, 0440, "chmod 0400" },
	{ PAIR_ID ".pem", pem_pkcs8, 0404, "chmod 0400" },
	{ PAIR_ID ".pem", pem_p384, 0400, "secp384r1" },
	{ PAIR_ID ".pem", "", 0400, "empty" },
	{ "0123456789abcdef.pem", pem_pkcs8, 0400, "rename" },
	/* names that are not looked at */
	{ "0123456789ABCDEF.pem", "", 0400, NULL }, { "0123456789abcdef.pem~", "", 0400, NULL },
	{ "0123456789abcde.pem", "", 0400, NULL }, { ".new-key", "", 0400, NULL },
	{ "0123456789abcdef0.pem", "", 0400, NULL }, { "README", "", 0400, NULL },
};

/* A fault of one file is told, and harms no other key. */
static void
a_bad_file_is_left_out(void **state)
{
	struct place *p = *state;
	struct vapid *v;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	for (size_t i = 0; i < COUNT(faults); i++) {
		put_file(p, faults[i].name, faults[i].text, faults[i].mode);
		v = ring_of(p);
		assert_int_equal(vapid_count(v), 1);
		assert_non_null(vapid_current(v));
		if (faults[i].why == NULL)
			assert_string_equal(vapid_why(v), "");
		else if (strstr(vapid_why(v), faults[i].why) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", faults[i].name, vapid_why(v),
			    faults[i].why);
		vapid_close(v);
		assert_int_equal(unlink(path_of(p, faults[i].name)), 0);
	}
	assert_int_equal(symlink("/etc/passwd", path_of(p, PAIR_ID ".pem")), 0);
	v = ring_of(p);
	assert_string_not_equal(vapid_why(v), "");
	/* Importing the key mends it. */
	assert_int_equal(vapid_import(v, pair(), (char[VAPID_ID_LEN + 1]){ 0 }, &err), 0);
	vapid_close(v);
	v = ring_of(p);
	assert_string_equal(vapid_why(v), "");
	assert_int_equal(vapid_count(v), 2);
	vapid_close(v);
}

static void
a_bad_link_stops_pushes(void **state)
{
	static const char *const targets[] = {
		"../x", "/etc/passwd", "0123456789abcdef", "0123456789abcdef.pem", "current",
		"../vapid/" PAIR_ID ".pem",
	};
	struct place *p = *state;
	struct vapid *v;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	put_file(p, PAIR_ID ".pem", pem_pkcs8, 0400);
	for (size_t i = 0; i < COUNT(targets); i++) {
		assert_int_equal(unlink(path_of(p, "current")), 0);
		assert_int_equal(symlink(targets[i], p->path), 0);
		v = ring_of(p);
		assert_null(vapid_current(v));
		assert_non_null(strstr(vapid_why(v), "vapid/"));
		assert_int_equal(vapid_count(v), 2);
		vapid_close(v);
	}
	v = ring_of(p);
	assert_int_equal(vapid_set_current(v, PAIR_ID, &err), 0);
	vapid_close(v);
	v = ring_of(p);
	assert_string_equal(vapid_current(v), PAIR_ID);
	vapid_close(v);
}

/* A kill between the steps leaves a temporary name, which the next one writes over. */
static void
what_was_interrupted_is_done_again(void **state)
{
	struct place *p = *state;
	char id[VAPID_ID_LEN + 1];
	struct vapid *v;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	put_file(p, ".new-key", "half a k", 0400);
	assert_int_equal(symlink("nowhere", path_of(p, ".new-current")), 0);
	v = ring_of(p);
	assert_string_equal(vapid_why(v), "");
	assert_int_equal(vapid_new(v, id, &err), 0);
	assert_int_equal(vapid_set_current(v, id, &err), 0);
	vapid_close(v);
	v = ring_of(p);
	assert_string_equal(vapid_current(v), id);
	assert_int_equal(access(path_of(p, ".new-key"), F_OK), -1);
	vapid_close(v);
}

static void
many_keys_come_in_order(void **state)
{
	struct place *p = *state;
	char id[VAPID_ID_LEN + 1];
	struct vapid *v;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = ring_of(p);
	for (int i = 0; i < 30; i++)
		assert_int_equal(vapid_new(v, id, &err), 0);
	vapid_close(v);
	v = ring_of(p);
	assert_int_equal(vapid_count(v), 31);
	for (size_t i = 2; i < vapid_count(v); i++)	/* the current one is the first */
		assert_true(strcmp(vapid_id(v, i - 1), vapid_id(v, i)) < 0);
	vapid_close(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(init_makes_one_key),
		IN_PLACE(no_folder_and_no_key_are_told),
		IN_PLACE(rotation_keeps_the_old_key),
		IN_PLACE(import_and_export),
		IN_PLACE(a_wrong_name_is_left_out),
		IN_PLACE(a_bad_file_is_left_out),
		IN_PLACE(a_bad_link_stops_pushes),
		IN_PLACE(what_was_interrupted_is_done_again),
		IN_PLACE(many_keys_come_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
