/*
 * Any octets as a message, in pieces whose sizes the first octet says: what is remembered of it does
 * not depend on the pieces, and is the header with its dots unstuffed, as a model finds it.
 */
#include "lib/envelope.h"
#include "lib/msgfacts.h"
#include "lmtp/content.h"
#include "tests/fuzz/fuzz.h"

static char stuffed_rule[] = "X-Spam-Flag: YES";
static char *rules[] = { stuffed_rule };
static const struct config_list quiet = { rules, 1 };

/* The message without the dot that begins a line behind CRLF. */
static void
unstuff(const uint8_t *p, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != '.' || !(i == 0 || (i >= 2 && p[i - 2] == '\r' && p[i - 1] == '\n')))
			buf_octet(out, p[i]);
}

static void
check_model(const struct content *c, struct slice message)
{
	static uint8_t memory[2 * ENVELOPE_TEXT_MAX];
	const char *const list[] = { stuffed_rule };
	size_t end = envelope_header_end(message);
	struct slice block = { message.p, end == 0 ? message.len : end };
	struct msgfacts facts;
	struct buf envelope;

	if (block.len > ENVELOPE_HEADER_MAX) {
		must(c->reason == ENVELOPE_HEADER_TOO_BIG);
		return;
	}
	buf_fixed(&envelope, memory, sizeof(memory));
	must(envelope_write(block, &envelope) == c->reason);
	must(slice_equal(buf_all(&envelope), buf_all(&c->envelope)));
	msgfacts_scan(block, list, 1, SLICE_NIL, &facts);
	must(c->kind == facts.kind);
	if (facts.queue_id.len > WIRE_ID_MAX)
		facts.queue_id = SLICE_NIL;
	must(c->has_queue_id == (facts.queue_id.p != NULL));
	must(slice_equal(content_queue_id(c), facts.queue_id));
	must(c->has_message_id == (facts.message_id.p != NULL && facts.message_id.len <= WIRE_ID_MAX));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[1 << 20];
	struct wire_arrival a = { 0 };
	struct content c;
	struct buf message;
	size_t step, n;

	if (size == 0 || size > sizeof(memory))
		return 0;
	step = 1 + *data++ % 64;
	size--;
	content_init(&c);
	for (size_t done = 0; done < size; done += n) {
		n = size - done < step ? size - done : step;
		content_put(&c, data + done, n);
		must(c.header.len <= ENVELOPE_HEADER_MAX && !c.header.failed);
	}
	content_finish(&c, &quiet);
	must(c.header.len == 0);
	buf_fixed(&message, memory, sizeof(memory));
	unstuff(data, size, &message);
	check_model(&c, buf_all(&message));
	content_describe(&c, &a);
	must((a.reason == ENVELOPE_OK) == (a.envelope.p != NULL));
	content_clear(&c);
	return 0;
}
