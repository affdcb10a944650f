/*
 * Rows of an import.  The first octet says what follows: the octets of a row's fields, or a list of
 * values, each with one of the names that a row may have.  What is taken is written and read again
 * the same; what is refused is refused with a sentence.
 */
#include "daemon/dump_int.h"
#include "lib/base64url.h"
#include "lib/wire.h"
#include "tests/fuzz/fuzz.h"

#define ROW_MAX	(64 * 1024)

static void
put(struct buf *out, const struct dump *d)
{
	buf_reset(out);
	if (d->kind == DUMP_SUBSCRIPTION)
		dump_put_subscription(out, &d->sub, &d->delivery);
	else
		dump_put_account(out, &d->account);
	must(!out->failed);
}

static void
check(const struct frame *row)
{
	static struct dump first, second;
	static uint8_t once_memory[ROW_MAX], twice_memory[ROW_MAX];
	struct buf once, twice;
	struct err err = { "" };
	struct frame f;
	size_t used;

	if (dump_get(row, &first, &err) < 0) {
		must(err.text[0] != '\0');
		return;
	}
	must(memchr(first.sub.account, '\0', sizeof(first.sub.account)) != NULL);
	must(first.sub.n_tokens <= SUB_TOKENS && first.sub.number == 0);
	buf_fixed(&once, once_memory, sizeof(once_memory));
	buf_fixed(&twice, twice_memory, sizeof(twice_memory));
	put(&once, &first);
	must(frame_next(once.data, once.len, FRAME_MAX_ROW, &f, &used) == 1 && used == once.len);
	must(dump_get(&f, &second, NULL) == 0);
	must(memcmp(&first, &second, sizeof(first)) == 0);
	put(&twice, &second);
	must(slice_equal(buf_all(&once), buf_all(&twice)));
}

/* A number of a few octets, with its sign in the lowest bit. */
static int64_t
number(struct input *in)
{
	struct slice s = input_octets(in, 1 + input_octet(in) % 8);
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n = n << 8 | (uint8_t)s.p[i];
	return n & 1 ? -(int64_t)(n >> 1) : (int64_t)(n >> 1);
}

/* What a value of that shape may look like, so that a row gets far. */
static void
put_value(struct buf *row, const struct dump_member *m, struct input *in)
{
	char text[256];
	struct slice s;

	switch (input_octet(in) % 4) {
	case 0:
		wire_row_number(row, m->name, number(in));
		break;
	case 1:
		wire_row_text(row, m->name, input_string(in));
		break;
	case 2:
		memset(text, 'A', sizeof(text));
		if (m->shape == DUMP_TOKENS) {	/* a hash, and what may be a time */
			s = input_octets(in, input_octet(in) % 40);
			snprintf(text + BASE64URL_LEN(TOKEN_HASH), 64, " %.*s", (int)s.len, s.p);
			wire_row_text(row, m->name, slice_of(text));
			break;
		}
		s = (struct slice){ text, (m->size * 4 + 2) / 3 };
		wire_row_text(row, m->name, m->shape == DUMP_OCTETS && s.len < sizeof(text) ? s :
		    slice_of(m->shape == DUMP_HEX64 ? "0123456789abcdef" : "x"));
		break;
	default:
		wire_row_text(row, m->name, slice_of(m->shape == DUMP_STATE ?
		    dump_states[in->n % 2] : dump_contents[in->n % 2]));
	}
}

static void
build(struct input *in, struct buf *row)
{
	const struct dump_table *t = &dump_tables[input_octet(in) % DUMP_KINDS];
	size_t start = wire_begin_row(row), at = 0;

	wire_row_number(row, "version", DUMP_VERSION);
	wire_row_text(row, "kind", slice_of(t->name));
	while (in->n > 0) {
		uint8_t step = input_octet(in);

		at = (at + (step < 0xf0 ? 1 : step)) % t->n;	/* mostly the next one */
		put_value(row, &t->members[(at + t->n - 1) % t->n], in);
	}
	wire_end_row(row, start);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[ROW_MAX];
	struct input in = { data, size };
	struct frame f = { .type = WIRE_ROW };
	struct buf row;
	size_t used;

	if (input_octet(&in) % 2 == 0) {
		f.body = in.n == 0 ? (const uint8_t *)"" : in.p;
		f.len = in.n;
		check(&f);
		return 0;
	}
	buf_fixed(&row, memory, sizeof(memory));
	build(&in, &row);
	if (row.failed)
		return 0;
	must(frame_next(row.data, row.len, FRAME_MAX_ROW, &f, &used) == 1);
	check(&f);
	return 0;
}
