/*
 * One pass over the block notes where the ten fields are: of Date, Subject, In-Reply-To and
 * Message-ID the last one counts; all From (To, ...) fields count, as if they were one.  A second
 * pass then writes the members in their order, reading address fields again from the first of their
 * name to the last.  So the block is read at most eight times, whatever is in it.
 *
 * Nothing is copied but the octets of one string at a time, into a scratch buffer that holds what
 * can be in an ENVELOPE at most.
 */
#include "lib/address.h"
#include "lib/envelope.h"
#include "lib/header.h"
#include "lib/imapstr.h"

enum member {
	DATE, SUBJECT, FROM, SENDER, REPLY_TO, TO, CC, BCC, IN_REPLY_TO, MESSAGE_ID,
	MEMBERS
};

static const struct slice names[MEMBERS] = {
	[DATE] = { "Date", 4 },
	[SUBJECT] = { "Subject", 7 },
	[FROM] = { "From", 4 },
	[SENDER] = { "Sender", 6 },
	[REPLY_TO] = { "Reply-To", 8 },
	[TO] = { "To", 2 },
	[CC] = { "Cc", 2 },
	[BCC] = { "Bcc", 3 },
	[IN_REPLY_TO] = { "In-Reply-To", 11 },
	[MESSAGE_ID] = { "Message-ID", 10 },
};

/* The fields of one name. */
struct place {
	const char	*first, *last;		/* where they start; NULL: none */
	struct slice	 value;			/* of the last */
};

struct writer {
	struct buf	*out;
	size_t		 start;			/* of the list in out */
	struct header	 block;			/* from its start */
	struct place	 places[MEMBERS];
	struct address_list *addresses;
	size_t		 from, from_len;	/* the written From, in out */
	struct buf	 text;
};

const char *
envelope_reason_text(enum envelope_reason reason)
{
	switch (reason) {
	case ENVELOPE_OK:
		return "ok";
	case ENVELOPE_HEADER_TOO_BIG:
		return "header too big";
	case ENVELOPE_TOO_MANY_ADDRESSES:
		return "too many addresses";
	case ENVELOPE_TOO_LONG:
		return "too long";
	case ENVELOPE_NONE:
		return "none";
	}
	return "unknown";
}

size_t
envelope_header_end(struct slice message)
{
	struct header h;
	struct header_lines l;

	header_init(&h, message);
	while (header_skip(&h, &l))
		;
	if (h.p == h.end)
		return 0;
	return message.len - (size_t)(h.end - h.p) + (*h.p == '\r' ? 2 : 1);
}

/* Of a letter; what it makes of other octets is no letter. */
static char
lower(char ch)
{
	return (char)(ch | 0x20);
}

/* Which of the ten a field may be; the first letter of many says that they are none. */
static enum member
guess(const struct header_lines *l)
{
	switch (lower(*l->start)) {
	case 'd': return DATE;
	case 's': return l->first_end - l->start > 1 && lower(l->start[1]) == 'e' ? SENDER : SUBJECT;
	case 'f': return FROM;
	case 'r': return REPLY_TO;
	case 't': return TO;
	case 'c': return CC;
	case 'b': return BCC;
	case 'i': return IN_REPLY_TO;
	case 'm': return MESSAGE_ID;
	default: return MEMBERS;
	}
}

static void
find_fields(struct header h, struct place *places)
{
	struct header_lines l;

	while (header_skip(&h, &l)) {
		enum member m = guess(&l);

		if (m == MEMBERS || !header_value(&l, names[m], &places[m].value))
			continue;
		if (places[m].first == NULL)
			places[m].first = l.start;
		places[m].last = l.start;
	}
}

static enum envelope_reason
check_length(const struct writer *w)
{
	return w->out->failed || w->out->len - w->start > ENVELOPE_TEXT_MAX ?
	    ENVELOPE_TOO_LONG : ENVELOPE_OK;
}

