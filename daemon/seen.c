#include <string.h>

#include "daemon/account.h"
#include "daemon/seen.h"
#include "daemon/sender.h"
#include "daemon/store.h"

void
seen_account(struct daemon *d, const char *account)
{
	struct subscription sub;
	struct delivery delivery;
	char id[SUB_ID_MAX + 1] = "";
	struct err err;

	while (store_sub_of(d->store, account, id, &sub, &err) == 1) {
		memcpy(id, sub.id, sizeof(id));
		if (store_delivery_get(d->store, sub.number, &delivery, &err) != 1 ||
		    delivery.unseen == 0)
			continue;
		delivery.unseen = 0;
		delivery.unseen_sync = 0;
		if (store_begin(d->store, &err) < 0)
			return;
		if (store_delivery_put(d->store, &delivery, &err) < 0 || store_commit(d->store, &err) < 0)
			store_abort(d->store);
		else
			sender_look(d->sender, sub.number);	/* its SYNC need not wait any more */
	}
}

void
seen_session(struct daemon *d, const struct wire_session *session)
{
	char account[WIRE_USER_MAX + 1];

	if (account_name(session->user, account) == 0)
		seen_account(d, account);
}
