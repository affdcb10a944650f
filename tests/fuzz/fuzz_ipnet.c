/*
 * Any octets as an address, and as the text of a network.  Whether an address is public agrees with
 * a list of what must not be reached, compared bit by bit, and so does a network with what it holds.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "daemon/ipnet.h"
#include "tests/fuzz/fuzz.h"

/* Registries of special-purpose addresses; of IPv6 nothing outside of 2000::/3 is public at all. */
static const char *const denied4[] = {
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"
};
static const char *const denied6[] = { "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20" };

static bool
bit(const uint8_t *octets, unsigned i)
{
	return octets[i / 8] >> (7 - i % 8) & 1;
}

static bool
in_net(const char *net, int family, const uint8_t *address)
{
	uint8_t octets[16];
	char text[64];
	unsigned bits;

	must(sscanf(net, "%63[^/]/%u", text, &bits) == 2 && inet_pton(family, text, octets) == 1);
	for (unsigned i = 0; i < bits; i++)
		if (bit(octets, i) != bit(address, i))
			return false;
	return true;
}

static bool
in_any(const char *const *nets, size_t n, int family, const uint8_t *address)
{
	for (size_t i = 0; i < n; i++)
		if (in_net(nets[i], family, address))
			return true;
	return false;
}

static void
check_address(const uint8_t octets[16])
{
	static const struct ipnet nat64 = { { 0x00, 0x64, 0xff, 0x9b }, 96 };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct ipaddr a, b;

	memcpy(&four.sin_addr, octets, 4);
	must(ipaddr_of((const struct sockaddr *)&four, &a) == 0);
	must(ipaddr_is_public(&a) == !in_any(denied4, sizeof(denied4) / sizeof(denied4[0]), AF_INET,
	    octets));

	memcpy(&six.sin6_addr, octets, 16);
	must(ipaddr_of((const struct sockaddr *)&six, &a) == 0);
	if (!in_net("::ffff:0:0/96", AF_INET6, octets))
		must(ipaddr_is_public(&a) == (in_net("2000::/3", AF_INET6, octets) &&
		    !in_any(denied6, sizeof(denied6) / sizeof(denied6[0]), AF_INET6, octets)));

	/* The last four octets behind a translator's prefix are the same as without. */
	memcpy(&six.sin6_addr, nat64.octets, 12);
	memcpy((uint8_t *)&six.sin6_addr + 12, octets, 4);
	must(ipaddr_of((const struct sockaddr *)&six, &a) == 0);
	must(ipaddr_of((const struct sockaddr *)&four, &b) == 0);
	a = ipaddr_decode(&a, &nat64, 1);
	must(memcmp(&a, &b, sizeof(a)) == 0);
}

static void
check_text(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	struct ipaddr first, flipped;
	struct ipnet net, again;

	if (ipnet_parse(text, &net) < 0)
		return;
	must(net.bits <= 128);
	memcpy(first.octets, net.octets, sizeof(first.octets));
	must(ipnet_has(&net, &first));
	for (unsigned i = 0; i < 128; i++) {
		flipped = first;
		flipped.octets[i / 8] ^= (uint8_t)(0x80 >> i % 8);
		must(ipnet_has(&net, &flipped) == (i >= net.bits));
	}
	must(inet_ntop(AF_INET6, net.octets, address, sizeof(address)) != NULL);
	must(ipnet_parse(address, &again) == 0);
	must(memcmp(net.octets, again.octets, sizeof(net.octets)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t octets[16] = { 0 };
	char text[128] = "";

	memcpy(octets, size == 0 ? octets : data, size < sizeof(octets) ? size : sizeof(octets));
	check_address(octets);
	if (size < sizeof(text)) {
		memcpy(text, size == 0 ? (const uint8_t *)"" : data, size);
		check_text(text);
	}
	return 0;
}