/* The string that was put together in w->text. */
static enum envelope_reason
write_text(struct writer *w)
{
	if (w->text.failed)
		return ENVELOPE_TOO_LONG;
	imapstr_nstring(w->out, buf_all(&w->text));
	return check_length(w);
}

static bool
is_space(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

/* Whether none of eight octets ends a word; where one does, this may say so of those behind it, too. */
static bool
inside_word(const char *p)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return ((v - each * (' ' + 1)) & ~v & each * 0x80) == 0;
}

static bool
ends_word(char ch)
{
	static const bool ends[256] = {
		[' '] = true, ['\t'] = true, ['\r'] = true, ['\n'] = true, ['\0'] = true
	};

	return ends[(unsigned char)ch];
}

/* The end of the words at p, with one blank between two of them; p: there is no word. */
static const char *
words_end(const char *p, const char *end)
{
	for (;;) {
		const char *word = p;

		while (end - p >= 8 && inside_word(p))
			p += 8;
		while (p < end && !ends_word(*p))
			p++;
		if (p == word || end - p < 2 || *p != ' ' || ends_word(p[1]))
			return p;
		p++;
	}
}

/* Appends the words that the cursor stands on. */
static void
put_words(struct buf *text, struct header_cursor *c)
{
	const char *start = c->p;

	if (*start == '\0') {
		buf_text(text, "\xef\xbf\xbd");	/* U+FFFD */
		header_cursor_step(c);
		return;
	}
	c->p = words_end(start, c->end);
	buf_put(text, start, (size_t)(c->p - start));
	header_cursor_settle(c);
}

/* Subject and names: a run of white space becomes one blank, none stays at the ends. */
static enum envelope_reason
write_for_humans(struct writer *w, struct slice value)
{
	struct header_cursor c;
	bool space = false;

	if (words_end(value.p, value.p + value.len) == value.p + value.len) {
		imapstr_nstring(w->out, value);
		return check_length(w);
	}
	buf_reset(&w->text);
	header_cursor_init(&c, value);
	while (c.p < c.end) {
		if (is_space(*c.p)) {
			space = true;
			header_cursor_step(&c);
			continue;
		}
		if (space && w->text.len > 0)
			buf_octet(&w->text, ' ');
		space = false;
		put_words(&w->text, &c);
	}
	return write_text(w);
}

/* Date and the ids: CR and LF go, and leave a blank where no white space follows. */
static enum envelope_reason
write_unfolded(struct writer *w, struct slice value)
{
	struct header_cursor c;
	bool broken = false;

	if (imapstr_quoted(w->out, value))
		return check_length(w);
	buf_reset(&w->text);
	header_cursor_init(&c, value);
	while (c.p < c.end) {
		char ch = *c.p;

		if (!is_space(ch)) {
			if (broken)
				buf_octet(&w->text, ' ');
			put_words(&w->text, &c);
		} else {
			if (ch == ' ' || ch == '\t')
				buf_octet(&w->text, (uint8_t)ch);
			header_cursor_step(&c);
		}
		broken = ch == '\r' || ch == '\n';
	}
	return write_text(w);
}

static enum envelope_reason
write_address(struct writer *w, const struct address *a)
{
	buf_octet(w->out, '(');
	if (a->name.p == NULL)
		imapstr_nstring(w->out, a->name);
	else if (write_for_humans(w, a->name) != ENVELOPE_OK)
		return ENVELOPE_TOO_LONG;
	buf_octet(w->out, ' ');
	imapstr_nstring(w->out, a->route);
	buf_octet(w->out, ' ');
	imapstr_nstring(w->out, a->mailbox);
	buf_octet(w->out, ' ');
	imapstr_nstring(w->out, a->host);
	buf_octet(w->out, ')');
	return check_length(w);
}

