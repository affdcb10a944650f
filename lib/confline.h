/*
 * confline: what a line of mailbell.conf may be: empty, a comment, or `key = value`.
 */
#ifndef LIB_CONFLINE_H
#define LIB_CONFLINE_H

/* NULL, or what is wrong with the line (with or without its line end). */
const char	*confline_fault(const char *line);

#endif
