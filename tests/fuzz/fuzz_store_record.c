/*
 * Database values: a kind, a key's length, the key, the value.  What can be read can be written, and
 * reads the same again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "daemon/store_codec.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union record {
	struct subscription	sub;
	struct delivery		delivery;
	struct outbox_record	outbox;
	struct account		account;
	int64_t			number;
};

static int
decode(unsigned kind, struct slice key, struct slice value, union record *out)
{
	switch (kind) {
	case 0:
		return store_decode_sub(key, value, &out->sub);
	case 1:
		return store_decode_delivery(key, value, &out->delivery);
	case 2:
		return store_decode_outbox(key, value, &out->outbox);
	case 3:
		return store_decode_account(key, value, &out->account);
	default:
		return store_decode_number(value, &out->number);
	}
}

static void
encode(unsigned kind, const union record *in, struct buf *b)
{
	switch (kind) {
	case 0:
		store_encode_sub(b, &in->sub);
		break;
	case 1:
		store_encode_delivery(b, &in->delivery);
		break;
	case 2:
		store_encode_outbox(b, &in->outbox);
		break;
	case 3:
		store_encode_account(b, &in->account);
		break;
	default:
		store_encode_number(b, in->number);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union record first, second;
	struct slice key, value;
	struct buf once, twice;
	unsigned kind;

	if (size < 2 || size - 2 < data[1])
		return 0;
	kind = data[0] % 5;
	key = (struct slice){ (const char *)data + 2, data[1] };
	value = (struct slice){ key.p + key.len, size - 2 - key.len };
	(void)store_value_newer(value);
	if (decode(kind, key, value, &first) < 0)
		return 0;
	buf_init(&once, STORE_VALUE_MAX);
	buf_init(&twice, STORE_VALUE_MAX);
	encode(kind, &first, &once);
	if (once.failed || decode(kind, key, buf_all(&once), &second) < 0)
		abort();
	encode(kind, &second, &twice);
	if (!slice_equal(buf_all(&once), buf_all(&twice)))
		abort();
	buf_clear(&once);
	buf_clear(&twice);
	return 0;
}