/* The addresses of one field; *count are in the list already. */
static enum envelope_reason
write_field(struct writer *w, struct slice value, size_t *count)
{
	struct address a;
	int rc;

	address_init(w->addresses, value);
	while ((rc = address_next(w->addresses, &a)) > 0) {
		enum envelope_reason reason;

		if (*count == ENVELOPE_ADDRESSES_MAX)
			return ENVELOPE_TOO_MANY_ADDRESSES;
		if ((*count)++ == 0)
			buf_octet(w->out, '(');
		reason = write_address(w, &a);
		if (reason != ENVELOPE_OK)
			return reason;
	}
	return rc < 0 ? ENVELOPE_TOO_LONG : ENVELOPE_OK;
}

/* All fields of the name, as one list. */
static enum envelope_reason
write_list(struct writer *w, enum member m, size_t *count)
{
	const struct place *place = &w->places[m];
	struct header before = { place->first, place->last };
	struct header_lines l;
	struct slice value;
	enum envelope_reason reason = ENVELOPE_OK;

	*count = 0;
	if (place->first == NULL)
		return ENVELOPE_OK;
	while (reason == ENVELOPE_OK && header_skip(&before, &l))
		if (header_value(&l, names[m], &value))
			reason = write_field(w, value, count);
	if (reason == ENVELOPE_OK)
		reason = write_field(w, place->value, count);
	if (*count > 0)
		buf_octet(w->out, ')');
	return reason;
}

/* Repeats the list that was written for From. */
static void
repeat_from(struct writer *w)
{
	uint8_t *room = buf_room(w->out, w->from_len);

	if (room == NULL)
		return;
	memcpy(room, w->out->data + w->from, w->from_len);
	w->out->len += w->from_len;
}

static enum envelope_reason
write_addresses(struct writer *w, enum member m)
{
	size_t start = w->out->len;
	size_t count;
	enum envelope_reason reason = write_list(w, m, &count);

	if (reason != ENVELOPE_OK)
		return reason;
	if (count == 0 && (m == SENDER || m == REPLY_TO))
		repeat_from(w);
	else if (count == 0)
		buf_text(w->out, "NIL");
	if (m == FROM) {
		w->from = start;
		w->from_len = w->out->len - start;
	}
	return check_length(w);
}

static enum envelope_reason
write_member(struct writer *w, enum member m)
{
	switch (m) {
	case DATE:
	case SUBJECT:
	case IN_REPLY_TO:
	case MESSAGE_ID:
		if (w->places[m].first == NULL) {
			buf_text(w->out, "NIL");
			return check_length(w);
		}
		return m == SUBJECT ? write_for_humans(w, w->places[m].value) :
		    write_unfolded(w, w->places[m].value);
	default:
		return write_addresses(w, m);
	}
}

enum envelope_reason
envelope_write(struct slice block, struct buf *out)
{
	struct envelope_scratch scratch;

	return envelope_write_with(&scratch, block, out);
}

enum envelope_reason
envelope_write_with(struct envelope_scratch *scratch, struct slice block, struct buf *out)
{
	struct writer w;
	enum envelope_reason reason = ENVELOPE_OK;

	if (block.len > ENVELOPE_HEADER_MAX)
		return ENVELOPE_HEADER_TOO_BIG;
	if (out->failed)
		return ENVELOPE_TOO_LONG;
	w.out = out;
	w.start = out->len;
	header_init(&w.block, block);
	memset(w.places, 0, sizeof(w.places));
	w.addresses = &scratch->addresses;
	buf_fixed(&w.text, scratch->text, sizeof(scratch->text));
	find_fields(w.block, w.places);

	for (enum member m = DATE; m < MEMBERS && reason == ENVELOPE_OK; m++) {
		buf_octet(out, m == DATE ? '(' : ' ');
		reason = write_member(&w, m);
	}
	buf_octet(out, ')');
	if (reason == ENVELOPE_OK)
		reason = check_length(&w);
	if (reason != ENVELOPE_OK) {
		buf_cut(out, w.start);
		out->failed = false;
	}
	return reason;
}
