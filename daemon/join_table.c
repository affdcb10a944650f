/*
 * Chains, at most one node a slot on average.  The hash is keyed, so whoever chooses tokens cannot
 * choose where they fall.
 */
#include <stdlib.h>

#include "daemon/join_int.h"

#define SLOTS_MIN	1024

static uint64_t
rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static void
sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

/* Up to 8 octets, the first one lowest. */
static uint64_t
little_endian(const void *octets, size_t n)
{
	const uint8_t *p = octets;
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << 8 * i;
	return word;
}

uint64_t
join_hash(const uint8_t key[JOIN_KEY], struct slice octets)
{
	uint64_t k0 = little_endian(key, 8), k1 = little_endian(key + 8, 8);
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573),
	};
	size_t whole = octets.len & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8)
		sip_word(v, little_endian(octets.p + i, 8));
	sip_word(v, (uint64_t)octets.len << 56 | (octets.len == whole ? 0 :
	    little_endian(octets.p + whole, octets.len - whole)));
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void
join_table_init(struct join_table *t, const uint8_t key[JOIN_KEY])
{
	memset(t, 0, sizeof(*t));
	memcpy(t->key, key, JOIN_KEY);
	t->n_slots = SLOTS_MIN;
	t->slots = join_alloc(t->n_slots * sizeof(struct join_node *));
}

void
join_table_clear(struct join_table *t)
{
	free(t->slots);
	t->slots = NULL;
	t->n = t->n_slots = 0;
}

static struct join_node **
slot_of(const struct join_table *t, uint64_t hash)
{
	return &t->slots[hash & (t->n_slots - 1)];
}

struct join_node *
join_table_find(const struct join_table *t, struct slice key)
{
	uint64_t hash = join_hash(t->key, key);
	struct join_node *node = *slot_of(t, hash);

	while (node != NULL && (node->hash != hash || !slice_equal(node->key, key)))
		node = node->next;
	return node;
}

static void
insert(struct join_table *t, struct join_node *node)
{
	struct join_node **slot = slot_of(t, node->hash);

	node->next = *slot;
	*slot = node;
}

static void
grow(struct join_table *t)
{
	struct join_table wider = *t;
	struct join_node *node, *next;

	wider.n_slots = t->n_slots * 2;
	wider.slots = join_alloc(wider.n_slots * sizeof(struct join_node *));
	for (size_t i = 0; i < t->n_slots; i++) {
		for (node = t->slots[i]; node != NULL; node = next) {
			next = node->next;
			insert(&wider, node);
		}
	}
	free(t->slots);
	*t = wider;
}

void
join_table_add(struct join_table *t, struct join_node *node, struct slice key)
{
	if (t->n >= t->n_slots)
		grow(t);
	node->key = key;
	node->hash = join_hash(t->key, key);
	insert(t, node);
	t->n++;
}

void
join_table_remove(struct join_table *t, struct join_node *node)
{
	struct join_node **at = slot_of(t, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	t->n--;
}
