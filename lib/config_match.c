/*
 * '*' is matched with one point of return, the last '*' that was passed: what an earlier one could
 * still take, a later one can take as well.  So the time is at most pattern times text.
 */
#include <ctype.h>
#include <stddef.h>

#include "lib/config.h"

static bool
same(char a, char b, bool fold)
{
	if (fold)
		return tolower((unsigned char)a) == tolower((unsigned char)b);
	return a == b;
}

static bool
matches(const char *pattern, const char *text, bool fold)
{
	const char *star = NULL, *resume = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern != '\0' && same(*pattern, *text, fold)) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++resume;
		} else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool
decide(const struct config_list *patterns, const char *text, bool fold)
{
	for (size_t i = patterns->n; i-- > 0;) {
		const char *pattern = patterns->v[i];
		bool refuses = *pattern == '!';

		if (matches(pattern + refuses, text, fold))
			return !refuses;
	}
	return false;
}

bool
config_match(const struct config_list *patterns, const char *text)
{
	return decide(patterns, text, false);
}

bool
config_match_fold(const struct config_list *patterns, const char *text)
{
	return decide(patterns, text, true);
}
