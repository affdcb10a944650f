/*
 * Public is what is allowed and not denied: IPv4, and IPv6's 2000::/3 (all that IANA has assigned as
 * global unicast).  Loopback, link-local, unique local, multicast, IPv4-compatible addresses and
 * translators' prefixes lie outside of 2000::/3, and so need no line in the table.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "daemon/ipnet.h"

#define V4(a, b, c, d, bits)	{ { [10] = 0xff, [11] = 0xff, a, b, c, d }, 96 + (bits) }
#define V6(a, b, bits)		{ { (a) >> 8, (a) & 0xff, (b) >> 8, (b) & 0xff }, bits }

static const struct ipnet allowed[] = {
	V4(0, 0, 0, 0, 0),
	V6(0x2000, 0, 3),
};

/* The registries of special-purpose addresses (RFC 6890), and multicast. */
static const struct ipnet denied[] = {
	V4(0, 0, 0, 0, 8),		/* this network; 0.0.0.0 is this host */
	V4(10, 0, 0, 0, 8),		/* private use */
	V4(100, 64, 0, 0, 10),		/* behind a carrier's NAT */
	V4(127, 0, 0, 0, 8),		/* loopback */
	V4(169, 254, 0, 0, 16),		/* link-local: also where clouds keep their secrets */
	V4(172, 16, 0, 0, 12),		/* private use */
	V4(192, 0, 0, 0, 24),		/* protocol assignments */
	V4(192, 0, 2, 0, 24),		/* documentation */
	V4(192, 88, 99, 0, 24),		/* 6to4 relays */
	V4(192, 168, 0, 0, 16),		/* private use */
	V4(198, 18, 0, 0, 15),		/* benchmarks */
	V4(198, 51, 100, 0, 24),	/* documentation */
	V4(203, 0, 113, 0, 24),		/* documentation */
	V4(224, 0, 0, 0, 3),		/* multicast, reserved, broadcast */
	V6(0x2001, 0x0000, 23),		/* protocol assignments: Teredo, ORCHID ... */
	V6(0x2001, 0x0db8, 32),		/* documentation */
	V6(0x2002, 0x0000, 16),		/* 6to4: leads to any IPv4 address */
	V6(0x3fff, 0x0000, 20),		/* documentation */
};

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static struct ipaddr
of_ipv4(const void *octets)
{
	struct ipaddr a;

	memcpy(a.octets, mapped, sizeof(mapped));
	memcpy(a.octets + sizeof(mapped), octets, 4);
	return a;
}

int
ipaddr_of(const struct sockaddr *sa, struct ipaddr *out)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&in, sa, sizeof(in));
		*out = of_ipv4(&in.sin_addr);
		return 0;
	case AF_INET6:
		memcpy(&in6, sa, sizeof(in6));
		memcpy(out->octets, &in6.sin6_addr, sizeof(out->octets));
		return 0;
	default:
		return -1;
	}
}

/* The length behind the '/', in decimal without a sign. */
static int
parse_bits(const char *text, unsigned max, unsigned *bits)
{
	*bits = 0;
	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		*bits = *bits * 10 + (unsigned)(*text - '0');
		if (*bits > max)
			return -1;
	}
	return 0;
}

int
ipnet_parse(const char *text, struct ipnet *out)
{
	char address[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	unsigned offset = 0;
	struct ipaddr v4;
	struct in_addr in;

	if (len >= sizeof(address))
		return -1;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, &in) == 1) {
		v4 = of_ipv4(&in);
		memcpy(out->octets, v4.octets, sizeof(out->octets));
		offset = 96;
	} else if (inet_pton(AF_INET6, address, out->octets) != 1)
		return -1;
	if (text[len] == '\0')
		out->bits = 128 - offset;
	else if (parse_bits(text + len + 1, 128 - offset, &out->bits) == -1)
		return -1;
	out->bits += offset;
	return 0;
}

bool
ipnet_has(const struct ipnet *net, const struct ipaddr *a)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (memcmp(net->octets, a->octets, whole) != 0)
		return false;
	return rest == 0 || (net->octets[whole] ^ a->octets[whole]) >> (8 - rest) == 0;
}

bool
ipnet_is_nat64(const struct ipnet *net)
{
	return net->bits == 96 || (net->bits >= 32 && net->bits <= 64 && net->bits % 8 == 0);
}

struct ipaddr
ipaddr_decode(const struct ipaddr *a, const struct ipnet *nat64, size_t n)
{
	uint8_t v4[4];

	for (size_t i = 0; i < n; i++) {
		size_t at = nat64[i].bits / 8;

		if (!ipnet_has(&nat64[i], a))
			continue;
		for (size_t k = 0; k < sizeof(v4); k++) {
			if (at == 8)	/* bits 64 to 71 are none of the address (RFC 6052 section 2.2) */
				at++;
			v4[k] = a->octets[at++];
		}
		return of_ipv4(v4);
	}
	return *a;
}

static bool
in_any(const struct ipnet *nets, size_t n, const struct ipaddr *a)
{
	for (size_t i = 0; i < n; i++)
		if (ipnet_has(&nets[i], a))
			return true;
	return false;
}

bool
ipaddr_is_public(const struct ipaddr *a)
{
	return in_any(allowed, sizeof(allowed) / sizeof(allowed[0]), a) &&
	    !in_any(denied, sizeof(denied) / sizeof(denied[0]), a);
}
