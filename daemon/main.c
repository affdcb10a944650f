/*
 * mailbelld: one thread, one loop.  A turn takes in what was said on the sockets, lets the join
 * decide, looks after the pushes, makes what clients are told durable, and only then answers.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/join.h"
#include "daemon/notify.h"
#include "daemon/peers.h"
#include "daemon/sender.h"
#include "daemon/silence.h"
#include "daemon/store.h"
#include "daemon/sweep.h"
#include "daemon/token.h"
#include "daemon/trace.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/modconf.h"
#include "lib/privs.h"
#include "lib/sdnotify.h"

#define CHECKPOINT_MS	(60 * 1000)
#define JUMP_MS		(3600 * 1000)
#define DISTRUST_MS	(86400 * 1000)
#define CLOCK		"clock"		/* the number in the store: when it was last written */
#define SAVED_MAX	50000
#define MILTER_MAX	(64 * 1024 * 1024)

struct run {
	struct daemon		 d;
	const char		*path;		/* of the configuration */
	struct loop_watch	 signals;
	bool			 quit, reload;
	int64_t			 checkpoint_ms;
	int64_t			 alive_ms;	/* when systemd is to hear from us; INT64_MAX: never */
	int64_t			 wall_less_mono_ms;
};

/* Options */

static int
usage(FILE *out, int code)
{
	fputs("usage: mailbelld [-c FILE] [--init | --verify | --check]\n"
	    "  -c FILE    the configuration (default: " CONFIG_PATH ")\n"
	    "  --init     make state_dir, an empty store and a first VAPID key, and exit\n"
	    "  --verify   read every record of a store that no daemon holds, and exit\n"
	    "  --check    check the configuration, and exit\n"
	    "  --help, --version\n"
	    "Without an option it runs in the foreground.  See mailbelld(8).\n", out);
	return code;
}

static int
fatal(int code, const struct err *err)
{
	log_fatal("%s", err->text);
	return code;
}

/* Checks beyond single values: what mailbelld alone cannot do without. */
static int
check_config(const struct config *c, struct err *err)
{
	struct guard *guard;

	if (c->vapid_contact == NULL)
		return err_set(err, "vapid_contact is not set: push services need a mailto: or https: "
		    "URI under which they reach you");
	if (vapid_check_contact(c->vapid_contact, err) < 0)
		return -1;
	guard = guard_new(c, err);
	if (guard == NULL)
		return -1;
	guard_free(guard);
	if (c->locate == LOCATE_NONE && c->hook != HOOK_LMTP)
		return err_set(err, "locate = none needs hook = lmtp");
	return 0;
}

