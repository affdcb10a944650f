/*
 * A reload takes all of the new configuration, or none of it; what sockets and files were made with
 * stays as it was at the start.
 */
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/guard.h"
#include "daemon/peers.h"
#include "daemon/reach.h"
#include "daemon/sender.h"
#include "daemon/settings.h"
#include "daemon/vapid.h"
#include "lib/log.h"
#include "lib/modconf.h"

#define SAVED_MAX	50000
#define MILTER_MAX	(64 * 1024 * 1024)

/* Checks beyond single values: what mailbelld alone cannot do without. */
int
settings_check(const struct config *c, struct err *err)
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

struct join_limits
settings_limits(const struct config *c)
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

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_list(const struct config_list *a, const struct config_list *b)
{
	size_t i = 0;

	while (i < a->n && i < b->n && strcmp(a->v[i], b->v[i]) == 0)
		i++;
	return i == a->n && i == b->n;
}

/* Nobody is to believe that a change is in force which waits for the next start. */
static void
tell_fixed(const struct config *now, const struct config *next)
{
	const struct {
		const char	*key;
		bool		 same;
	} fixed[] = {
		{ "state_dir", same_text(now->state_dir, next->state_dir) },
		{ "run_dir", same_text(now->run_dir, next->run_dir) },
		{ "user", same_text(now->user, next->user) },
		{ "hook_user", same_text(now->hook_user, next->hook_user) },
		{ "admin_group", same_text(now->admin_group, next->admin_group) },
		{ "mail_group", same_text(now->mail_group, next->mail_group) },
		{ "mail_users", same_list(&now->mail_users, &next->mail_users) },
		{ "system_users", now->system_users == next->system_users },
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!fixed[i].same)
			log_warn("%s has changed: that takes a restart of mailbelld", fixed[i].key);
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

int
settings_reload(struct daemon *d, const char *path, struct err *err)
{
	struct guard *guard = NULL, *old_guard = d->guard;
	struct vapid *vapid = NULL;
	struct join_limits limits;
	struct config next;

	if (config_load(path, &next, err) < 0)
		return -1;
	if (settings_check(&next, err) < 0 || (guard = guard_new(&next, err)) == NULL ||
	    (vapid = vapid_open(d->config.state_dir, next.vapid_contact, err)) == NULL) {
		guard_free(guard);
		config_clear(&next);
		return -1;
	}
	tell_fixed(&d->config, &next);
	keep_fixed(&d->config, &next);
	config_clear(&d->config);
	d->config = next;
	d->guard = guard;
	sender_reload(d->sender);
	reach_reload(d);
	guard_free(old_guard);
	vapid_close(d->vapid);
	d->vapid = vapid;
	limits = settings_limits(&d->config);
	join_limits(d->join, &limits);
	log_open("mailbelld", d->config.log == CONFIG_LOG_SYSLOG, d->config.log_level);
	if (modconf_write(&d->config, err) < 0)
		return -1;
	peers_drop(d->peers, PEER_SAVED);
	return 0;
}
