/*
 * session: one front, the backend's connection that belongs to it, and the dialog between them.
 */
#ifndef LMTP_SESSION_H
#define LMTP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/loop.h"
#include "lib/sock.h"
#include "lmtp/hold.h"

struct session;

/* What the sessions of a worker have in common; outlives them. */
struct session_env {
	struct loop		*loop;
	struct hold		*hold;
	const struct config	*config;
	struct sock_addr	 backend;
	/* The session is over: it is to be freed, and is not to be used for anything else. */
	void			(*over)(void *arg, struct session *s);
	void			*arg;
	bool			 draining;	/* close between transactions */
	struct session		*list;		/* all of them, newest first */
};

/* Starts a session with a front, which it owns from now on. May call env->over before it returns. */
void	session_start(struct session_env *env, int front);
void	session_free(struct session *s);	/* closes both connections as they are */
/*
 * To be called now and then, at least once a second, and at once after env->draining was set: the
 * limits of time.  May call env->over.  True: it wants to be called again within a tenth of that.
 */
bool	session_tick(struct session *s, int64_t now_ms);
struct session *session_next(const struct session *s);	/* in env->list */

#endif
