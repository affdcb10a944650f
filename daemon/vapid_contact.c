/*
 * The contact of a VAPID token.  RFC 8292 asks for a mailto: or https: URI and no more; Apple's
 * service answers BadJwtToken to what cannot be a contact (localhost, spaces, "<a@b>"), and all pushes
 * to it are lost.  So this is stricter than the RFC, and fails at start.
 */
#include <string.h>
#include <strings.h>

#include "daemon/vapid.h"

#define DIGITS	"0123456789"
#define LETTERS	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Names that no one can be reached at (RFC 2606, RFC 6761, RFC 6762 and appendix G). */
static const char *const reserved[] = {
	"example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain",
	"localhost", "test",
};

static bool
is_label(struct slice label)
{
	if (label.len == 0 || label.len > 63 || label.p[0] == '-' || label.p[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (strchr(LETTERS DIGITS "-", label.p[i]) == NULL)
			return false;
	return true;
}

static bool
is_reserved(struct slice label)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (label.len == strlen(reserved[i]) &&
		    strncasecmp(label.p, reserved[i], label.len) == 0)
			return true;
	return false;
}

static int
check_domain(struct slice domain, struct err *err)
{
	struct slice label = { domain.p, 0 };
	size_t labels = 0;

	if (domain.len > 253)
		return err_set(err, "vapid_contact: the domain is too long");
	for (size_t i = 0; i <= domain.len; i++) {
		if (i < domain.len && domain.p[i] != '.')
			continue;
		label.len = (size_t)(domain.p + i - label.p);
		if (!is_label(label))
			return err_set(err, "vapid_contact: \"%.*s\" is not a domain", (int)domain.len,
			    domain.p);
		labels++;
		if (i < domain.len)
			label.p = domain.p + i + 1;
	}
	/* label is the last one now. */
	if (is_reserved(label))
		return err_set(err, "vapid_contact: nobody can be reached at .%.*s; push services refuse it",
		    (int)label.len, label.p);
	if (labels < 2)
		return err_set(err, "vapid_contact: the domain has no dot");
	if (strchr(DIGITS, label.p[0]) != NULL)
		return err_set(err, "vapid_contact: an address by number is not a contact");
	return 0;
}

static int
check_mailto(const char *address, struct err *err)
{
	const char *at = strrchr(address, '@');

	if (at == NULL || at == address)
		return err_set(err, "vapid_contact: mailto: wants an address, name@domain");
	if (strpbrk(address, "?,;:&") != NULL || strchr(address, '@') != at)
		return err_set(err, "vapid_contact: mailto: wants one address and nothing else");
	return check_domain(slice_of(at + 1), err);
}

static int
check_https(const char *rest, struct err *err)
{
	size_t authority = strcspn(rest, "/?#");
	struct slice host = { rest, authority };
	const char *colon = memchr(rest, ':', authority);

	if (colon != NULL) {
		size_t digits = authority - (size_t)(colon + 1 - rest);

		host.len = (size_t)(colon - rest);
		if (digits == 0 || digits > 5 || strspn(colon + 1, DIGITS) != digits)
			return err_set(err, "vapid_contact: the port is not a number");
	}
	return check_domain(host, err);
}

/* What is in a token as it stands, in JSON, and in a header. */
static bool
has_odd_characters(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || strchr("\"\\<>^`{|}", *text) != NULL)
			return true;
	return false;
}

int
vapid_check_contact(const char *contact, struct err *err)
{
	if (contact == NULL || *contact == '\0')
		return err_set(err, "vapid_contact is not set: push services want to know whom to write "
		    "to, such as mailto:postmaster@your.domain");
	if (strlen(contact) > VAPID_CONTACT_MAX)
		return err_set(err, "vapid_contact: longer than %d octets", VAPID_CONTACT_MAX);
	if (has_odd_characters(contact))
		return err_set(err, "vapid_contact: spaces, quotes, angle brackets and other characters "
		    "that no URI has");
	if (strncmp(contact, "mailto:", 7) == 0)
		return check_mailto(contact + 7, err);
	if (strncmp(contact, "https://", 8) == 0)
		return check_https(contact + 8, err);
	return err_set(err, "vapid_contact: neither mailto:name@domain nor https://...");
}
