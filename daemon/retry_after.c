/*
 * Retry-After.  The three forms of a date (RFC 9110 section 5.6.7):
 *
 *	IMF-fixdate	Sun, 06 Nov 1994 08:49:37 GMT
 *	rfc850-date	Sunday, 06-Nov-94 08:49:37 GMT
 *	asctime-date	Sun Nov  6 08:49:37 1994
 *
 * Each is a pattern, read without the locale: 'a' a short and 'A' a full day name, 'b' a month, 'd'
 * two digits of the day, 'e' the same with a blank for the first, 'Y' four and 'y' two digits of the
 * year, 'T' the time; anything else stands for itself.  The day's name is read, not believed.
 */
#include <stddef.h>
#include <string.h>

#include "daemon/retry.h"

#define SECONDS_MAX	INT32_MAX

struct date {
	int	year, month, day;	/* month from 1 */
	int	hour, minute, second;
	bool	short_year;
};

static const char *const patterns[] = { "a, d b Y T GMT", "A, d-b-y T GMT", "a b e T Y" };

static const char *const months[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};
static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
static const char *const full_days[] = {
	"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"
};

/* Moves *p behind one of n words: its number from 1, or 0. */
static int
read_word(const char **p, const char *const *words, int n)
{
	for (int i = 0; i < n; i++) {
		size_t len = strlen(words[i]);

		if (strncmp(*p, words[i], len) == 0) {
			*p += len;
			return i + 1;
		}
	}
	return 0;
}

static bool
read_number(const char **p, int digits, int *value)
{
	*value = 0;
	while (digits-- > 0) {
		if (**p < '0' || **p > '9')
			return false;
		*value = *value * 10 + *(*p)++ - '0';
	}
	return true;
}

static bool
read_time(const char **p, struct date *d)
{
	return read_number(p, 2, &d->hour) && *(*p)++ == ':' && read_number(p, 2, &d->minute) &&
	    *(*p)++ == ':' && read_number(p, 2, &d->second);
}

static bool
read_item(char item, const char **p, struct date *d)
{
	switch (item) {
	case 'a':
		return read_word(p, days, 7) != 0;
	case 'A':
		return read_word(p, full_days, 7) != 0;
	case 'b':
		return (d->month = read_word(p, months, 12)) != 0;
	case 'e':
		if (**p == ' ') {
			(*p)++;
			return read_number(p, 1, &d->day);
		}
		return read_number(p, 2, &d->day);
	case 'd':
		return read_number(p, 2, &d->day);
	case 'y':
		d->short_year = true;
		return read_number(p, 2, &d->year);
	case 'Y':
		return read_number(p, 4, &d->year);
	case 'T':
		return read_time(p, d);
	default:
		return *(*p)++ == item;
	}
}

/* Whether p, to its end, is a date of that pattern.  "GMT" at its end stands for itself. */
static bool
read_date(const char *p, const char *pattern, struct date *d)
{
	memset(d, 0, sizeof(*d));
	for (; *pattern != '\0'; pattern++) {
		if (strcmp(pattern, "GMT") == 0)
			return strcmp(p, "GMT") == 0;
		if (!read_item(*pattern, &p, d))
			return false;
	}
	return *p == '\0';
}

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool
is_real(const struct date *d)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int length;

	if (d->month < 1 || d->month > 12)
		return false;
	length = lengths[d->month - 1] + (d->month == 2 && is_leap(d->year));
	return d->day >= 1 && d->day <= length && d->hour <= 23 && d->minute <= 59 && d->second <= 60;
}

/* Seconds since the epoch, in the Gregorian calendar carried on in both directions. */
static int64_t
seconds_of(const struct date *d)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int64_t y = d->year - 1;
	int64_t n = y * 365 + y / 4 - y / 100 + y / 400 - 719162;

	n += before[d->month - 1] + (d->month > 2 && is_leap(d->year)) + d->day - 1;
	return ((n * 24 + d->hour) * 60 + d->minute) * 60 + d->second;
}

/* A two-digit year is the one that is at most 50 years ahead of now. */
static void
complete_year(struct date *d, int64_t now)
{
	static const int64_t year = 31556952;	/* seconds, on average */
	int this_year = (int)(1970 + now / year);

	d->year += this_year / 100 * 100;
	if (d->year > this_year + 50)
		d->year -= 100;
	else if (d->year <= this_year - 50)
		d->year += 100;
}

static int64_t
parse_date(const char *text, int64_t now)
{
	struct date d = { 0 };

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		int64_t wait;

		if (!read_date(text, patterns[i], &d))
			continue;
		if (d.short_year)
			complete_year(&d, now);
		if (!is_real(&d))
			return -1;
		wait = seconds_of(&d) - now;
		return wait < 0 ? 0 : wait > SECONDS_MAX ? SECONDS_MAX : wait;
	}
	return -1;
}

static int64_t
parse_seconds(const char *text)
{
	int64_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		n = n * 10 + *text - '0';
		if (n > SECONDS_MAX)
			n = SECONDS_MAX;
	}
	return n;
}

int64_t
retry_after_parse(const char *text, int64_t now)
{
	char trimmed[64];
	size_t len;

	if (text == NULL)
		return -1;
	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (len == 0 || len >= sizeof(trimmed))
		return -1;
	memcpy(trimmed, text, len);
	trimmed[len] = '\0';
	return *trimmed >= '0' && *trimmed <= '9' ? parse_seconds(trimmed) : parse_date(trimmed, now);
}
