/*
 * Our own users and groups are made by what installs mailbell; those that Dovecot's processes run as
 * are there already, so a name of theirs that does not exist is a wrong name.
 */
#include <unistd.h>

#include "lib/names.h"
#include "lib/privs.h"

#define OURS	"`mailbell setup` or systemd-sysusers makes ours; else make it, or name another one"
#define THEIRS	"name what Dovecot's lmtp and imap processes run as (doveconf mail_uid mail_gid)"

static int
has_user(const char *key, const char *name, const char *remedy, struct err *err)
{
	struct err why;
	uid_t uid;
	gid_t gid;

	if (privs_user(name, &uid, &gid, &why) == 0)
		return 0;
	return err_set(err, "%s = %s: %s: %s", key, name, why.text, remedy);
}

static int
has_group(const char *key, const char *name, const char *remedy, struct err *err)
{
	struct err why;
	gid_t gid;

	if (privs_group(name, &gid, &why) == 0)
		return 0;
	return err_set(err, "%s = %s: %s: %s", key, name, why.text, remedy);
}

/* Those that the daemon's sockets belong to. */
static int
has_peers(const struct config *c, struct err *err)
{
	if (has_user("hook_user", c->hook_user, OURS, err) < 0 ||
	    has_group("admin_group", c->admin_group, OURS, err) < 0)
		return -1;
	for (size_t i = 0; i < c->mail_users.n; i++)
		if (has_user("mail_users", c->mail_users.v[i], THEIRS, err) < 0)
			return -1;
	return c->system_users ? 0 : has_group("mail_group", c->mail_group, THEIRS, err);
}

int
names_check(const struct config *c, enum names_for who, struct err *err)
{
	const char *own = who == NAMES_HOOK ? c->hook_user : c->user;
	int rc = has_user(who == NAMES_HOOK ? "hook_user" : "user", own, OURS, err);

	if (rc == 0 && who == NAMES_DAEMON)
		rc = has_peers(c, err);
	return rc < 0 && !privs_serves(own) ? 1 : rc;
}
