/*
 * An SMTP connection of the MTA is a session here; libmilter lets one thread at a time work on it.
 * Its message is there from the first field on until the end, the abort or the connection's end,
 * whichever comes first.  What a session has negotiated holds for all its messages.
 *
 * libmilter hands no argument of ours to its callbacks, so what they share is here.  Messages end one
 * after the other, in memory that is there already: libmilter ends and begins threads all the time, and
 * of the stack of one that has ended the kernel takes back, page by page, all but 16 KiB.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <libmilter/mfapi.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "milter/filter.h"
#include "milter/message.h"

#define FILTER_NAME	"mailbell-milter"

/* Steps that tell nothing of a message which the others do not. */
#define UNWANTED	(SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NORCPT | SMFIP_NODATA | \
			 SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN)

static struct {
	pthread_mutex_t		 lock;		/* of what follows, and of the log's settings */
	const struct config	*config;
	struct link		*link;
	struct message_end	 end;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct session {
	struct message	*message;	/* NULL: none has begun, or it is missed */
	bool		 missed;	/* a part of this message was: the rest must not pass for all */
	bool		 silent;	/* it was agreed that fields get no reply */
};

/* The message that the session is at; NULL: there is, or was, no memory for it. */
static struct message *
current(struct session *s)
{
	if (s == NULL)
		return NULL;
	if (s->message == NULL && !s->missed) {
		s->message = malloc(sizeof(*s->message));
		if (s->message == NULL)
			s->missed = true;
		else
			message_init(s->message);
	}
	return s->message;
}

static void
forget(struct session *s)
{
	if (s == NULL)
		return;
	free(s->message);
	s->message = NULL;
	s->missed = false;
}

/*
 * Of the macros the queue id alone is of use; MTAs that let a milter choose send no other then.  Postfix
 * takes an empty list for its own default: so the others name what no MTA has.
 */
static void
choose_macros(SMFICTX *ctx)
{
	char none[] = "{mailbell_none}", queue_id[] = "i";

	for (int where = SMFIM_FIRST; where <= SMFIM_LAST; where++)
		smfi_setsymlist(ctx, where, where == SMFIM_EOM ? queue_id : none);
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long unused2,
    unsigned long unused3, unsigned long *use_actions, unsigned long *use_steps,
    unsigned long *use2, unsigned long *use3)
{
	struct session *s = calloc(1, sizeof(*s));

	(void)unused2;
	(void)unused3;
	*use2 = *use3 = 0;
	*use_actions = actions & SMFIF_SETSYMLIST;
	*use_steps = steps & (UNWANTED | SMFIP_HDR_LEADSPC);
	if (*use_actions != 0)
		choose_macros(ctx);
	/* Without a session nobody would know that no reply is expected. */
	if (s != NULL && smfi_setpriv(ctx, s) == MI_SUCCESS) {
		*use_steps |= steps & SMFIP_NR_HDR;
		s->silent = (steps & SMFIP_NR_HDR) != 0;
	} else
		free(s);
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct session *s = smfi_getpriv(ctx);
	struct message *m = current(s);

	if (m != NULL)
		message_header(m, name, value);
	return s != NULL && s->silent ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat
on_end(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);
	struct message *m = current(s);
	struct wire_arrival arrival;
	char queue_id[] = "i";

	pthread_mutex_lock(&shared.lock);
	if (m == NULL) {
		link_lost(shared.link);
	} else {
		message_finish(m, smfi_getsymval(ctx, queue_id), &shared.config->quiet_header, &shared.end,
		    &arrival);
		arrival.time_ms = (uint64_t)clock_wall_ms();
		link_put(shared.link, &arrival);
	}
	pthread_mutex_unlock(&shared.lock);
	forget(s);
	return SMFIS_ACCEPT;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	forget(smfi_getpriv(ctx));
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);

	forget(s);
	free(s);
	smfi_setpriv(ctx, NULL);
	return SMFIS_CONTINUE;
}

int
filter_register(struct err *err)
{
	struct smfiDesc filter = {
		.xxfi_name = (char[]){ FILTER_NAME }, .xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_NONE, .xxfi_negotiate = on_negotiate, .xxfi_header = on_header,
		.xxfi_eom = on_end, .xxfi_abort = on_abort, .xxfi_close = on_close,
	};

	return smfi_register(filter) == MI_SUCCESS ? 0 : err_set(err, "libmilter is out of memory");
}

void
filter_use(const struct config *config, struct link *l)
{
	shared.link = l;
	filter_configure(config);
}

int
filter_run(struct err *err)
{
	return smfi_main() == MI_SUCCESS ? 0 : err_set(err, "libmilter has given up; its log says why");
}

void
filter_configure(const struct config *config)
{
	pthread_mutex_lock(&shared.lock);
	shared.config = config;
	log_open(FILTER_NAME, config->log == CONFIG_LOG_SYSLOG, (enum log_level)config->log_level);
	pthread_mutex_unlock(&shared.lock);
}
