/*
 * vapid: every form of key file, the folder and its rights, tokens as RFC 8292 has them, and which
 * contacts are taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/vapid.h"
#include "daemon/vapidkey.h"
#include "lib/base64url.h"
#include "tests/unit/vapid_keys.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define CONTACT		"mailto:postmaster@example.org"
#define ORIGIN		"https://push.example.net"
#define NOW		((int64_t)1800000000)
#define HOUR		((int64_t)3600)

/* A state_dir for each test. */

struct place {
	char	state_dir[64];
	char	path[512];	/* of the last path_of */
};

static const char *
path_of(struct place *p, const char *name)
{
	snprintf(p->path, sizeof(p->path), "%s/vapid/%s", p->state_dir, name);
	return p->path;
}

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	snprintf(p->state_dir, sizeof(p->state_dir), "/tmp/mailbell-vapid-XXXXXX");
	assert_non_null(mkdtemp(p->state_dir));
	*state = p;
	return 0;
}

static int
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

static struct vapid *
ring_of(struct place *p)
{
	struct err err;
	struct vapid *v = vapid_open(p->state_dir, CONTACT, &err);

	assert_non_null(v);
	return v;
}

static struct slice
pair(void)
{
	return slice_of(pem_pkcs8);
}

/* Keys */

static void
all_forms_are_one_key(void **state)
{
	static const char *const forms[] = {
		pem_sec1, pem_sec1_params, pem_pkcs8, pem_compressed, pem_no_public
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct err err = { "" };
		struct vapidkey *k = vapidkey_parse(slice_of(forms[i]), &err);
		struct buf pem;

		if (k == NULL)
			fail_msg("form %zu: %s", i, err.text);
		assert_string_equal(vapidkey_id(k), PAIR_ID);
		assert_string_equal(vapidkey_public(k), PAIR_PUBLIC);
		buf_init(&pem, VAPID_PEM_MAX);
		assert_int_equal(vapidkey_pem(k, &pem, &err), 0);
		assert_true(slice_equal(buf_all(&pem), pair()));
		buf_wipe(&pem);
		vapidkey_free(k);
	}
}

static const struct {
	const char	*pem, *remedy;
} no_keys[] = {
	{ pem_explicit, "-param_enc named_curve" }, { pem_explicit8, "-param_enc named_curve" },
	{ pem_p384, "secp384r1" }, { pem_k256, "secp256k1" },
	{ pem_ed25519, "mailbell vapid new" }, { pem_rsa, "mailbell vapid new" },
	{ pem_encrypted, "openssl pkey" }, { pem_encrypted8, "openssl pkey" },
	{ pem_public, "no private key" }, { pem_mismatched, "do not belong together" },
	{ "", "empty" }, { "hello\n", "no private key" },
	{ "-----BEGIN PRIVATE KEY-----\n", "no private key" },
	{ "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key" },
};

static void
what_is_no_key_says_what_to_do(void **state)
{
	static char long_text[VAPID_PEM_MAX + 2];
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(no_keys); i++) {
		err.text[0] = '\0';
		assert_null(vapidkey_parse(slice_of(no_keys[i].pem), &err));
		if (strstr(err.text, no_keys[i].remedy) == NULL)
			fail_msg("%zu: \"%s\" does not say \"%s\"", i, err.text, no_keys[i].remedy);
	}
	memset(long_text, '\n', sizeof(long_text) - 1);
	assert_null(vapidkey_parse(slice_of(long_text), &err));
}

static void
every_cut_of_a_key_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(pem_pkcs8) - 2; len++)
		assert_null(vapidkey_parse((struct slice){ pem_pkcs8, len }, NULL));
}

static void
rfc8292_vector(void **state)
{
	static const char k[] =
	    "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs";
	static const char t[] =
	    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAi"
	    "OjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HL"
	    "GkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA";
	char broken[sizeof(t)];

	(void)state;
	assert_int_equal(vapid_verify(t, k), 1);
	assert_int_equal(vapid_verify(t, PAIR_PUBLIC), 0);
	for (size_t i = 0; i < sizeof(t) - 2; i++) {
		memcpy(broken, t, sizeof(t));
		broken[i] = broken[i] == 'A' ? 'B' : 'A';
		assert_int_equal(vapid_verify(broken, k), 0);
	}
	assert_int_equal(vapid_verify("", k), 0);
	assert_int_equal(vapid_verify("a.b.", k), 0);
	assert_int_equal(vapid_verify(t, ""), 0);
	assert_int_equal(vapid_verify(t, "BA1H"), 0);
}

/* r and s keep their leading zeros: one in 128 signatures has one. */
static void
signatures_have_64_octets(void **state)
{
	struct vapidkey *k = vapidkey_generate(NULL);
	uint8_t signature[VAPIDKEY_SIGNATURE];
	bool short_half = false;
	char text[32];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "text %d", i);
		assert_int_equal(vapidkey_sign(k, slice_of(text), signature, NULL), 0);
		assert_int_equal(vapidkey_verify(vapidkey_public(k), slice_of(text), signature), 1);
		short_half = short_half || signature[0] == 0 || signature[32] == 0;
	}
	assert_true(short_half);
	vapidkey_free(k);
}

