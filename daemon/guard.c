/*
 * guardurl leaves only endpoints with one reading.  Their normal form is what is compared, matched
 * against endpoint_allow, and sent to.  Which addresses are public is ipnet's; which are ours, is
 * asked here, of the kernel and of the settings.
 */
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/guard.h"
#include "daemon/guardurl.h"
#include "daemon/ipnet.h"

#define NAT64		"64:ff9b::/96"	/* RFC 6052's own */
#define PORT_HTTPS	443

_Static_assert(GUARD_ENDPOINT_MAX == GUARDURL_MAX, "one bound for endpoints");

struct nets {
	struct ipnet	*v;
	size_t		 n;
};

struct guard {
	struct config_list	 hosts;		/* endpoint_hosts */
	bool			 literals;	/* endpoint_literals */
	struct nets		 own;		/* own_addresses */
	struct nets		 nat64;
	char			**allow;	/* endpoint_allow in normal form */
	size_t			 n_allow;
	bool			 taken[65536];	/* endpoint_ports */
};

/* Addresses */

/* Whether one of this host's interfaces has the address.  Where they cannot be read: yes. */
static bool
is_on_interface(const struct ipaddr *a)
{
	struct ifaddrs *list;
	struct ipaddr own;
	bool found = false;

	if (getifaddrs(&list) == -1)
		return true;
	for (struct ifaddrs *i = list; i != NULL && !found; i = i->ifa_next)
		found = i->ifa_addr != NULL && ipaddr_of(i->ifa_addr, &own) == 0 &&
		    memcmp(&own, a, sizeof(own)) == 0;
	freeifaddrs(list);
	return found;
}

static bool
is_open(const struct guard *g, const struct ipaddr *address)
{
	struct ipaddr a = ipaddr_decode(address, g->nat64.v, g->nat64.n);

	for (size_t i = 0; i < g->own.n; i++)
		if (ipnet_has(&g->own.v[i], &a))
			return false;
	return ipaddr_is_public(&a) && !is_on_interface(&a);
}

bool
guard_address(const struct guard *g, const struct sockaddr *sa)
{
	struct ipaddr a;

	return ipaddr_of(sa, &a) == 0 && is_open(g, &a);
}

/* Endpoints */

static int
refuse(const char **why, const char *rule)
{
	*why = rule;
	return -1;
}

static void
write_endpoint(const struct guardurl *p, struct guard_endpoint *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->host, p->host, strlen(p->host));
	if (p->port == PORT_HTTPS)
		snprintf(out->origin, sizeof(out->origin), GUARDURL_SCHEME "%s", p->host);
	else
		snprintf(out->origin, sizeof(out->origin), GUARDURL_SCHEME "%s:%u", p->host, p->port);
	snprintf(out->normal, sizeof(out->normal), "%s%s%s", out->origin, *p->rest == '/' ? "" : "/",
	    p->rest);
}

void
guard_origin(const char *normal, char out[GUARD_ORIGIN_MAX])
{
	static const char scheme[] = GUARDURL_SCHEME;
	size_t len = strncmp(normal, scheme, sizeof(scheme) - 1) == 0
	    ? sizeof(scheme) - 1 + strcspn(normal + sizeof(scheme) - 1, "/") : 0;

	if (len >= GUARD_ORIGIN_MAX)
		len = 0;
	memcpy(out, normal, len);
	out[len] = '\0';
}

/* Text as a NUL-terminated string in out. */
static int
take_text(struct slice endpoint, char out[GUARD_ENDPOINT_MAX + 1], const char **why)
{
	if (endpoint.len == 0)
		return refuse(why, "empty");
	if (endpoint.len > GUARD_ENDPOINT_MAX)
		return refuse(why, "longer than 1024 octets");
	if (memchr(endpoint.p, '\0', endpoint.len) != NULL)
		return refuse(why, "characters that no URL has");
	memcpy(out, endpoint.p, endpoint.len);
	out[endpoint.len] = '\0';
	return 0;
}

static bool
is_allowed(const struct guard *g, const char *normal)
{
	for (size_t i = 0; i < g->n_allow; i++)
		if (strncmp(normal, g->allow[i], strlen(g->allow[i])) == 0)
			return true;
	return false;
}

/* The rules that endpoint_allow lifts. */
static int
check_reach(const struct guard *g, const struct guardurl *p, const char **why)
{
	if (p->literal && !g->literals)
		return refuse(why, "literal addresses are not taken");
	if (p->literal && !is_open(g, &p->address))
		return refuse(why, "a private address");
	if (!p->literal && strchr(p->host, '.') == NULL)
		return refuse(why, "the host has no dot");
	return g->taken[p->port] ? 0 : refuse(why, "this port is not taken");
}

