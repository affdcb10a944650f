/*
 * value: the single values of mailbell.conf, from text.  Pure.
 *
 * Every function returns 0, or -1 where text is no such value; err then says what is wrong with it
 * and what would be right, without the key's name.
 */
#ifndef LIB_VALUE_H
#define LIB_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

/* "yes" or "no". */
int	value_bool(const char *text, bool *out, struct err *err);
/* Decimal digits, min to max. */
int	value_number(const char *text, int64_t min, int64_t max, int64_t *out, struct err *err);
/* Digits and one of s, m, h, d, or a plain 0; min_s to max_s, in seconds. */
int	value_time(const char *text, int64_t min_s, int64_t max_s, int64_t *out, struct err *err);
/* One of words, which a NULL ends; *out is its index. */
int	value_word(const char *text, const char *const *words, int *out, struct err *err);

#define VALUE_TIME_TEXT	24

/* A time as value_time reads it, in its largest whole unit. */
void	value_time_text(int64_t seconds, char out[VALUE_TIME_TEXT]);

/* The forms that a text may have to have. */
int	value_check_path(const char *text, struct err *err);	/* absolute */
int	value_check_run_dir(const char *text, struct err *err);	/* short enough for its sockets */
int	value_check_socket(const char *text, struct err *err);	/* unix:PATH, HOST:PORT */
int	value_check_port(const char *text, struct err *err);	/* 1 to 65535 */
int	value_check_address(const char *text, struct err *err);	/* IPv4 or IPv6 */
int	value_check_network(const char *text, struct err *err);	/* ADDRESS or ADDRESS/BITS */
int	value_check_nat64(const char *text, struct err *err);	/* IPv6, a length of RFC 6052 */
int	value_check_url(const char *text, struct err *err);	/* https://HOST/...ending at a '/' */
int	value_check_pattern(const char *text, struct err *err);	/* not only a '!' */
int	value_check_rule(const char *text, struct err *err);	/* Field-Name: value */
int	value_check_delimiter(const char *text, struct err *err);

#endif
