/*
 *	address-list	= address *("," address)
 *	address		= mailbox / group
 *	group		= phrase ":" [mailbox *("," mailbox)] ";"
 *	mailbox		= [phrase] "<" [route ":"] addr-spec ">" / addr-spec
 *	route		= "@" domain *("," "@" domain)
 *
 * A list is read to its first address that no comma follows; what is behind it is lost, as it is in
 * Dovecot.  A phrase is read first, the octet behind it says what it was the begin of.  When it was
 * nothing, the same octets are read again as an addr-spec, which ends no earlier than the next
 * comma or the end of the list: each octet is read twice at most.
 */
#include "lib/address.h"

void
address_init(struct address_list *list, struct slice value)
{
	buf_fixed(&list->phrase, list->memory[0], ADDRESS_TEXT_MAX);
	buf_fixed(&list->local, list->memory[1], ADDRESS_TEXT_MAX);
	buf_fixed(&list->route, list->memory[2], ADDRESS_TEXT_MAX);
	buf_fixed(&list->host, list->memory[3], ADDRESS_TEXT_MAX);
	buf_fixed(&list->comment, list->memory[4], ADDRESS_TEXT_MAX);
	list->too_long = false;
	lexer_init(&list->lexer, value, &list->comment);
	list->state = ADDRESS_START;
}

/* The text of a buffer that goes into an address. */
static struct slice
take(struct address_list *list, const struct buf *b)
{
	if (b->failed)
		list->too_long = true;
	return buf_all(b);
}

static int
read_local(struct address_list *list, struct address *a)
{
	int rc;

	buf_reset(&list->local);
	rc = lexer_local(&list->lexer, &list->local);
	if (rc >= 0)
		a->mailbox = take(list, &list->local);
	return rc;
}

static int
read_domain(struct address_list *list, struct address *a)
{
	int rc;

	buf_reset(&list->host);
	rc = lexer_domain(&list->lexer, &list->host);
	if (rc >= 0)
		a->host = take(list, &list->host);
	return rc;
}

/* Stands on the "@" of a route.  Whether it is one, up to its ":". */
static bool
read_route(struct address_list *list, struct address *a)
{
	struct lexer *l = &list->lexer;

	buf_reset(&list->route);
	while (lexer_at(l, '@')) {
		if (list->route.len > 0)
			buf_octet(&list->route, ',');
		buf_octet(&list->route, '@');
		if (lexer_domain(l, &list->route) <= 0)
			return false;
		while (lexer_space(l) > 0 && lexer_at(l, ','))
			lexer_step(l);
	}
	if (!lexer_at(l, ':'))
		return false;
	lexer_step(l);
	a->route = take(list, &list->route);
	return true;
}

/* Stands on "<".  0, or -1: the syntax is broken. */
static int
read_angle(struct address_list *list, struct address *a)
{
	struct lexer *l = &list->lexer;

	lexer_step(l);
	if (lexer_space(l) <= 0)
		return -1;
	if (lexer_at(l, '@')) {
		/* What follows a broken route is tried all the same. */
		if (!read_route(list, a))
			a->route = slice_of("INVALID_ROUTE");
		if (lexer_space(l) <= 0)
			return -1;
	}
	if (!lexer_at(l, '>')) {
		if (read_local(list, a) <= 0)
			return -1;
		if (lexer_at(l, '@') && read_domain(list, a) <= 0)
			return -1;
	}
	if (!lexer_at(l, '>'))
		return -1;
	lexer_step(l);
	return lexer_space(l) < 0 ? -1 : 0;
}

static void
name_addr(struct address_list *list, struct address *a)
{
	if (list->phrase.len > 0 || list->phrase.failed)
		a->name = take(list, &list->phrase);
	if (read_angle(list, a) < 0)
		a->host = slice_of("SYNTAX_ERROR");
}

/*
 * A local part without a domain: a mailbox when it stands alone and is not quoted; else it, and the
 * words behind it, are a name that lost its address.
 */
static void
lone_word(struct address_list *list, struct address *a, bool quoted)
{
	size_t len;

	buf_octet(&list->local, ' ');
	len = list->local.len;
	lexer_phrase(&list->lexer, &list->local);
	if (list->local.len > len || list->local.failed) {
		a->name = take(list, &list->local);
		a->mailbox = SLICE_NIL;
	} else if (quoted) {
		a->name = a->mailbox;
		a->mailbox = SLICE_NIL;
	}
}

