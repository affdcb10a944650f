/*
 * A plain reader of the IMAP that mailbell writes, sharing no code with the writer: strings, mailbox
 * names in modified UTF-7, ENVELOPEs.  What is not well-formed ends the program.
 */
#ifndef TESTS_FUZZ_IMAPREAD_H
#define TESTS_FUZZ_IMAPREAD_H

#include <string.h>

#include "lib/buf.h"
#include "tests/fuzz/fuzz.h"

struct imapread {
	const char	*p, *end;
};

static inline bool
imapread_is(const struct imapread *r, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(r->end - r->p) >= len && memcmp(r->p, text, len) == 0;
}

static inline void
imapread_expect(struct imapread *r, const char *text)
{
	must(imapread_is(r, text));
	r->p += strlen(text);
}

static inline bool
imapread_take(struct imapread *r, const char *text)
{
	if (!imapread_is(r, text))
		return false;
	imapread_expect(r, text);
	return true;
}

/* Digits without a leading zero, but for 0 itself. */
static inline unsigned long
imapread_number(struct imapread *r)
{
	unsigned long n = 0;
	const char *start = r->p;

	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++)
		n = n * 10 + (unsigned long)(*r->p - '0');
	must(r->p > start && r->p - start < 11 && (*start != '0' || r->p - start == 1));
	return n;
}

/* The octets of a quoted string, unescaped: no CR, LF, NUL, 8-bit, and no escape that need not be. */
static inline void
imapread_quoted(struct imapread *r, struct buf *out)
{
	imapread_expect(r, "\"");
	while (!imapread_is(r, "\"")) {
		must(r->p < r->end);
		if (*r->p == '\\') {
			r->p++;
			must(imapread_is(r, "\"") || imapread_is(r, "\\"));
		}
		must(*r->p != '\0' && *r->p != '\r' && *r->p != '\n' && (unsigned char)*r->p < 0x80);
		buf_octet(out, (uint8_t)*r->p++);
	}
	r->p++;
}

static inline void
imapread_literal(struct imapread *r, struct buf *out)
{
	size_t n;

	imapread_expect(r, "{");
	n = imapread_number(r);
	imapread_expect(r, "}\r\n");
	must(n <= (size_t)(r->end - r->p));
	buf_put(out, r->p, n);
	r->p += n;
}

/* false: NIL. */
static inline bool
imapread_nstring(struct imapread *r, struct buf *out)
{
	if (imapread_take(r, "NIL"))
		return false;
	if (imapread_is(r, "{"))
		imapread_literal(r, out);
	else
		imapread_quoted(r, out);
	return true;
}

static inline unsigned
imapread_base64(char ch)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
	const char *at = ch == '\0' ? NULL : strchr(alphabet, ch);

	must(at != NULL);
	return (unsigned)(at - alphabet);
}

static inline void
imapread_put_utf8(struct buf *out, uint32_t cp)
{
	must(cp < 0xd800 || cp > 0xdfff);
	if (cp < 0x80) {
		buf_octet(out, (uint8_t)cp);
	} else if (cp < 0x800) {
		buf_octet(out, (uint8_t)(0xc0 | cp >> 6));
		buf_octet(out, (uint8_t)(0x80 | (cp & 0x3f)));
	} else if (cp < 0x10000) {
		buf_octet(out, (uint8_t)(0xe0 | cp >> 12));
		buf_octet(out, (uint8_t)(0x80 | (cp >> 6 & 0x3f)));
		buf_octet(out, (uint8_t)(0x80 | (cp & 0x3f)));
	} else {
		buf_octet(out, (uint8_t)(0xf0 | cp >> 18));
		buf_octet(out, (uint8_t)(0x80 | (cp >> 12 & 0x3f)));
		buf_octet(out, (uint8_t)(0x80 | (cp >> 6 & 0x3f)));
		buf_octet(out, (uint8_t)(0x80 | (cp & 0x3f)));
	}
}

/* A run between '&' and '-': UTF-16, whose left-over bits are zero and fewer than 6. */
static inline void
imapread_run(struct slice run, struct buf *out)
{
	uint32_t bits = 0, unit, high = 0;
	unsigned count = 0;

	for (size_t i = 0; i < run.len; i++) {
		bits = bits << 6 | imapread_base64(run.p[i]);
		count += 6;
		if (count < 16)
			continue;
		count -= 16;
		unit = bits >> count & 0xffff;
		bits &= (1u << count) - 1;
		if (high != 0) {
			must(unit >= 0xdc00 && unit <= 0xdfff);
			imapread_put_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
			high = 0;
		} else if (unit >= 0xd800 && unit <= 0xdbff)
			high = unit;
		else
			imapread_put_utf8(out, unit);
	}
	must(high == 0 && count < 6 && bits == 0);
}

/* A mailbox name, in UTF-8. */
static inline void
imapread_mailbox(struct imapread *r, struct buf *out)
{
	static uint8_t memory[1 << 16];
	struct buf name;
	const char *p, *end, *dash;

	buf_fixed(&name, memory, sizeof(memory));
	imapread_quoted(r, &name);
	must(!name.failed);
	p = (const char *)name.data;
	for (end = p + name.len; p < end; p++) {
		must(*p >= 0x20 && *p < 0x7f);
		if (*p != '&') {
			buf_octet(out, (uint8_t)*p);
			continue;
		}
		p++;
		dash = memchr(p, '-', (size_t)(end - p));
		must(dash != NULL);
		if (dash == p)
			buf_octet(out, '&');
		else
			imapread_run((struct slice){ p, (size_t)(dash - p) }, out);
		p = dash;
	}
}

static inline void
imapread_address(struct imapread *r)
{
	static uint8_t memory[1 << 16];
	struct buf text;

	imapread_expect(r, "(");
	for (int i = 0; i < 4; i++) {
		buf_fixed(&text, memory, sizeof(memory));
		if (i > 0)
			imapread_expect(r, " ");
		imapread_nstring(r, &text);
		must(!text.failed && memchr(memory, '\0', text.len) == NULL);
	}
	imapread_expect(r, ")");
}

static inline void
imapread_addresses(struct imapread *r)
{
	if (imapread_take(r, "NIL"))
		return;
	imapread_expect(r, "(");
	do
		imapread_address(r);
	while (imapread_is(r, "("));
	imapread_expect(r, ")");
}

/* An ENVELOPE, from "(" to ")". */
static inline struct slice
imapread_envelope(struct imapread *r)
{
	static uint8_t memory[1 << 16];
	const char *start = r->p;
	struct buf text;

	imapread_expect(r, "(");
	for (int i = 0; i < 10; i++) {
		if (i > 0)
			imapread_expect(r, " ");
		if (i >= 2 && i < 8) {
			imapread_addresses(r);
			continue;
		}
		buf_fixed(&text, memory, sizeof(memory));
		imapread_nstring(r, &text);
		must(!text.failed && memchr(memory, '\0', text.len) == NULL);
	}
	imapread_expect(r, ")");
	return (struct slice){ start, (size_t)(r->p - start) };
}

#endif