/* The folder */

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

/* Tokens */

/* Takes "vapid t=T, k=K" apart. */
static void
take_apart(const char *header, char token[VAPID_HEADER_MAX], char key[VAPID_HEADER_MAX])
{
	assert_int_equal(sscanf(header, "vapid t=%1000[^,], k=%100s", token, key), 2);
	assert_int_equal(strlen(header), strlen("vapid t=, k=") + strlen(token) + strlen(key));
}

static void
part_of(const char *token, int n, char *out, size_t max)
{
	struct slice part;
	int len;

	while (n-- > 0)
		token = strchr(token, '.') + 1;
	part = (struct slice){ token, strcspn(token, ".") };
	len = base64url_decode(part, (uint8_t *)out, max - 1);
	assert_true(len >= 0);
	out[len] = '\0';
}

static void
a_token_is_what_rfc_8292_says(void **state)
{
	struct place *p = *state;
	char token[VAPID_HEADER_MAX], key[VAPID_HEADER_MAX], text[VAPID_HEADER_MAX];
	struct vapid *v;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = ring_of(p);
	take_apart(vapid_authorization(v, vapid_current(v), ORIGIN ":8443", NOW, &err), token, key);
	assert_string_equal(key, vapid_public(v, vapid_current(v)));
	part_of(token, 0, text, sizeof(text));
	assert_string_equal(text, "{\"typ\":\"JWT\",\"alg\":\"ES256\"}");
	part_of(token, 1, text, sizeof(text));
	assert_string_equal(text, "{\"aud\":\"https://push.example.net:8443\",\"exp\":1800043200,"
	    "\"sub\":\"" CONTACT "\"}");
	assert_int_equal(vapid_verify(token, key), 1);
	assert_null(strchr(token, '='));

	assert_null(vapid_authorization(v, vapid_current(v), "https://a\"b", NOW, &err));
	assert_null(vapid_authorization(v, "0123456789abcdef", ORIGIN, NOW, &err));
	vapid_close(v);
}

static void
tokens_are_kept_for_six_hours(void **state)
{
	struct place *p = *state;
	char first[VAPID_HEADER_MAX], id[VAPID_ID_LEN + 1];
	struct vapid *v;
	struct err err;

#define SAME(id, origin, now)	\
	(strcmp(first, vapid_authorization(v, (id), (origin), (now), &err)) == 0)
	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = ring_of(p);
	assert_int_equal(vapid_new(v, id, &err), 0);
	snprintf(first, sizeof(first), "%s", vapid_authorization(v, vapid_current(v), ORIGIN, NOW, &err));
	assert_true(SAME(vapid_current(v), ORIGIN, NOW));
	assert_false(SAME(id, ORIGIN, NOW));
	assert_false(SAME(vapid_current(v), ORIGIN ":8443", NOW));
	assert_true(SAME(vapid_current(v), ORIGIN, NOW + 6 * HOUR - 1));
	assert_false(SAME(vapid_current(v), ORIGIN, NOW + 6 * HOUR));
	assert_false(SAME(vapid_current(v), ORIGIN, NOW));	/* backwards: a new one */
	vapid_forget(v);
	assert_false(SAME(vapid_current(v), ORIGIN, NOW));
#undef SAME
	vapid_close(v);
}

/* More origins than the cache holds: each gets its own token, always. */
static void
tokens_of_many_origins(void **state)
{
	struct place *p = *state;
	char origin[64], want[96], token[VAPID_HEADER_MAX], key[VAPID_HEADER_MAX];
	char claims[VAPID_HEADER_MAX];
	struct vapid *v;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = ring_of(p);
	for (int i = 0; i < 6000; i++) {
		snprintf(origin, sizeof(origin), "https://h%d.example.net", i * 7 % 3000);
		snprintf(want, sizeof(want), "{\"aud\":\"%s\",", origin);
		take_apart(vapid_authorization(v, vapid_current(v), origin, NOW + i, &err), token, key);
		part_of(token, 1, claims, sizeof(claims));
		assert_memory_equal(claims, want, strlen(want));
	}
	vapid_close(v);
}

static void
the_longest_token_fits(void **state)
{
	struct place *p = *state;
	char origin[300] = "https://", contact[VAPID_CONTACT_MAX + 1] = "https://example.org/";
	struct vapid *v;
	struct err err;

	memset(origin + 8, 'a', 253);
	memcpy(origin + 8 + 253, ":65535", 7);
	memset(contact + 20, 'a', VAPID_CONTACT_MAX - 20);
	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = vapid_open(p->state_dir, contact, &err);
	assert_non_null(v);
	assert_non_null(vapid_authorization(v, vapid_current(v), origin, NOW, &err));
	vapid_close(v);
}

