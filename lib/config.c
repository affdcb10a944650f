/*
 * libinih splits the lines, after confline has refused what it would take silently.  The reader
 * also counts them: libinih's handler is not told where it is.  The first fault ends the reading.
 *
 * Defaults are text and go through the same parser as the file's values.
 */
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config.h"
#include "lib/confline.h"
#include "lib/value.h"

enum type {
	TEXT, NUMBER, TIME, BOOL, WORD,
	WORDS,		/* a list, several in one line with spaces between them */
	LINES		/* a list, one in a line */
};

struct key {
	const char	*name;
	enum type	 type;
	size_t		 offset;	/* in struct config */
	const char	*def;		/* NULL: none */
	bool		 optional;	/* may be set to nothing although it has a default */
	int64_t		 min, max;	/* NUMBER, TIME */
	const char *const *words;	/* WORD: the order is the enum's */
	int		(*check)(const char *text, struct err *err);	/* of the texts; or NULL */
};

#define HOUR	3600
#define DAY	(24 * HOUR)
#define MAX_NUM	1000000
#define WORDS_OF(...)		(const char *const[]){ __VA_ARGS__, NULL }
#define KEY(n, t, d, ...) \
	{ .name = #n, .type = t, .offset = offsetof(struct config, n), .def = (d), __VA_ARGS__ }
#define TEXT_KEY(n, d, f)	KEY(n, TEXT, d, .check = (f))
#define WORDS_KEY(n, d, f)	KEY(n, WORDS, d, .check = (f))
#define LINES_KEY(n, f)		KEY(n, LINES, NULL, .check = (f))
#define NUMBER_KEY(n, d, a, b)	KEY(n, NUMBER, d, .min = (a), .max = (b))
#define TIME_KEY(n, d, a, b)	KEY(n, TIME, d, .min = (a), .max = (b))
#define BOOL_KEY(n, d)		KEY(n, BOOL, d, .check = NULL)
#define WORD_KEY(n, d, ...)	KEY(n, WORD, d, .words = WORDS_OF(__VA_ARGS__))

static const struct key keys[] = {
	WORD_KEY(hook, "lmtp", "lmtp", "milter", "dovecot"),
	WORD_KEY(locate, "dovecot", "dovecot", "none"),
	WORDS_KEY(lmtp_listen, NULL, value_check_socket),
	TEXT_KEY(lmtp_backend, NULL, value_check_socket),
	NUMBER_KEY(lmtp_workers, "0", 0, 256),
	TEXT_KEY(milter_listen, NULL, value_check_socket),
	TIME_KEY(milter_wait, "1h", 60, DAY),
	TEXT_KEY(state_dir, STATEDIR, value_check_path),
	TEXT_KEY(run_dir, RUNDIR, value_check_run_dir),
	TEXT_KEY(user, "mailbell", NULL),
	TEXT_KEY(hook_user, "mailbell-hook", NULL),
	TEXT_KEY(admin_group, "mailbell-admin", NULL),
	KEY(mail_users, WORDS, "vmail", .optional = true),
	TEXT_KEY(mail_group, "vmail", NULL),
	BOOL_KEY(system_users, "no"),
	WORD_KEY(account_format, "address", "address", "localpart", "exact"),
	KEY(recipient_delimiter, TEXT, "+", .optional = true, .check = value_check_delimiter),
	TEXT_KEY(vapid_contact, NULL, NULL),
	WORD_KEY(content, "envelope", "envelope", "sync"),
	WORDS_KEY(subscribers, "*", value_check_pattern),
	WORDS_KEY(endpoint_hosts, "*", value_check_pattern),
	WORDS_KEY(endpoint_allow, NULL, value_check_url),
	WORDS_KEY(endpoint_ports, "443 8443", value_check_port),
	BOOL_KEY(endpoint_literals, "no"),
	WORDS_KEY(own_addresses, NULL, value_check_network),
	KEY(nat64_prefix, WORDS, "64:ff9b::/96", .optional = true, .check = value_check_nat64),
	TEXT_KEY(bind_address, NULL, value_check_address),
	WORD_KEY(address_family, "any", "any", "ipv4", "ipv6"),
	TEXT_KEY(push_ca_file, NULL, value_check_path),
	WORD_KEY(http_version, "auto", "auto", "1.1", "2"),
	NUMBER_KEY(subscriptions_max, "16", 1, 10000),
	TIME_KEY(token_lifetime, "1h", 60, DAY),
	NUMBER_KEY(burst, "20", 1, 1000),
	TIME_KEY(burst_interval, "5s", 1, HOUR),
	TIME_KEY(send_delay, "0", 0, 5 * 60),
	NUMBER_KEY(unseen_max, "50", 1, MAX_NUM),
	TIME_KEY(sync_interval, "10m", 1, DAY),
	TIME_KEY(dead_after, "14d", HOUR, 3650 * (int64_t)DAY),
	TIME_KEY(refresh_max, "0", 0, 3650 * (int64_t)DAY),
	LINES_KEY(quiet_mailboxes, NULL),
	BOOL_KEY(quiet_bulk, "no"),
	LINES_KEY(quiet_header, value_check_rule),
	TIME_KEY(locate_timeout, "2s", 1, HOUR),
	TIME_KEY(arrival_timeout, "2m", 1, HOUR),
	WORD_KEY(log, "stderr", "stderr", "syslog"),
	WORD_KEY(log_level, "info", "info", "notice", "warn", "fatal"),
};

#define N_KEYS	(sizeof(keys) / sizeof(keys[0]))

/* What the two callbacks of libinih share. */
struct reading {
	const char	*path;
	FILE		*in;
	unsigned	 line;
	bool		 failed;
	bool		 seen[N_KEYS];
	struct config	*c;
	struct err	*err;
};

static void fail(struct reading *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Only the first fault is told; libinih would go on. */
static void
fail(struct reading *r, const char *fmt, ...)
{
	struct err why;
	va_list ap;

	if (r->failed)
		return;
	va_start(ap, fmt);
	vsnprintf(why.text, sizeof(why.text), fmt, ap);
	va_end(ap);
	err_set(r->err, "%s:%u: %s", r->path, r->line, why.text);
	r->failed = true;
}

static void *
member(struct config *c, const struct key *key)
{
	return (char *)c + key->offset;
}

static char *
copy(const char *p, size_t len)
{
	char *text = strndup(p, len);

	if (text == NULL)
		abort();
	return text;
}

static void
list_add(struct config_list *list, const char *p, size_t len)
{
	list->v = reallocarray(list->v, list->n + 1, sizeof(*list->v));
	if (list->v == NULL)
		abort();
	list->v[list->n++] = copy(p, len);
}

static void
list_clear(struct config_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct config_list){ NULL, 0 };
}

static int
check(const struct key *key, const char *text, struct err *err)
{
	return key->check == NULL ? 0 : key->check(text, err);
}

static int
set_words(struct config_list *list, const struct key *key, const char *text, struct err *err)
{
	size_t len;

	for (text += strspn(text, " \t"); *text != '\0'; text += len, text += strspn(text, " \t")) {
		len = strcspn(text, " \t");
		list_add(list, text, len);
		if (check(key, list->v[list->n - 1], err) < 0)
			return -1;
	}
	return 0;
}

/* text is not empty.  Lists grow; for the rest, what stood there is replaced. */
static int
set(struct config *c, const struct key *key, const char *text, struct err *err)
{
	void *m = member(c, key);

	switch (key->type) {
	case TEXT:
		free(*(char **)m);
		*(char **)m = copy(text, strlen(text));
		return check(key, text, err);
	case NUMBER:
		return value_number(text, key->min, key->max, m, err);
	case TIME:
		return value_time(text, key->min, key->max, m, err);
	case BOOL:
		return value_bool(text, m, err);
	case WORD:
		return value_word(text, key->words, m, err);
	case WORDS:
		return set_words(m, key, text, err);
	case LINES:
		list_add(m, text, strlen(text));
		return check(key, text, err);
	}
	return err_set(err, "a key of no type");
}

/* The key is in the file: its default no longer holds. */
static void
forget(struct config *c, const struct key *key)
{
	void *m = member(c, key);

	if (key->type == TEXT) {
		free(*(char **)m);
		*(char **)m = NULL;
	} else if (key->type == WORDS || key->type == LINES)
		list_clear(m);
}

static const struct key *
find(const char *name)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* Whether nothing, as its value, is "" and not NULL: what has a default is never NULL. */
static bool
is_empty_text(const struct key *key)
{
	return key->type == TEXT && key->def != NULL;
}

/* libinih's handler: not 0 is success. */
static int
setting(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *r = arg;
	const struct key *key = find(name);
	bool *seen = key == NULL ? NULL : &r->seen[key - keys];
	struct err why;

	(void)section;
	if (key == NULL)
		fail(r, "there is no key '%s': mailbell.conf(5) lists all", name);
	else if (*seen && key->type != WORDS && key->type != LINES)
		fail(r, "%s stands here for the second time, and takes one value only", name);
	else if (*value == '\0' && key->def != NULL && !key->optional)
		fail(r, "%s has no value: give it one, or take the line away", name);
	else {
		if (!*seen)
			forget(r->c, key);
		*seen = true;
		if ((*value != '\0' || is_empty_text(key)) && set(r->c, key, value, &why) < 0)
			fail(r, "%s: %s", name, why.text);
	}
	return !r->failed;
}

/* libinih's reader: fgets, but for lines that are no surprise. */
static char *
next_line(char *line, int size, void *arg)
{
	struct reading *r = arg;
	const char *why;

	if (r->failed || fgets(line, size, r->in) == NULL)
		return NULL;
	r->line++;
	if (strchr(line, '\n') == NULL && !feof(r->in))
		fail(r, "this line is longer than %d octets, or holds a NUL", size - 2);
	else if ((why = confline_fault(line)) != NULL)
		fail(r, "%s", why);
	return r->failed ? NULL : line;
}

static int
read_file(struct reading *r)
{
	int rc = ini_parse_stream(next_line, r, setting, r);

	if (r->failed)
		return -1;
	if (ferror(r->in))
		return err_set(r->err, "%s: %s", r->path, strerror(errno));
	if (rc != 0)
		return err_set(r->err, "%s:%d: this line cannot be read", r->path, rc);
	return 0;
}

static void
set_defaults(struct config *c)
{
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < N_KEYS; i++)
		if (keys[i].def != NULL && set(c, &keys[i], keys[i].def, NULL) < 0)
			abort();
}

