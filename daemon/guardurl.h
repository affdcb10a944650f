/*
 * guardurl: the form of an endpoint: a URL that has one reading, for us, for libcurl, and for the
 * server.  The rules here are lifted by no setting.
 */
#ifndef DAEMON_GUARDURL_H
#define DAEMON_GUARDURL_H

#include <stdbool.h>

#include "daemon/ipnet.h"

#define GUARDURL_SCHEME	"https://"
#define GUARDURL_MAX	1024

struct guardurl {
	char		host[256];	/* lower case; an IPv6 literal with its brackets */
	unsigned	port;		/* 443 where none is given */
	bool		literal;
	struct ipaddr	address;	/* of a literal */
	const char	*rest;		/* path and query, within text; "" or from '/' or '?' */
};

/*
 * Text has at most GUARDURL_MAX octets.  0, or -1 with *why, a short static text that names the rule
 * and nothing of the endpoint.
 */
int	guardurl_parse(const char *text, struct guardurl *out, const char **why);

#endif
