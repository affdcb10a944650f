/*
 * Keys sort as their parts do: an account's subscriptions lie side by side (no text holds a NUL), a
 * subscription's outbox in the order of its sequences.
 */
#include <string.h>

#include "daemon/store_codec.h"

void
store_u64(char out[8], uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		out[i] = (char)(uint8_t)value;
}

uint64_t
store_u64_of(const char in[8])
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | (uint8_t)in[i];
	return value;
}

int
store_key_sub(struct store_key *k, const char *account, const char *id)
{
	size_t account_len = strlen(account), id_len = strlen(id);

	if (account_len > WIRE_USER_MAX || id_len > SUB_ID_MAX)
		return -1;
	memcpy(k->octets, account, account_len + 1);
	memcpy(k->octets + account_len + 1, id, id_len);
	k->len = account_len + 1 + id_len;
	return 0;
}

void
store_key_delivery(struct store_key *k, uint64_t number)
{
	store_u64(k->octets, number);
	k->len = 8;
}

void
store_key_outbox(struct store_key *k, uint64_t number, uint64_t sequence)
{
	store_u64(k->octets, number);
	store_u64(k->octets + 8, sequence);
	k->len = 16;
}

int
store_key_meta(struct store_key *k, char kind, const char *name)
{
	size_t len = strlen(name);

	if (len > WIRE_USER_MAX)
		return -1;
	k->octets[0] = kind;
	memcpy(k->octets + 1, name, len);
	k->len = 1 + len;
	return 0;
}

void
store_key_after(struct store_key *k)
{
	k->octets[k->len++] = '\0';
}

int
store_unkey_sub(struct slice key, char account[WIRE_USER_MAX + 1], char id[SUB_ID_MAX + 1])
{
	const char *nul = key.len == 0 ? NULL : memchr(key.p, '\0', key.len);
	size_t account_len, id_len;

	if (nul == NULL)
		return -1;
	account_len = (size_t)(nul - key.p);
	id_len = key.len - account_len - 1;
	if (account_len > WIRE_USER_MAX || id_len > SUB_ID_MAX || memchr(nul + 1, '\0', id_len) != NULL)
		return -1;
	memcpy(account, key.p, account_len + 1);
	memcpy(id, nul + 1, id_len);
	id[id_len] = '\0';
	return 0;
}

int
store_unkey_delivery(struct slice key, uint64_t *number)
{
	if (key.len != 8)
		return -1;
	*number = store_u64_of(key.p);
	return 0;
}

int
store_unkey_outbox(struct slice key, uint64_t *number, uint64_t *sequence)
{
	if (key.len != 16)
		return -1;
	*number = store_u64_of(key.p);
	*sequence = store_u64_of(key.p + 8);
	return 0;
}
