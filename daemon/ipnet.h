/*
 * ipnet: IP addresses and prefixes, and which addresses are public.  Pure.
 *
 * An IPv4 address is written as the IPv6 address that maps it (::ffff:a.b.c.d) throughout, so there
 * is one type and one way to compare.
 */
#ifndef DAEMON_IPNET_H
#define DAEMON_IPNET_H

#include <sys/socket.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipaddr {
	uint8_t	octets[16];
};

struct ipnet {
	uint8_t		octets[16];
	unsigned	bits;		/* of 128 */
};

/* 0, or -1 where it is neither IPv4 nor IPv6. */
int	ipaddr_of(const struct sockaddr *sa, struct ipaddr *out);
/* "192.0.2.1", "192.0.2.0/24", "2001:db8::/32".  0, or -1. */
int	ipnet_parse(const char *text, struct ipnet *out);
bool	ipnet_has(const struct ipnet *net, const struct ipaddr *a);

/* Whether a translator's prefix has one of the lengths of RFC 6052. */
bool	ipnet_is_nat64(const struct ipnet *net);
/* The IPv4 address that a translator behind one of n such prefixes would connect to; else a itself. */
struct ipaddr	ipaddr_decode(const struct ipaddr *a, const struct ipnet *nat64, size_t n);

/* Whether the address is globally reachable, other than by a tunnel; a was decoded before. */
bool	ipaddr_is_public(const struct ipaddr *a);

#endif
