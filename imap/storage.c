/*
 * The storage module: what a delivery saved, told at the commit, and that the delivery for this user
 * is over, told when Dovecot takes the user down (before it replies).
 *
 * Deliveries only: in a program other than lmtp and lda nothing is registered, so that APPEND, COPY
 * and a migration ring nobody, wherever the configuration loads the module.  Users that Dovecot made
 * for itself (the raw mail's, the owners of shared folders) are passed over.
 *
 * A message's UID is known at the commit alone, its header before it alone: so the save hook keeps a
 * record in the transaction's pool, and the commit completes and sends it.
 */
#include "lib.h"
#include "array.h"
#include "mail-storage-private.h"
#include "mail-storage-hooks.h"
#include "mail-user.h"
#include "master-service.h"
#include "module-context.h"
#include "notify-plugin.h"
#include "seq-range-array.h"
#include "str.h"
#include "time-util.h"

#include "imap/abi.h"
#include "imap/compat.h"
#include "imap/content.h"
#include "imap/saved.h"

#define EXPORT	__attribute__((visibility("default")))

/* A delivery to one user. */
struct delivery {
	union mail_user_module_context module_ctx;
	uint64_t	 n;	/* messages saved */
};

struct message {
	struct message	*next;
	struct wire_saved saved;
};

struct txn {
	pool_t		  pool;
	struct mailbox	 *box;
	struct mail_user *user;
	struct delivery	 *delivery;
	struct message	 *first, **last;
};

static MODULE_CONTEXT_DEFINE_INIT(delivery_module, &mail_user_module_register);

static struct notify_context *notify;
static const char *service;	/* "lmtp" or "lda"; NULL: not a program that delivers */

/* Deliveries for which the daemon has no use: it would have to end the connection. */
static bool
can_be_told(const struct mail_user *user)
{
	struct slice name = slice_of(user->username), token = slice_of(user->session_id);

	return !user->autocreated && token.p != NULL && token.len <= WIRE_TOKEN_MAX &&
	    name.len <= WIRE_USER_MAX && utf8_valid(name) && utf8_valid(token);
}

/*
 * The id in the Received that lmtp itself puts on top: the session id without the recipient's
 * number.  lda adds none.
 */
static struct slice
own_received_id(const struct mail_user *user)
{
	struct slice id = slice_of(user->session_id);
	size_t n = id.len;

	if (strcmp(service, "lmtp") != 0)
		return SLICE_NIL;
	while (n > 0 && id.p[n - 1] >= '0' && id.p[n - 1] <= '9')
		n--;
	if (n < id.len && n >= 2 && id.p[n - 1] == 'R' && id.p[n - 2] == ':')
		id.len = n - 2;
	return id;
}

/* The mailbox's SPECIAL-USE attributes, separated by spaces; nil: none. */
static struct slice
special_use(struct mailbox *box)
{
	static const char *const names[] = {
		"\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash"
	};
	string_t *uses = t_str_new(64);

	for (unsigned int i = 0; i < N_ELEMENTS(names); i++) {
		if (!mailbox_has_special_use(box, names[i]))
			continue;
		if (str_len(uses) > 0)
			str_append_c(uses, ' ');
		str_append(uses, names[i]);
	}
	return str_len(uses) == 0 ? SLICE_NIL : slice_of(str_c(uses));
}

static void *
transaction_begin(struct mailbox_transaction_context *t)
{
	struct mailbox *box = mailbox_transaction_get_mailbox(t);
	struct mail_user *user = mail_storage_get_user(mailbox_get_storage(box));
	struct delivery *delivery = MODULE_CONTEXT(user, delivery_module);
	struct txn *txn;
	pool_t pool;

	if (delivery == NULL || !can_be_told(user))
		return NULL;
	pool = pool_alloconly_create("mailbell transaction", 1024);
	txn = p_new(pool, struct txn, 1);
	txn->pool = pool;
	txn->box = box;
	txn->user = user;
	txn->delivery = delivery;
	txn->last = &txn->first;
	return txn;
}

static void
add_message(struct txn *txn, struct mail *mail, struct mail *readable)
{
	struct message *message;

	if (txn == NULL)
		return;
	mail->transaction->flags |= MAILBOX_TRANSACTION_FLAG_ASSIGN_UIDS;
	message = p_new(txn->pool, struct message, 1);
	*txn->last = message;
	txn->last = &message->next;
	T_BEGIN {
		content_read(readable, saved_settings(), own_received_id(txn->user), txn->pool,
		    &message->saved);
	} T_END;
}

