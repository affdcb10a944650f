/* The queue id, the Message-ID and the kind of a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/msgfacts.h"

#define S(text)	((struct slice){ text, sizeof(text) - 1 })

#define DOVECOT \
	"Received: from mx.example.org ([127.0.0.1])\r\n\tby imap with LMTP\r\n\tid 4P3xKWhX\r\n" \
	"\t(envelope-from <a@b>)\r\n\tfor <c@d>; Tue, 24 Nov 2026 12:00:00 +0000\r\n"
#define POSTFIX \
	"Received: from relay (relay [192.0.2.1])\r\n" \
	"\t(using TLSv1.3 with cipher X (256/256 bits))\r\n" \
	"\tby mx (Postfix) with ESMTPS id 4jYSd65W3Gz1brl5\r\n\tfor <c@d>; Tue, 24 Nov 2026\r\n"

static bool
same(struct slice s, const char *want)
{
	return want == NULL ? s.p == NULL : slice_is(s, want);
}

static void
ids(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 block;
		const char	*own_id, *queue_id, *message_id;
	} cases[] = {
		{ "nothing", S(""), NULL, NULL, NULL },
		{ "Postfix", S(POSTFIX), NULL, "4jYSd65W3Gz1brl5", NULL },
		{ "Dovecot's own is left out", S(DOVECOT POSTFIX), "4P3xKWhX", "4jYSd65W3Gz1brl5",
		    NULL },
		{ "another's is not", S(DOVECOT POSTFIX), "4P3xKWhY", "4P3xKWhX", NULL },
		{ "the topmost counts", S(DOVECOT POSTFIX), NULL, "4P3xKWhX", NULL },
		{ "own twice", S(DOVECOT DOVECOT POSTFIX), "4P3xKWhX", "4jYSd65W3Gz1brl5", NULL },
		{ "local", S("Received: by host (Postfix, from userid 0)\n\tid ABC; date\n"), NULL,
		    "ABC", NULL },
		{ "a host named id", S("Received: from id (x [1.2.3.4]) by mx with SMTP id Q; d\n"),
		    NULL, "Q", NULL },
		{ "in a comment", S("Received: from x (id A) by y (id (B) \\) id C) id Q; d\n"),
		    NULL, "Q", NULL },
		{ "behind the date", S("Received: from x by y; id Q\n"), NULL, NULL, NULL },
		{ "quoted", S("Received: from \"a; id B\" by y id Q;\n"), NULL, "Q", NULL },
		{ "a word that is no keyword", S("Received: from x hello by y id Q;\n"), NULL, "Q",
		    NULL },
		{ "no value", S("Received: from x id\n"), NULL, NULL, NULL },
		{ "no id above one", S("Received: by y; d\nReceived: by x id Q; d\n"), NULL, NULL,
		    NULL },
		{ "8 bit", S("Received: by y id Q\xe4; d\n"), NULL, NULL, NULL },
		{ "open comment", S("Received: by y (id Q; d\\"), NULL, NULL, NULL },
		{ "Message-ID", S("Message-ID: <a@b> \r\n"), NULL, NULL, "<a@b>" },
		{ "the last one", S("Message-ID: <a@b>\nmessage-id: <c@d>\n"), NULL, NULL,
		    "<c@d>" },
		{ "folded before", S("Message-ID:\r\n <a@b>\r\n"), NULL, NULL, "<a@b>" },
		{ "folded inside", S("Message-ID: <a\r\n b>\r\n"), NULL, NULL, NULL },
		{ "empty", S("Message-ID: \r\n"), NULL, NULL, NULL },
		{ "NUL", S("Message-ID: <a\0b>\r\n"), NULL, NULL, NULL },
		{ "in the body", S("\r\nMessage-ID: <a@b>\r\n" POSTFIX), NULL, NULL, NULL },
	};
	struct msgfacts facts;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		msgfacts_scan(cases[i].block, NULL, 0, slice_of(cases[i].own_id), &facts);
		if (!same(facts.queue_id, cases[i].queue_id) || !same(facts.message_id,
		    cases[i].message_id))
			fail_msg("%s: %.*s %.*s", cases[i].name, (int)facts.queue_id.len,
			    facts.queue_id.p,
			    (int)facts.message_id.len, facts.message_id.p);
	}
}

static void
kinds(void **state)
{
	static const char *const quiet[] = {
		"X-Spam-Flag: YES", "X-Any:", "x-two: a b", "no colon", ": x",
	};
	static const struct {
		const char	*block;
		unsigned	 kind;
	} cases[] = {
		{ "Subject: x\n", 0 },
		{ "List-Id: <x.y>\n", KIND_BULK }, { "list-id:\n", KIND_BULK },
		{ "List-Idx: y\n", 0 },
		{ "Auto-Submitted: no\n", 0 }, { "Auto-Submitted: NO (really)\n", 0 },
		{ "Auto-Submitted: (x) no; a=b\n", 0 }, { "Auto-Submitted:\n", 0 },
		{ "Auto-Submitted: auto-generated\n", KIND_BULK },
		{ "Auto-Submitted: nope\n", KIND_BULK },
		{ "Precedence: bulk\n", KIND_BULK }, { "Precedence: LIST\n", KIND_BULK },
		{ "Precedence:\n\tjunk \n", KIND_BULK }, { "Precedence: normal\n", 0 },
		{ "Precedence: bulky\n", 0 }, { "Precedence: first-class\n", 0 },
		{ "X-Spam-Flag: YES\n", KIND_QUIET }, { "x-spam-flag:yes, sure\n", KIND_QUIET },
		{ "X-Spam-Flag: NO\n", 0 }, { "X-Spam-Flag: YE\n", 0 },
		{ "X-Spam-Flag:\r\n YES\r\n", KIND_QUIET },
		{ "X-Any: thing\n", KIND_QUIET }, { "X-Any:\n", KIND_QUIET },
		{ "X-Two: a\r\n b\r\n", KIND_QUIET }, { "X-Two: a\r\n  b\r\n", 0 },
		{ "List-Id: x\nX-Any: y\n", KIND_BULK | KIND_QUIET },
		{ "\nList-Id: x\n", 0 },
	};
	struct msgfacts facts;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		msgfacts_scan(slice_of(cases[i].block), quiet, sizeof(quiet) / sizeof(*quiet),
		    SLICE_NIL, &facts);
		if (facts.kind != cases[i].kind)
			fail_msg("%s: %u", cases[i].block, facts.kind);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids), cmocka_unit_test(kinds),
	};

	return cmocka_run_group_tests_name("msgfacts", tests, NULL, NULL);
}