/* A folder of this mode that belongs to the daemon's user; as another uid than root it is only made. */
static int
make_dir(const struct config *c, const char *path, mode_t mode, struct err *err)
{
	uid_t uid;
	gid_t gid;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_set(err, "%s: %s", path, strerror(errno));
	if (geteuid() != 0)
		return 0;
	if (privs_user(c->user, &uid, &gid, err) < 0)
		return -1;
	if (chown(path, uid, gid) < 0 || chmod(path, mode) < 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	return 0;
}

/* --init, --verify */

static int
init(const struct config *c)
{
	struct err err;

	if (make_dir(c, c->state_dir, 0700, &err) < 0 || privs_drop(c->user, &err) < 0)
		return fatal(EX_CANTCREAT, &err);
	if (store_init(c->state_dir, &err) < 0 || vapid_init(c->state_dir, &err) < 0)
		return fatal(EX_CANTCREAT, &err);
	printf("%s: an empty store and a first VAPID key were made.\n", c->state_dir);
	return EX_OK;
}

static int
verify(const struct config *c)
{
	struct store *store;
	struct err err;
	int rc;

	if (privs_drop(c->user, &err) < 0)
		return fatal(EX_NOPERM, &err);
	store = store_open(c->state_dir, &err);
	if (store == NULL)
		return fatal(EX_UNAVAILABLE, &err);
	rc = store_verify(store, &err);
	store_close(store);
	if (rc < 0)
		return fatal(EX_DATAERR, &err);
	printf("%s: every record can be read.\n", c->state_dir);
	return EX_OK;
}

/* Signals */

static void
on_signal(void *arg, uint32_t events)
{
	struct run *r = arg;
	struct signalfd_siginfo info;

	(void)events;
	while (read(r->signals.fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			r->reload = true;
		else
			r->quit = true;
	}
}

static int
catch_signals(struct run *r, struct err *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r->signals = (struct loop_watch){
		signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), EPOLLIN, on_signal, r,
	};
	if (r->signals.fd < 0 || loop_add(r->d.loop, &r->signals) < 0)
		return err_set(err, "signalfd: %s", strerror(errno));
	return 0;
}

/* Reload */

static struct join_limits
limits_of(const struct config *c)
{
	return (struct join_limits){
		.milter = c->hook == HOOK_MILTER, .locate = c->locate == LOCATE_DOVECOT,
		.locate_timeout_ms = c->locate_timeout * 1000,
		.arrival_timeout_ms = c->arrival_timeout * 1000,
		.milter_wait_ms = c->milter_wait * 1000,
		.saved_max = SAVED_MAX, .milter_max = MILTER_MAX,
	};
}

static void
swap(char **a, char **b)
{
	char *kept = *a;

	*a = *b;
	*b = kept;
}

/* Folders, users and groups stay as they were at the start: sockets and files have them. */
static void
keep_fixed(struct config *now, struct config *next)
{
	struct config_list users = now->mail_users;

	swap(&now->state_dir, &next->state_dir);
	swap(&now->run_dir, &next->run_dir);
	swap(&now->user, &next->user);
	swap(&now->hook_user, &next->hook_user);
	swap(&now->admin_group, &next->admin_group);
	swap(&now->mail_group, &next->mail_group);
	now->mail_users = next->mail_users;
	next->mail_users = users;
	next->system_users = now->system_users;
}

/* All of the new configuration, or none of it. */
static int
reload(struct run *r, struct err *err)
{
	struct daemon *d = &r->d;
	struct guard *guard = NULL, *old_guard = d->guard;
	struct vapid *vapid = NULL;
	struct join_limits limits;
	struct config next;

	if (config_load(r->path, &next, err) < 0)
		return -1;
	if (check_config(&next, err) < 0 || (guard = guard_new(&next, err)) == NULL ||
	    (vapid = vapid_open(d->config.state_dir, next.vapid_contact, err)) == NULL) {
		guard_free(guard);
		config_clear(&next);
		return -1;
	}
	keep_fixed(&d->config, &next);
	config_clear(&d->config);
	d->config = next;
	d->guard = guard;
	sender_reload(d->sender);
	guard_free(old_guard);
	vapid_close(d->vapid);
	d->vapid = vapid;
	limits = limits_of(&d->config);
	join_limits(d->join, &limits);
	log_open("mailbelld", d->config.log == CONFIG_LOG_SYSLOG, d->config.log_level);
	if (modconf_write(&d->config, err) < 0)
		return -1;
	peers_drop(d->peers, PEER_SAVED);
	return 0;
}

static void
say_key(const struct daemon *d)
{
	if (vapid_current(d->vapid) == NULL)
		log_warn("no push can be sent: %s", vapid_why(d->vapid));
}

/* Start and stop */

static int
open_all(struct run *r, struct err *err)
{
	struct daemon *d = &r->d;
	struct join_limits limits = limits_of(&d->config);
	uint8_t key[JOIN_KEY];

	token_random(key, sizeof(key));
	d->started = clock_wall_s();
	d->loop = loop_new();
	d->silences = silences_new();
	d->sweep = sweep_new();
	d->join = join_new(&limits, key);
	if (make_dir(&d->config, d->config.run_dir, 0755, err) < 0 ||
	    (d->peers = peers_open(d, err)) == NULL || privs_drop(d->config.user, err) < 0 ||
	    catch_signals(r, err) < 0)
		return -1;
	d->store = store_open(d->config.state_dir, err);
	if (d->store != NULL)
		d->trace = trace_open(d->config.state_dir);
	if (d->store == NULL || (d->ece = ece_new(err)) == NULL ||
	    (d->vapid = vapid_open(d->config.state_dir, d->config.vapid_contact, err)) == NULL ||
	    (d->guard = guard_new(&d->config, err)) == NULL ||
	    (d->sender = sender_new(d, err)) == NULL)
		return -1;
	return modconf_write(&d->config, err);
}

static void
close_all(struct run *r)
{
	struct daemon *d = &r->d;

	if (d->sender != NULL) {
		notify_finish(d);
		peers_turn(d->peers, true);
	}
	peers_close(d->peers);		/* ends the silences of its connections, in the store */
	sender_free(d->sender);
	join_free(d->join);
	guard_free(d->guard);
	vapid_close(d->vapid);
	ece_free(d->ece);
	store_close(d->store);
	trace_close(d->trace);
	sweep_free(d->sweep);
	silences_free(d->silences);
	loop_free(d->loop);
}

/* The loop */

static int
note_clock(struct store *s, struct err *err)
{
	if (store_begin(s, err) < 0)
		return -1;
	if (store_number_put(s, CLOCK, clock_wall_s(), err) == 0 && store_commit(s, err) == 0)
		return 0;
	store_abort(s);
	return -1;
}

static void
checkpoint(struct run *r, int64_t now_ms)
{
	struct err err;

	if (now_ms < r->checkpoint_ms && !store_checkpoint_due(r->d.store))
		return;
	r->checkpoint_ms = now_ms + CHECKPOINT_MS;
	if (note_clock(r->d.store, &err) < 0 || store_checkpoint(r->d.store, &err) < 0)
		log_warn("checkpoint: %s", err.text);
}

static void
distrust(struct daemon *d, int64_t jump_s, int64_t now_ms)
{
	log_warn("the clock has jumped by %lld s: nothing is removed for its age for a day",
	    (long long)jump_s);
	d->distrust_ms = now_ms + DISTRUST_MS;
	vapid_forget(d->vapid);
}

/* The wall clock against the monotonic one. */
static void
watch_clock(struct run *r, int64_t now_ms)
{
	int64_t offset = clock_wall_ms() - now_ms, jump = offset - r->wall_less_mono_ms;

	r->wall_less_mono_ms = offset;
	if (jump > -JUMP_MS && jump < JUMP_MS)
		return;
	distrust(&r->d, jump / 1000, now_ms);
}

/* The wall clock against what it was at the last checkpoint. */
static int
check_clock(struct daemon *d, struct err *err)
{
	int64_t last, now_s = clock_wall_s();
	int rc = store_number_get(d->store, CLOCK, &last, err);

	if (rc == 1 && (now_s < last - CHECKPOINT_MS / 1000 || now_s > last + DISTRUST_MS / 1000))
		distrust(d, now_s - last, clock_mono_ms());
	return rc < 0 ? -1 : 0;
}

/* For systemd's watchdog: a turn has begun. */
static void
show_life(struct run *r, int64_t now_ms)
{
	if (now_ms < r->alive_ms)
		return;
	sdnotify("WATCHDOG=1");
	r->alive_ms = now_ms + sdnotify_watchdog_ms();
}

static bool
flush(struct daemon *d)
{
	struct err err;

	if (!d->want_flush)
		return true;
	d->want_flush = false;
	if (store_flush(d->store, &err) == 0)
		return true;
	d->counters.store_errors++;
	log_warn("the store cannot be written: %s", err.text);
	return false;
}

static int64_t
sleep_ms(const struct run *r, int64_t now_ms)
{
	const struct daemon *d = &r->d;
	const int64_t times[] = {
		notify_next(d), sender_next(d->sender), sweep_next(d->sweep), trace_next(d->trace),
		r->checkpoint_ms,
		r->alive_ms,
	};
	int64_t next = now_ms + CHECKPOINT_MS;

	if (peers_busy(d->peers))
		return 0;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i] < next)
			next = times[i];
	return next > now_ms ? next - now_ms : 0;
}