/* The last comment in it is the name: "user@domain (Real Name)". */
static void
addr_spec(struct address_list *list, struct address *a)
{
	struct lexer *l = &list->lexer;
	bool quoted = lexer_at(l, '"');
	bool domain;

	buf_reset(&list->comment);
	domain = read_local(list, a) != 0 && lexer_at(l, '@');
	if (domain)
		read_domain(list, a);
	if (list->comment.len > 0 || list->comment.failed)
		a->name = take(list, &list->comment);
	else if (!domain)
		lone_word(list, a, quoted);
}

static void
fill_missing(struct address *a)
{
	if (a->mailbox.p == NULL)
		a->mailbox = slice_of("MISSING_MAILBOX");
	if (a->host.p == NULL)
		a->host = slice_of("MISSING_DOMAIN");
}

/* An address; where may_be_group, perhaps the start of a group: true then. */
static bool
read_one(struct address_list *list, struct address *a, bool may_be_group)
{
	struct lexer *l = &list->lexer;
	struct header_cursor start = l->c;
	int rc;

	buf_reset(&list->phrase);
	rc = lexer_phrase(l, &list->phrase);
	if (rc > 0 && may_be_group && lexer_at(l, ':')) {
		lexer_step(l);
		lexer_space(l);
		a->mailbox = take(list, &list->phrase);
		return true;
	}
	if (rc > 0 && lexer_at(l, '<')) {
		name_addr(list, a);
	} else {
		l->c = start;
		addr_spec(list, a);
	}
	fill_missing(a);
	return false;
}

/* Behind an element of the list. */
static enum address_state
next_in_list(struct lexer *l)
{
	if (!lexer_at(l, ','))
		return ADDRESS_DONE;
	lexer_step(l);
	switch (lexer_space(l)) {
	case 1:
		return ADDRESS_LIST;
	case 0:
		return ADDRESS_DONE;
	default:
		return ADDRESS_GARBAGE;
	}
}

/* Behind the colon of a group. */
static enum address_state
first_in_group(struct lexer *l)
{
	return l->c.p == l->c.end || lexer_at(l, ';') ? ADDRESS_GROUP_END : ADDRESS_MEMBER;
}

/* Behind an element of a group. */
static enum address_state
next_in_group(struct lexer *l)
{
	if (!lexer_at(l, ','))
		return ADDRESS_GROUP_END;
	lexer_step(l);
	return lexer_space(l) > 0 ? ADDRESS_MEMBER : ADDRESS_GROUP_END;
}

/* Steps over what ends a group, if it is there. */
static void
end_group(struct lexer *l)
{
	if (lexer_at(l, ';')) {
		lexer_step(l);
		lexer_space(l);
	}
}

/* What follows the element that was given last: not read before, it may overwrite its comment. */
static enum address_state
advance(struct address_list *list)
{
	struct lexer *l = &list->lexer;

	switch (list->state) {
	case ADDRESS_LIST:
	case ADDRESS_GROUP_END:
		return next_in_list(l);
	case ADDRESS_GROUP:
		return first_in_group(l);
	case ADDRESS_MEMBER:
		return next_in_group(l);
	case ADDRESS_START:
		return lexer_space(l) > 0 ? ADDRESS_LIST : ADDRESS_DONE;
	case ADDRESS_GARBAGE:
	case ADDRESS_DONE:
		break;
	}
	return ADDRESS_DONE;
}

int
address_next(struct address_list *list, struct address *a)
{
	*a = (struct address){ SLICE_NIL, SLICE_NIL, SLICE_NIL, SLICE_NIL };
	list->state = advance(list);
	switch (list->state) {
	case ADDRESS_LIST:
		if (read_one(list, a, true))
			list->state = ADDRESS_GROUP;
		break;
	case ADDRESS_MEMBER:
		read_one(list, a, false);
		break;
	case ADDRESS_GROUP_END:
		end_group(&list->lexer);
		break;
	case ADDRESS_GARBAGE:
		fill_missing(a);
		break;
	case ADDRESS_START:
	case ADDRESS_GROUP:
	case ADDRESS_DONE:
		return 0;
	}
	return list->too_long ? -1 : 1;
}
