/*
 * INI readers differ in what they make of a ';' or '#' behind a value, of an indented line and of a
 * ':' for the '='.  None of it is taken here, so that a value is either what the operator sees or
 * refused.
 */
#include <string.h>

#include "lib/confline.h"
#include "lib/frame.h"

/*
 * A '#' or ';' at the start of the value or behind white space: meant as a comment, or part of the
 * value?  Nobody can tell.
 */
static const char *
tail_comment(const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		if ((*p == '#' || *p == ';') && (p == value || p[-1] == ' ' || p[-1] == '\t'))
			return "a comment needs a line of its own, and no value holds ' #' or ' ;'";
	return NULL;
}

static const char *
setting_fault(const char *line)
{
	size_t key = strcspn(line, "=:");

	if (*line == ' ' || *line == '\t')
		return "a setting begins in the first column (no line goes on in the next one)";
	if (*line == '[')
		return "there are no [sections] in this file";
	if (*line == ';')
		return "a comment begins with '#'";
	if (line[key] != '=')
		return "this is not 'key = value'";
	if (key == 0)
		return "there is no key before the '='";
	return tail_comment(line + key + 1);
}

const char *
confline_fault(const char *line)
{
	size_t len = strcspn(line, "\r\n");

	for (size_t i = 0; i < len; i++)
		if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			return "there is a control character in this line";
	if (line[len + strspn(line + len, "\r\n")] != '\0')
		return "there is a carriage return in this line";
	if (!utf8_valid((struct slice){ line, len }))
		return "this line is not UTF-8";
	if (strncmp(line, "\xef\xbb\xbf", 3) == 0)
		return "there is a byte order mark before the text: save the file without one";
	switch (line[strspn(line, " \t\r\n")]) {
	case '\0':
	case '#':
		return NULL;
	default:
		return setting_fault(line);
	}
}
