/*
 * gmime: the values of an ENVELOPE, read by GMime 3.  Nothing is written of them.
 *
 *	gmime FILE <passes		(tests/bench/headers/headers.h)
 *	gmime --show FILE		for each block the number of addresses and the Message-ID
 */
#include <stdio.h>
#include <string.h>

/* GMime's own headers are not as strict as ours. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <gmime/gmime.h>
#pragma GCC diagnostic pop

#include "tests/bench/headers/headers.h"

static GMimeMessage *
parse(struct slice block)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(block.p, block.len);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *message;

	g_object_unref(stream);
	message = g_mime_parser_construct_message(parser, NULL);
	g_object_unref(parser);
	return message;
}

static size_t
length(const char *text)
{
	return text == NULL ? 0 : strlen(text);
}

/* The octets of all names and addresses in a list, groups opened; *n grows by the number of addresses. */
static size_t
addresses(InternetAddressList *list, int *n)
{
	size_t made = 0;

	for (int i = 0; list != NULL && i < internet_address_list_length(list); i++) {
		InternetAddress *one = internet_address_list_get_address(list, i);

		made += length(internet_address_get_name(one));
		if (INTERNET_ADDRESS_IS_GROUP(one)) {
			made += addresses(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(one)), n);
			continue;
		}
		made += length(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one)));
		(*n)++;
	}
	return made;
}

static size_t
values(GMimeMessage *message, int *n)
{
	GDateTime *date = g_mime_message_get_date(message);
	size_t made = date == NULL ? 0 : (size_t)g_date_time_get_year(date);

	made += length(g_mime_message_get_subject(message));
	made += length(g_mime_message_get_message_id(message));
	made += length(g_mime_object_get_header(GMIME_OBJECT(message), "In-Reply-To"));
	for (int i = GMIME_ADDRESS_TYPE_SENDER; i <= GMIME_ADDRESS_TYPE_BCC; i++)
		made += addresses(g_mime_message_get_addresses(message, (GMimeAddressType)i), n);
	return made;
}

static size_t
each(struct slice block)
{
	GMimeMessage *message = parse(block);
	int n = 0;
	size_t made = message == NULL ? 0 : values(message, &n);

	if (message != NULL)
		g_object_unref(message);
	return made;
}

static void
show(struct slice block)
{
	GMimeMessage *message = parse(block);
	int n = 0;

	if (message != NULL)
		(void)values(message, &n);
	printf("%d %s\n", n, message == NULL ? "" : g_mime_message_get_message_id(message));
	if (message != NULL)
		g_object_unref(message);
}

int
main(int argc, char **argv)
{
	g_mime_init();
	if (argc == 3 && strcmp(argv[1], "--show") == 0)
		return headers_show(argv[2], show);
	return argc == 2 ? headers_serve(argv[1], each) : 64;
}