static void
mail_saved(void *context, struct mail *mail)
{
	add_message(context, mail, mail);
}

static void
mail_copied(void *context, struct mail *source, struct mail *mail)
{
	add_message(context, mail, source);
}

/* mailbox_get_open_status does not know the UIDVALIDITY of a mailbox that was just made. */
static uint32_t
uidvalidity(struct mailbox *box, const struct mail_transaction_commit_changes *changes)
{
	struct mailbox_status status;

	if (changes->uid_validity != 0)
		return changes->uid_validity;
	mailbox_get_open_status(box, STATUS_UIDVALIDITY, &status);
	return status.uidvalidity;
}

static uint64_t
now_ms(void)
{
	struct timeval now;

	i_gettimeofday(&now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

static void
tell_messages(struct txn *txn, struct mail_transaction_commit_changes *changes)
{
	struct seq_range_iter iter;
	struct slice mailbox = slice_of(mailbox_get_vname(txn->box));
	unsigned int i = 0;

	seq_range_array_iter_init(&iter, &changes->saved_uids);
	for (struct message *m = txn->first; m != NULL; m = m->next, i++) {
		struct wire_saved *saved = &m->saved;

		if (!seq_range_array_iter_nth(&iter, i, &saved->uid))
			continue;
		saved->time_ms = now_ms();
		saved->token = slice_of(txn->user->session_id);
		saved->service = slice_of(service);
		saved->user = slice_of(txn->user->username);
		saved->mailbox = mailbox;
		saved->special_use = special_use(txn->box);
		saved->uidvalidity = uidvalidity(txn->box, changes);
		txn->delivery->n++;
		saved_message(saved);
	}
}

static void
transaction_commit(void *context, struct mail_transaction_commit_changes *changes)
{
	struct txn *txn = context;

	if (txn == NULL)
		return;
	T_BEGIN {
		tell_messages(txn, changes);
	} T_END;
	pool_unref(&txn->pool);
}

static void
transaction_rollback(void *context)
{
	struct txn *txn = context;

	if (txn != NULL)
		pool_unref(&txn->pool);
}

/* Name and session id of the user outlive Dovecot's own deinit, as everything in its pool. */
static void
user_deinit(struct mail_user *user)
{
	struct delivery *delivery = MODULE_CONTEXT_REQUIRE(user, delivery_module);

	delivery->module_ctx.super.deinit(user);
	if (!can_be_told(user))
		return;
	saved_end(&(struct wire_end){ .token = slice_of(user->session_id),
	    .user = slice_of(user->username), .n = delivery->n });
}

static void
user_created(struct mail_user *user)
{
	struct mail_user_vfuncs *v = user->vlast;
	struct delivery *delivery = p_new(user->pool, struct delivery, 1);

	delivery->module_ctx.super = *v;
	user->vlast = &delivery->module_ctx.super;
	v->deinit = user_deinit;
	MODULE_CONTEXT_SET(user, delivery_module, delivery);
}

static const struct notify_vfuncs notify_vfuncs = {
	.mail_transaction_begin = transaction_begin,
	.mail_save = mail_saved,
	.mail_copy = mail_copied,
	.mail_transaction_commit = transaction_commit,
	.mail_transaction_rollback = transaction_rollback,
};

static struct mail_storage_hooks hooks = {
	.mail_user_created = user_created,
};

/* There is no mailbell_plugin_version: see abi.c. */
EXPORT const char *mailbell_plugin_dependencies[] = { "notify", NULL };

EXPORT void	mailbell_plugin_init(struct module *module);
EXPORT void	mailbell_plugin_deinit(void);

void
mailbell_plugin_init(struct module *module)
{
	const char *name;

	if (!abi_fits())
		return;
	name = master_service_get_name(master_service);
	if (strcmp(name, "lmtp") == 0) {
		service = "lmtp";
		saved_init("dovecot-lmtp");
	} else if (strcmp(name, "lda") == 0) {
		service = "lda";
		saved_init("dovecot-lda");
	} else
		return;
	notify = notify_register(&notify_vfuncs);
	mail_storage_hooks_add(module, &hooks);
}

void
mailbell_plugin_deinit(void)
{
	if (service == NULL)
		return;
	mail_storage_hooks_remove(&hooks);
	compat_notify_unregister(&notify);
	saved_deinit();
	service = NULL;
}