int
config_load(const char *path, struct config *c, struct err *err)
{
	struct reading r = { .path = path, .c = c, .err = err };
	int rc;

	r.in = fopen(path, "re");
	if (r.in == NULL)
		return err_set(err, "%s: %s%s", path, strerror(errno), errno != ENOENT ? "" :
		    ": install the sample mailbell.conf there, or name another file with -c");
	set_defaults(c);
	rc = read_file(&r);
	fclose(r.in);
	if (rc < 0)
		config_clear(c);
	return rc;
}

void
config_clear(struct config *c)
{
	for (size_t i = 0; i < N_KEYS; i++)
		forget(c, &keys[i]);
	memset(c, 0, sizeof(*c));
}

static void
print_list(const struct key *key, const struct config_list *list, FILE *out)
{
	if (list->n == 0)
		fprintf(out, "%s =\n", key->name);
	for (size_t i = 0; i < list->n; i++)
		fprintf(out, "%s = %s\n", key->name, list->v[i]);
}

static void
print_key(const struct key *key, const void *m, FILE *out)
{
	char time[VALUE_TIME_TEXT];
	const char *text = NULL;

	switch (key->type) {
	case WORDS:
	case LINES:
		print_list(key, m, out);
		return;
	case NUMBER:
		fprintf(out, "%s = %" PRId64 "\n", key->name, *(const int64_t *)m);
		return;
	case TEXT:
		text = *(char *const *)m;
		break;
	case TIME:
		value_time_text(*(const int64_t *)m, time);
		text = time;
		break;
	case BOOL:
		text = *(const bool *)m ? "yes" : "no";
		break;
	case WORD:
		text = key->words[*(const int *)m];
		break;
	}
	if (text == NULL || *text == '\0')
		fprintf(out, "%s =\n", key->name);
	else
		fprintf(out, "%s = %s\n", key->name, text);
}

void
config_print(const struct config *c, FILE *out)
{
	for (size_t i = 0; i < N_KEYS; i++)
		print_key(&keys[i], (const char *)c + keys[i].offset, out);
}