static void
turn(struct run *r)
{
	struct daemon *d = &r->d;
	struct err err;
	int64_t now_ms;

	loop_wait(d->loop, sleep_ms(r, clock_mono_ms()));
	now_ms = clock_mono_ms();
	watch_clock(r, now_ms);
	show_life(r, now_ms);
	notify_run(d, now_ms);
	sender_run(d->sender, now_ms);
	sweep_run(d, now_ms);
	trace_run(d->trace, now_ms);
	peers_turn(d->peers, flush(d));
	checkpoint(r, now_ms);
	if (!r->reload)
		return;
	r->reload = false;
	if (reload(r, &err) < 0)
		log_warn("not reloaded, going on as before: %s", err.text);
	else
		log_notice("reloaded");
	say_key(d);
}

static int
run(struct run *r)
{
	struct err err;
	int code = EX_OK;

	if (open_all(r, &err) < 0) {
		close_all(r);
		return fatal(EX_UNAVAILABLE, &err);
	}
	r->wall_less_mono_ms = clock_wall_ms() - clock_mono_ms();
	r->checkpoint_ms = clock_mono_ms() + CHECKPOINT_MS;
	if (check_clock(&r->d, &err) < 0)
		log_warn("%s", err.text);
	log_notice("mailbelld %s is ready", MAILBELL_VERSION);
	sdnotify("READY=1");
	r->alive_ms = sdnotify_watchdog_ms() > 0 ? 0 : INT64_MAX;
	say_key(&r->d);
	while (!r->quit && !store_broken(r->d.store))
		turn(r);
	if (store_broken(r->d.store)) {
		log_fatal("the store is lost for this process; the next start recovers it");
		code = EX_TEMPFAIL;
	} else
		log_notice("stopping");
	sdnotify("STOPPING=1");
	close_all(r);
	return code;
}

