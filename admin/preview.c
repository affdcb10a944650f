/*
 * preview FILE.eml: the push that the message would become, made by the same code as the real one.  What
 * only a delivery knows is stood in for: the mailbox by INBOX, the UID by 1.  With --user the daemon
 * says what each device of the account would make of it.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sysexits.h>

#include "admin/answer.h"
#include "admin/json.h"
#include "admin/table.h"
#include "admin/verb.h"
#include "lib/envelope.h"
#include "lib/msgfacts.h"
#include "lib/pushmsg.h"

#define BODY_OVER_PLAIN	(4096 - PUSHMSG_MAX)	/* RFC 8188's header and tag, RFC 8291's delimiter */
#define TTL		"604800"

struct preview {
	enum envelope_reason	 reason;
	struct msgfacts		 facts;
	const char		*quiet;		/* why nobody is rung; NULL: somebody is */
	bool			 sync;		/* there is no ENVELOPE in it */
	uint8_t			 octets[PUSHMSG_MAX];
	struct buf		 plain;
};

/* Reads the header block, or as much of it as a hook keeps.  0, or an exit code. */
static int
read_header(const char *path, struct buf *header, bool *too_big)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	size_t end;

	buf_init(header, ENVELOPE_HEADER_MAX + 1);
	if (file == NULL)
		return call_complain(EX_NOINPUT, "%s: %s", path, strerror(errno));
	header->len = fread(buf_room(header, ENVELOPE_HEADER_MAX + 1), 1, ENVELOPE_HEADER_MAX + 1, file);
	if (file != stdin)
		fclose(file);
	if (header->len == 0)
		return call_complain(EX_NOINPUT, "%s: it is empty, or cannot be read", path);
	end = envelope_header_end(buf_all(header));
	*too_big = end == 0 && header->len > ENVELOPE_HEADER_MAX;
	if (end > 0)
		buf_cut(header, end);
	return 0;
}

static const char *
why_quiet(const struct config *c, unsigned kind)
{
	if (kind & KIND_QUIET)
		return "quiet_header";
	return c->quiet_bulk && (kind & KIND_BULK) ? "quiet_bulk" : NULL;
}

static void
make(struct preview *p, const struct config *c, struct slice header, bool too_big)
{
	uint8_t memory[ENVELOPE_TEXT_MAX];
	struct pushmsg_item item = {
		.type = PUSHMSG_MAIL, .mailbox = slice_of("INBOX"), .uidvalidity = 1, .uid = 1,
	};
	struct buf envelope;
	bool with_envelope;

	buf_fixed(&envelope, memory, sizeof(memory));
	buf_fixed(&p->plain, p->octets, sizeof(p->octets));
	msgfacts_scan(header, (const char *const *)c->quiet_header.v, c->quiet_header.n, SLICE_NIL,
	    &p->facts);
	p->reason = too_big ? ENVELOPE_HEADER_TOO_BIG : envelope_write(header, &envelope);
	p->quiet = why_quiet(c, p->facts.kind);
	if (p->reason == ENVELOPE_OK && c->content == CONTENT_ENVELOPE)
		item.envelope = buf_all(&envelope);
	pushmsg_write(&item, 1, PUSHMSG_MAX, &p->plain, &with_envelope);
	p->sync = !with_envelope;
}

static const char *
why_sync(const struct preview *p)
{
	if (!p->sync)
		return NULL;
	return p->reason == ENVELOPE_OK ? "content = sync" : envelope_reason_text(p->reason);
}

static const char *
urgency_of(const struct preview *p)
{
	return p->sync || (p->facts.kind & KIND_BULK) ? "normal" : "high";
}

/* For people */

static void
print_preview(const struct preview *p)
{
	size_t bucket = pushmsg_bucket(p->plain.len);

	if (p->quiet != NULL)
		printf("Nobody is rung: %s.  It would else be:\n\n", p->quiet);
	printf("POST (the device's endpoint)\nTTL: " TTL "\nUrgency: %s\n", urgency_of(p));
	if (p->sync)
		printf("Topic: (24 characters that are the device's own)\n");
	printf("Content-Encoding: aes128gcm\nContent-Type: application/octet-stream\n"
	    "Authorization: vapid t=(a token signed by the VAPID key), k=(that key)\n"
	    "Content-Length: %zu\n\n", bucket + BODY_OVER_PLAIN);
	answer_print(stdout, buf_all(&p->plain));
	printf("\nplaintext: %zu octets, padded to %zu; body: %zu\n", p->plain.len, bucket,
	    bucket + BODY_OVER_PLAIN);
	if (p->sync)
		printf("no ENVELOPE: %s\n", why_sync(p));
}

static int
take_device(void *arg, const struct frame *row)
{
	return table_row(arg, row);
}

static int
print_devices(const struct call *call, const struct wire_request *question)
{
	struct table table;
	int code;

	printf("\n");
	table_init(&table, stdout);
	code = answer_each(call->config, question, take_device, &table, NULL);
	table_end(&table);
	return code;
}

/* For programs */

static json_t *
json_of(const struct preview *p)
{
	size_t bucket = pushmsg_bucket(p->plain.len), body = bucket + BODY_OVER_PLAIN;
	json_t *headers = json_pack("{s:s, s:s, s:s, s:s}", "TTL", TTL, "Urgency", urgency_of(p),
	    "Content-Encoding", "aes128gcm", "Content-Type", "application/octet-stream");

	return json_pack("{s:b, s:s?, s:s, s:s?, s:b, s:s%, s:I, s:I, s:I, s:o}",
	    "rings", p->quiet == NULL, "quiet", p->quiet, "content", p->sync ? "SYNC" : "ENVELOPE",
	    "why", why_sync(p), "bulk", (p->facts.kind & KIND_BULK) != 0,
	    "plaintext", (const char *)p->plain.data, p->plain.len,
	    "plaintext_octets", (json_int_t)p->plain.len, "padded_octets", (json_int_t)bucket,
	    "body_octets", (json_int_t)body, "headers", headers);
}

static int
collect_device(void *arg, const struct frame *row)
{
	json_t *object = json_row(row);

	return object == NULL || json_array_append_new(arg, object) < 0 ? -1 : 0;
}

static int
print_json(const struct call *call, const struct preview *p, const struct wire_request *question)
{
	json_t *object = json_of(p), *devices;
	int code = 0;

	if (object == NULL)
		return call_complain(EX_DATAERR, "%s: its push is no UTF-8, JSON cannot hold it",
		    call->argv[0]);
	if (question != NULL) {
		devices = json_array();
		code = answer_each(call->config, question, collect_device, devices, NULL);
		json_object_set_new(object, "devices", devices);
	}
	json_dumpf(object, stdout, JSON_ENSURE_ASCII | JSON_INDENT(2));
	putchar('\n');
	json_decref(object);
	return code;
}

int
preview_run(const struct call *call)
{
	struct wire_request question = { .verb = slice_of(call->verb->name), .n = 2 };
	const struct options *o = call->options;
	struct preview p;
	struct buf header;
	bool too_big = false;
	int code = read_header(call->argv[0], &header, &too_big), failed;

	if (code == 0) {
		make(&p, call->config, buf_all(&header), too_big);
		question.args[0] = slice_of(o->user);
		question.args[1] = slice_of(p.facts.kind & KIND_BULK ? "bulk" : "personal");
		if (o->json)
			code = print_json(call, &p, o->user == NULL ? NULL : &question);
		else {
			print_preview(&p);
			code = o->user == NULL ? 0 : print_devices(call, &question);
		}
	}
	buf_clear(&header);
	failed = answer_flush();
	return code != 0 ? code : failed;
}
