/*
 * log: one line per outcome, to stderr or syslog.  Programs log; the rest of lib/ never does.
 *
 *	info	an outcome			notice	as info, but rare: what was asked for, or a change
 *	warn	an operator may need to act	fatal	the program cannot start or go on
 *
 * Of a warning that repeats, by its format, 20 lines a minute are written, and the others counted
 * (lograte.h).
 *
 * Nobody waits for who reads stderr: what finds no room there for 50 ms is left out, and the number told
 * with the next line.
 *
 * Never an endpoint, key, token, subject, correspondent's address or payload, at any level.  Text
 * that came from elsewhere goes through log_clean.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/slice.h"

enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_NOTICE, LOG_LEVEL_WARN, LOG_LEVEL_FATAL };

/* program must outlive the log.  Lines below level are left out.  May be called again. */
void	log_open(const char *program, bool to_syslog, enum log_level level);
void	log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * Writes what is held.  From here on outcomes are held, to be written together, or are not.  Anything
 * else goes out at once, behind them.  For a program that logs from one thread.
 */
void	log_hold(bool hold);

#define LOG_CLEAN_MAX	200

struct log_text {
	char	text[LOG_CLEAN_MAX + 1];
};

/*
 * Foreign text for a log line: controls, C1, line separators, marks that turn the direction of text
 * and octets that are no UTF-8 become '?', the rest after 200 octets is cut.
 * `log_clean(s).text` lives to the end of the full expression.
 */
struct log_text	log_clean(struct slice s);
/* The same without the cut, appended to b: for other terminals than the log. */
void	log_clean_to(struct buf *b, struct slice s);

#endif