int
main(int argc, char **argv)
{
	enum { INIT = 256, VERIFY, CHECK, HELP, VERSION };
	static const struct option options[] = {
		{ "init", no_argument, NULL, INIT }, { "verify", no_argument, NULL, VERIFY },
		{ "check", no_argument, NULL, CHECK }, { "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION }, { NULL, 0, NULL, 0 },
	};
	struct run r = { .path = CONFIG_PATH };
	int option, mode = 0, code;
	struct err err;

	log_open("mailbelld", false, LOG_LEVEL_INFO);
	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			r.path = optarg;
			break;
		case INIT:
		case VERIFY:
		case CHECK:
			mode = option;
			break;
		case HELP:
			return usage(stdout, EX_OK);
		case VERSION:
			printf("mailbelld %s\n", MAILBELL_VERSION);
			return EX_OK;
		default:
			return usage(stderr, EX_USAGE);
		}
	}
	if (optind != argc)
		return usage(stderr, EX_USAGE);
	if (config_load(r.path, &r.d.config, &err) < 0)
		return fatal(EX_CONFIG, &err);
	log_open("mailbelld", r.d.config.log == CONFIG_LOG_SYSLOG, r.d.config.log_level);
	if (mode == INIT)
		code = init(&r.d.config);
	else if (mode == VERIFY)
		code = verify(&r.d.config);
	else if (check_config(&r.d.config, &err) < 0)
		code = fatal(EX_CONFIG, &err);
	else
		code = mode == CHECK ? EX_OK : run(&r);
	config_clear(&r.d.config);
	return code;
}
