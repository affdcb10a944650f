/*
 * guard: which endpoints and which addresses a push may go to (docs/trust.md).
 *
 * The form of an endpoint is checked when a client subscribes, by the parser that the transfer uses
 * (curl_url); every address is checked when the socket is made.  Nothing else opens the guard but
 * endpoint_allow, a list of URL prefixes.
 */
#ifndef DAEMON_GUARD_H
#define DAEMON_GUARD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "lib/config.h"
#include "lib/slice.h"

#define GUARD_ENDPOINT_MAX	1024
#define GUARD_ORIGIN_MAX	300

struct guard;	/* the settings that matter here, parsed once */

/* What is needed of c is copied. */
struct guard	*guard_new(const struct config *c, struct err *err);
void		 guard_free(struct guard *g);

struct guard_endpoint {
	char	normal[GUARD_ENDPOINT_MAX + 64];	/* host in lower-case A-labels, no ":443" */
	char	origin[GUARD_ORIGIN_MAX];	/* "https://host" or "https://host:port": the JWT's aud */
	char	host[256];			/* for logs and show */
	bool	trusted;			/* by endpoint_allow: addresses are not checked */
};

/*
 * The endpoint's form.  0: out is filled; what is sent to is out->normal.  -1: refused, and *why is
 * a short static text that may be told to the client ("not https", "this port is not taken" ...): the
 * rule of form, nothing else.
 */
int	guard_check(const struct guard *g, struct slice endpoint, struct guard_endpoint *out,
	    const char **why);

/* The origin of an endpoint in its normal form; "" of anything else. */
void	guard_origin(const char *normal, char out[GUARD_ORIGIN_MAX]);

/*
 * Whether a socket to this address may be made: public, and none of ours.  IPv4 in IPv6 forms
 * (mapped, NAT64) is decoded first; other forms (compatible, 6to4, Teredo) are never public.  Own
 * addresses are read anew each call.
 */
bool	guard_address(const struct guard *g, const struct sockaddr *sa);

#endif