static const struct {
	const char	*contact;
	bool		 taken;
} contacts[] = {
	{ "mailto:postmaster@example.org", true }, { "mailto:push@example.com", true },
	{ "mailto:a.b+c_d@mail.example.co.uk", true }, { "mailto:x%41@xn--bcher-kva.example.org", true },
	{ "mailto:POSTMASTER@EXAMPLE.ORG", true }, { "mailto:admin@local.example.org", true },
	{ "mailto:o'hara@test.example.org", true }, { "mailto:a@localhost.org", true },
	{ "https://example.org", true }, { "https://example.org/contact?x=1", true },
	{ "https://example.org:8443/", true },

	{ NULL, false }, { "", false }, { "postmaster@example.org", false },
	{ "mailto:", false }, { "mailto:postmaster", false }, { "mailto:@example.org", false },
	{ "mailto:a@", false }, { "mailto: a@example.org", false }, { " mailto:a@example.org", false },
	{ "mailto:a@example.org ", false }, { "mailto:<a@example.org>", false },
	{ "mailto:\"a b\"@example.org", false }, { "mailto:a@b@example.org", false },
	{ "mailto:a@example.org,b@example.org", false }, { "mailto:a@example.org?subject=x", false },
	{ "mailto:a@localhost", false }, { "mailto:a@example", false }, { "mailto:a@host.local", false },
	{ "mailto:a@host.LOCALDOMAIN", false }, { "mailto:a@x.localhost", false },
	{ "mailto:a@x.invalid", false }, { "mailto:a@x.test", false }, { "mailto:a@x.example", false },
	{ "mailto:a@x.lan", false }, { "mailto:a@x.internal", false },
	{ "mailto:a@127.0.0.1", false }, { "mailto:a@[127.0.0.1]", false }, { "mailto:a@1.2", false },
	{ "mailto:a@.example.org", false }, { "mailto:a@example..org", false },
	{ "mailto:a@example.org.", false }, { "mailto:a@-example.org", false },
	{ "mailto:a@example-.org", false }, { "mailto:a@exa_mple.org", false },
	{ "mailto:a@ex\xc3\xa4mple.org", false }, { "mailto:a\r\nX: y@example.org", false },
	{ "MAILTO:a@example.org", false }, { "http://example.org", false }, { "https://", false },
	{ "https:///x", false }, { "https://localhost/", false }, { "https://localhost:8443", false },
	{ "https://user@example.org/", false }, { "https://example.org:/", false },
	{ "https://example.org:x/", false }, { "https://example.org:123456/", false },
	{ "https://[::1]/", false }, { "https://10.0.0.1/", false }, { "https://a b.org/", false },
	{ "https://example.org/\"", false }, { "https://example.org/\\", false },
};

static void
contacts_are_judged(void **state)
{
	char text[VAPID_CONTACT_MAX + 2] = "https://example.org/";

	(void)state;
	for (size_t i = 0; i < COUNT(contacts); i++) {
		struct err err = { "" };
		bool taken = vapid_check_contact(contacts[i].contact, &err) == 0;

		if (taken != contacts[i].taken)
			fail_msg("\"%s\": %s %s", contacts[i].contact, taken ? "taken" : "refused", err.text);
		assert_int_equal(err.text[0] != '\0', !taken);
	}
	memset(text + 20, 'a', VAPID_CONTACT_MAX - 20);
	assert_int_equal(vapid_check_contact(text, NULL), 0);
	text[VAPID_CONTACT_MAX] = 'a';
	assert_int_equal(vapid_check_contact(text, NULL), -1);
	assert_null(vapid_open("/tmp", "mailto:a@localhost", NULL));
}

int
main(void)
{
#define IN_PLACE(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_forms_are_one_key),
		cmocka_unit_test(what_is_no_key_says_what_to_do),
		cmocka_unit_test(every_cut_of_a_key_is_refused),
		cmocka_unit_test(rfc8292_vector),
		cmocka_unit_test(signatures_have_64_octets),
		IN_PLACE(init_makes_one_key),
		IN_PLACE(no_folder_and_no_key_are_told),
		IN_PLACE(rotation_keeps_the_old_key),
		IN_PLACE(import_and_export),
		IN_PLACE(a_wrong_name_is_left_out),
		IN_PLACE(a_bad_file_is_left_out),
		IN_PLACE(a_bad_link_stops_pushes),
		IN_PLACE(what_was_interrupted_is_done_again),
		IN_PLACE(many_keys_come_in_order),
		IN_PLACE(a_token_is_what_rfc_8292_says),
		IN_PLACE(tokens_are_kept_for_six_hours),
		IN_PLACE(tokens_of_many_origins),
		IN_PLACE(the_longest_token_fits),
		cmocka_unit_test(contacts_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
