/*
 * Only an octet at the beginning of a line can begin the end of the data, so the scanner jumps from
 * LF to LF and looks closely at dots behind them:
 *
 *	behind	line	verdict
 *	CRLF	.CRLF	the end
 *	CRLF	.LF	refused
 *	LF	.CRLF	refused
 *	LF	.LF	refused
 *	any	.x .CRx	text (CR.CR, CRLF.CR, CRLF.CRCRLF, CRLF..CRLF are all of this kind)
 */
#include <string.h>

#include "lmtp/scan.h"

enum dot { DOT_UNDECIDED, DOT_TEXT, DOT_CRLF, DOT_LF };

/* What the line is that begins with the dot at p. */
static enum dot
dot_line(const uint8_t *p, size_t n)
{
	if (n < 2)
		return DOT_UNDECIDED;
	if (p[1] == '\n')
		return DOT_LF;
	if (p[1] != '\r')
		return DOT_TEXT;
	if (n < 3)
		return DOT_UNDECIDED;
	return p[2] == '\n' ? DOT_CRLF : DOT_TEXT;
}

/* From inside a line up to behind its LF, or to the end of what is there. */
static size_t
skip_line(enum scan_state *state, const uint8_t *p, size_t n)
{
	const uint8_t *lf = memchr(p, '\n', n);
	size_t len = lf == NULL ? n : (size_t)(lf - p);

	if (len > 0)
		*state = p[len - 1] == '\r' ? SCAN_CR : SCAN_TEXT;
	if (lf == NULL)
		return len;
	*state = *state == SCAN_CR ? SCAN_LINE : SCAN_BARE;
	return len + 1;
}

enum scan_verdict
scan_data(enum scan_state *state, const uint8_t *p, size_t n, size_t *released)
{
	size_t i = 0;

	while (i < n) {
		if (p[i] == '.' && (*state == SCAN_LINE || *state == SCAN_BARE)) {
			enum dot dot = dot_line(p + i, n - i);

			*released = i;
			if (dot == DOT_UNDECIDED)
				return SCAN_MORE;
			if (dot == DOT_CRLF && *state == SCAN_LINE) {
				*released = i + 3;
				return SCAN_END;
			}
			if (dot != DOT_TEXT)
				return SCAN_REFUSE;
		}
		i += skip_line(state, p + i, n - i);
	}
	*released = i;
	return SCAN_MORE;
}
