/*
 * The command module: the capability, the five commands, and the begin and end of sessions.
 *
 * It keeps no connection: `session begin` and `session end` are sent and forgotten, and that the
 * first was taken by the daemon's socket is the capability.  While a silence hangs on a connection
 * that is kept (imap-verb), the client must not be hibernated, since its process would end.
 */
#include "imap-common.h"
#include "mail-user.h"
#include "module-context.h"

#include <unistd.h>

#include "lib/wire.h"
#include "imap/abi.h"
#include "imap/imap-session.h"
#include "imap/imap-verb.h"
#include "imap/link.h"

#define EXPORT	__attribute__((visibility("default")))

static const struct command commands[] = {
	{ "GETVAPID", verb_run, 0 },
	{ "WEBPUSH", verb_run, 0 },
	{ "ACKWEBPUSH", verb_run, 0 },
	{ "LWEBPUSH", verb_run, 0 },
	{ "SILWEBPUSH", verb_run, 0 },
};

static MODULE_CONTEXT_DEFINE_INIT(session_module, &imap_module_register);

static struct module *self;
static imap_client_created_func_t *next_created;

struct session *
session_of(struct client *client)
{
	return MODULE_CONTEXT(client, session_module);
}

void
session_hello(struct buf *b)
{
	wire_put_hello(b, &(struct wire_hello){ .program = slice_of("dovecot-imap"),
	    .version = slice_of(MAILBELL_VERSION), .module_abi = slice_of(DOVECOT_ABI_VERSION) });
}

/* Whether the daemon's socket took it.  Nothing is read: nobody waits for a word. */
static bool
tell(struct client *client, bool begin)
{
	uint8_t memory[2048];
	struct buf b;
	bool taken;
	int fd;

	buf_fixed(&b, memory, sizeof(memory));
	session_hello(&b);
	wire_put_session(&b, &(struct wire_session){ .user = slice_of(client->user->username),
	    .session = slice_of(client->user->session_id), .begin = begin });
	if (b.failed)
		return false;
	fd = link_open("command");
	if (fd < 0)
		return false;
	taken = link_send(fd, &b) == 0;
	close(fd);
	return taken;
}

/* What the daemon takes as a name. */
static bool
can_be_named(const struct mail_user *user)
{
	struct slice name = slice_of(user->username), id = slice_of(user->session_id);

	return name.len <= WIRE_USER_MAX && utf8_valid(name) && id.len <= WIRE_TOKEN_MAX &&
	    (id.p == NULL || utf8_valid(id));
}

/* A client that goes into hibernation is still there for itself and for the daemon. */
static void
destroy(struct client *client, const char *reason)
{
	struct session *session = session_of(client);

	verb_close(session, client->logged_out);
	if (!client->hibernated)
		(void)tell(client, false);
	session->module_ctx.super.destroy(client, reason);
}

static int
state_export(struct client *client, bool internal, buffer_t *dest, const char **error_r)
{
	struct session *session = session_of(client);

	if (internal && session->kept != NULL) {
		*error_r = "mailbell: a silence lasts until this connection ends";
		return 0;
	}
	return session->module_ctx.super.state_export(client, internal, dest, error_r);
}

static void
attach(struct client *client)
{
	struct session *session = p_new(client->pool, struct session, 1);

	session->module_ctx.super = client->v;
	client->v.destroy = destroy;
	client->v.state_export = state_export;
	MODULE_CONTEXT_SET(client, session_module, session);
	if (tell(client, true))
		client_add_capability(client, "WEBPUSH");
}

static void
created(struct client **client)
{
	if (mail_user_is_plugin_loaded((*client)->user, self) && can_be_named((*client)->user))
		attach(*client);
	if (next_created != NULL)
		next_created(client);
}

/* There is no imap_mailbell_plugin_version: see abi.c. */
EXPORT const char *imap_mailbell_plugin_dependencies[] = { NULL };
EXPORT const char imap_mailbell_plugin_binary_dependency[] = "imap";

EXPORT void	imap_mailbell_plugin_init(struct module *module);
EXPORT void	imap_mailbell_plugin_deinit(void);

void
imap_mailbell_plugin_init(struct module *module)
{
	if (!abi_fits())
		return;
	self = module;
	command_register_array(commands, N_ELEMENTS(commands));
	next_created = imap_client_created_hook_set(created);
}

void
imap_mailbell_plugin_deinit(void)
{
	if (self == NULL)
		return;
	imap_client_created_hook_set(next_created);
	command_unregister_array(commands, N_ELEMENTS(commands));
}