int
guard_check(const struct guard *g, struct slice endpoint, struct guard_endpoint *out,
    const char **why)
{
	char text[GUARD_ENDPOINT_MAX + 1];
	struct guardurl p;

	if (take_text(endpoint, text, why) == -1 || guardurl_parse(text, &p, why) == -1)
		return -1;
	write_endpoint(&p, out);
	out->trusted = is_allowed(g, out->normal);
	if (!out->trusted && check_reach(g, &p, why) == -1)
		return -1;
	return config_match_fold(&g->hosts, p.host) ? 0 :
	    refuse(why, "this host is not taken");
}

/* Settings */

static char *
copy_of(const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		abort();
	return copy;
}

static void
read_hosts(struct guard *g, const struct config_list *list)
{
	g->hosts.v = calloc(list->n + 1, sizeof(g->hosts.v[0]));
	if (g->hosts.v == NULL)
		abort();
	for (; g->hosts.n < list->n; g->hosts.n++)
		g->hosts.v[g->hosts.n] = copy_of(list->v[g->hosts.n]);
}

static int
read_nets(const struct config_list *list, const char *key, struct nets *out, struct err *err)
{
	out->v = calloc(list->n + 1, sizeof(out->v[0]));
	if (out->v == NULL)
		abort();
	for (size_t i = 0; i < list->n; i++)
		if (ipnet_parse(list->v[i], &out->v[out->n++]) == -1)
			return err_set(err, "%s: \"%s\" is not an address or prefix", key, list->v[i]);
	return 0;
}

static int
read_nat64(const struct config_list *list, struct nets *out, struct err *err)
{
	if (read_nets(list, "nat64_prefix", out, err) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		if (!ipnet_is_nat64(&out->v[i]))
			return err_set(err, "nat64_prefix: \"%s\": its length is none of /32, /40, "
			    "/48, /56, /64 and /96", list->v[i]);
	return ipnet_parse(NAT64, &out->v[out->n++]);	/* always: nothing else is meant by it */
}

static int
read_prefix(const char *text, char **out, struct err *err)
{
	char copy[GUARD_ENDPOINT_MAX + 1];
	struct guard_endpoint e;
	struct guardurl p;
	const char *why;

	if (take_text(slice_of(text), copy, &why) == -1 || guardurl_parse(copy, &p, &why) == -1)
		return err_set(err, "endpoint_allow: \"%s\": %s", text, why);
	if (*p.rest == '\0' || strchr(p.rest, '?') != NULL || p.rest[strlen(p.rest) - 1] != '/')
		return err_set(err, "endpoint_allow: \"%s\": a prefix has to end at a '/'", text);
	write_endpoint(&p, &e);
	*out = copy_of(e.normal);
	return 0;
}

static int
read_allow(struct guard *g, const struct config_list *list, struct err *err)
{
	g->allow = calloc(list->n + 1, sizeof(g->allow[0]));
	if (g->allow == NULL)
		abort();
	for (; g->n_allow < list->n; g->n_allow++)
		if (read_prefix(list->v[g->n_allow], &g->allow[g->n_allow], err) == -1)
			return -1;
	return 0;
}

static int
read_ports(struct guard *g, const struct config_list *list, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		char *end;
		unsigned long port = strtoul(list->v[i], &end, 10);

		if (*end != '\0' || port == 0 || port > 65535)
			return err_set(err, "endpoint_ports: \"%s\" is not a port", list->v[i]);
		g->taken[port] = true;
	}
	return 0;
}

struct guard *
guard_new(const struct config *c, struct err *err)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (g == NULL)
		abort();
	g->literals = c->endpoint_literals;
	read_hosts(g, &c->endpoint_hosts);
	if (read_nets(&c->own_addresses, "own_addresses", &g->own, err) == 0 &&
	    read_nat64(&c->nat64_prefix, &g->nat64, err) == 0 &&
	    read_allow(g, &c->endpoint_allow, err) == 0 &&
	    read_ports(g, &c->endpoint_ports, err) == 0)
		return g;
	guard_free(g);
	return NULL;
}

void
guard_free(struct guard *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->n_allow; i++)
		free(g->allow[i]);
	free(g->allow);
	for (size_t i = 0; i < g->hosts.n; i++)
		free(g->hosts.v[i]);
	free(g->hosts.v);
	free(g->nat64.v);
	free(g->own.v);
	free(g);
}
