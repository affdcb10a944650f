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
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/join.h"
#include "daemon/jump.h"
#include "daemon/notify.h"
#include "daemon/peers.h"
#include "daemon/reach.h"
#include "daemon/sender.h"
#include "daemon/settings.h"
#include "daemon/silence.h"
#include "daemon/store.h"
#include "daemon/sweep.h"
#include "daemon/token.h"
#include "daemon/trace.h"
#include "lib/clock.h"
#include "lib/hangup.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/modconf.h"
#include "lib/names.h"
#include "lib/privs.h"
#include "lib/sdnotify.h"

#define CHECKPOINT_MS	(60 * 1000)
#define GATHER_MS	10
#define GATHER_ENOUGH	64	/* frames */

struct run {
	struct daemon		 d;
	const char		*path;		/* of the configuration */
	struct loop_watch	 signals;
	bool			 quit, reload;
	int64_t			 checkpoint_ms;
	int64_t			 alive_ms;	/* when systemd is to hear from us; INT64_MAX: never */
};

/* Options */

static int
usage(FILE *out, int code)
{
	fputs("usage: mailbelld [-c FILE] [--init | --verify | --check | --print]\n"
	    "  -c FILE    the configuration (default: " CONFIG_PATH ")\n"
	    "  --init     make state_dir, an empty store and a first VAPID key, and exit\n"
	    "  --verify   read every record of a store that no daemon holds, and exit\n"
	    "  --check    check the configuration, and exit\n"
	    "  --print    print every key of the configuration with its value, and exit\n"
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

/* EX_OK, or the code to end with: a user or group is missing that the settings name. */
static int
names(const struct config *c, enum names_for who, bool check)
{
	struct err err;
	int rc = names_check(c, who, &err);

	if (rc < 0)
		return fatal(EX_NOUSER, &err);
	if (rc > 0 && check)
		log_warn("%s", err.text);
	return EX_OK;
}

/* Whoever started it: others may not write in state_dir, and are not to look into it. */
static int
guard_state(const struct config *c, struct err *err)
{
	int rc = privs_closed(c->state_dir, err);

	if (rc == 0)
		log_warn("state_dir: %s", err->text);
	return rc < 0 ? -1 : 0;
}

/* --init, --verify */

static int
init(const struct config *c)
{
	struct err err;
	int code = names(c, NAMES_STORE, false);

	if (code != EX_OK)
		return code;
	if (privs_folder(c->user, c->state_dir, 0700, &err) < 0)
		return fatal(EX_CANTCREAT, &err);
	if (privs_drop(c->user, &err) < 0)
		return fatal(EX_NOPERM, &err);
	if (guard_state(c, &err) < 0 || store_init(c->state_dir, &err) < 0 ||
	    vapid_init(c->state_dir, &err) < 0)
		return fatal(EX_CANTCREAT, &err);
	printf("%s: an empty store and a first VAPID key were made.\n", c->state_dir);
	return EX_OK;
}

static int
verify(const struct config *c)
{
	struct store *store;
	struct err err;
	int rc, code = names(c, NAMES_STORE, false);

	if (code != EX_OK)
		return code;
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

static void
say_key(const struct daemon *d)
{
	if (vapid_current(d->vapid) == NULL)
		log_warn("no push can be sent: %s", vapid_why(d->vapid));
}

/* Start and stop */

/* What anybody is told of is there after a kill; what a client or operator is, after a power cut. */
static bool
write_store(struct daemon *d)
{
	struct err err;
	int rc = d->want_flush ? store_flush(d->store, &err) : store_write(d->store, &err);

	d->want_flush = false;
	if (rc == 0)
		return true;
	d->counters.store_errors++;
	log_warn("the store cannot be written: %s", err.text);
	return false;
}

static int
open_all(struct run *r, struct err *err)
{
	struct daemon *d = &r->d;
	struct join_limits limits = settings_limits(&d->config);
	uint8_t key[JOIN_KEY];

	limits_be_patient();
	token_random(key, sizeof(key));
	d->started = clock_wall_s();
	d->loop = loop_new();
	d->silences = silences_new();
	d->sweep = sweep_new();
	d->join = join_new(&limits, key);
	/* Signals first: whoever sees the sockets may send one. */
	if (catch_signals(r, err) < 0 ||
	    privs_folder(d->config.user, d->config.run_dir, 0755, err) < 0 ||
	    (d->peers = peers_open(d, err)) == NULL || privs_drop(d->config.user, err) < 0)
		return -1;
	if (guard_state(&d->config, err) < 0)
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
		peers_turn(d->peers, write_store(d));
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

static void
checkpoint(struct run *r, int64_t now_ms)
{
	struct err err;

	if (now_ms < r->checkpoint_ms && !store_checkpoint_due(r->d.store))
		return;
	r->checkpoint_ms = now_ms + CHECKPOINT_MS;
	if (jump_note(r->d.store, &err) < 0 || store_checkpoint(r->d.store, &err) < 0)
		log_warn("checkpoint: %s", err.text);
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

static int64_t
sleep_ms(const struct run *r, int64_t now_ms)
{
	const struct daemon *d = &r->d;
	const int64_t times[] = {
		notify_next(d), sender_next(d->sender), reach_next(d), sweep_next(d->sweep),
		trace_next(d->trace), peers_next(d->peers), r->checkpoint_ms, r->alive_ms,
	};
	int64_t next = now_ms + CHECKPOINT_MS;

	if (peers_busy(d->peers))
		return 0;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i] < next)
			next = times[i];
	return next > now_ms ? next - now_ms : 0;
}

/*
 * Mail is told of in several frames, by several processes.  The turn behind the first begins a little later,
 * and finds the others and other mail; who tells of it wakes nobody meanwhile.  Not where a push is under
 * way, nor where a turn finds as many as are worth one anyway.
 */
static void
gather(struct daemon *d)
{
	const struct timespec a_little = { .tv_nsec = GATHER_MS * 1000000 };

	if (d->mail_told > 0 && d->mail_told < GATHER_ENOUGH && sender_in_flight(d->sender) == 0)
		nanosleep(&a_little, NULL);
	d->mail_told = 0;
}

static void
turn(struct run *r)
{
	struct daemon *d = &r->d;
	struct err err;
	int64_t now_ms;

	gather(d);
	loop_wait(d->loop, sleep_ms(r, clock_mono_ms()));
	now_ms = clock_mono_ms();
	jump_watch(d, now_ms);
	show_life(r, now_ms);
	notify_run(d, now_ms);
	sender_run(d->sender, now_ms);
	reach_run(d, now_ms);
	sweep_run(d, now_ms);
	trace_run(d->trace, now_ms);
	peers_turn(d->peers, write_store(d));
	checkpoint(r, now_ms);
	log_hold(true);
	if (!r->reload)
		return;
	r->reload = false;
	if (settings_reload(d, r->path, &err) < 0)
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
	r->checkpoint_ms = clock_mono_ms() + CHECKPOINT_MS;
	if (jump_start(&r->d, &err) < 0)
		log_warn("%s", err.text);
	log_notice("mailbelld %s is ready", MAILBELL_VERSION);
	sdnotify("READY=1");
	r->alive_ms = sdnotify_watchdog_ms() > 0 ? 0 : INT64_MAX;
	say_key(&r->d);
	while (!r->quit && !store_broken(r->d.store))
		turn(r);
	log_hold(false);
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
	enum { INIT = 256, VERIFY, CHECK, PRINT, HELP, VERSION };
	static const struct option options[] = {
		{ "init", no_argument, NULL, INIT }, { "verify", no_argument, NULL, VERIFY },
		{ "check", no_argument, NULL, CHECK },
		{ "print", no_argument, NULL, PRINT }, { "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION }, { NULL, 0, NULL, 0 },
	};
	struct run r = { .path = CONFIG_PATH };
	int option, mode = 0, code = EX_OK;
	struct err err;

	hangup_hold();
	log_open("mailbelld", false, LOG_LEVEL_INFO);
	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			r.path = optarg;
			break;
		case INIT:
		case VERIFY:
		case CHECK:
		case PRINT:
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
	else if (mode == PRINT)
		config_print(&r.d.config, stdout);
	else if (settings_check(&r.d.config, &err) < 0)
		code = fatal(EX_CONFIG, &err);
	else
		code = names(&r.d.config, NAMES_DAEMON, mode == CHECK);
	if (code == EX_OK && mode == 0)
		code = run(&r);
	config_clear(&r.d.config);
	return code;
}
