/*
 * dialog: one LMTP conversation between a front and a backend, as a pure state machine: octets in,
 * octets out, no descriptor, no clock.  It relays what it may and knows at each moment which answers
 * of the backend are due, and to what.
 *
 *	state	what the front's next octets are		left by
 *	COMMAND	commands					DATA relayed: ASKED
 *	ASKED	nothing: they wait for the answer to DATA	354: DATA; else COMMAND
 *	DATA	the message					its dot line relayed: DOT
 *	DOT	nothing: they wait for the last answer		all answers in: COMMAND
 *	OVER	nothing: they are thrown away
 *
 * What follows the dot in the same segment waits for the answers to the message: so an answer too
 * many is never taken for the answer to the next command.
 */
#ifndef LMTP_DIALOG_H
#define LMTP_DIALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lmtp/content.h"
#include "lmtp/expect.h"
#include "lmtp/scan.h"

#define DIALOG_OUT_HIGH		16384	/* octets that wait for one side before the other is not read */
#define DIALOG_RCPT_MAX		(112 * 1024)	/* of a transaction's recipients: 1,000 do fit */

enum dialog_state { DIALOG_COMMAND, DIALOG_ASKED, DIALOG_DATA, DIALOG_DOT, DIALOG_OVER };

/* A recipient's final answer. */
struct dialog_outcome {
	char	*address;	/* ours: UTF-8 or not, as the front gave it */
	char	*token;		/* NULL: none */
	int	 code;
};

struct dialog {
	enum dialog_state	 state;
	struct expect_queue	 due;		/* the answers that are due, in order */
	struct expect_queue	 accepted;	/* recipients of the open transaction */
	bool			 open;		/* a transaction has begun: MAIL got its 2xx */
	size_t			 rcpt_octets;	/* of the recipients in due and accepted */
	enum scan_state		 scan;
	struct content		 content;
	const struct config_list *quiet_header;
	bool			 after_message;	/* the last that happened was the end of a message */
	struct buf		 to_front, to_back;
	bool			 ended;		/* close the backend at once, the front behind to_front */
	const char		*trouble;	/* static: why, where an operator may want to know */
	/* Answers of one message that were read together; the caller takes and clears them. */
	struct dialog_outcome	*outcome;
	size_t			 n_outcomes, cap_outcomes;
};

/* The first that is due is the backend's greeting.  quiet_header is borrowed. */
void	dialog_init(struct dialog *d, const struct config_list *quiet_header);
void	dialog_clear(struct dialog *d);

/*
 * Take in what was read, as much as may be taken now, and return how much that was; the rest is to
 * be given again, with more behind it or after the other side has moved.
 * eof: nothing more will come.
 * Where after_message is set, the front's octets come behind all that the backend has said by then.
 */
size_t	dialog_front(struct dialog *d, const uint8_t *p, size_t n, bool eof);
size_t	dialog_back(struct dialog *d, const uint8_t *p, size_t n, bool eof);
/*
 * Nothing more is taken from either side, and nothing more goes to the backend: not even what was
 * to go there.
 */
void	dialog_end(struct dialog *d);
/* The backend could not be reached. */
void	dialog_unreachable(struct dialog *d);
/* Between transactions, with nothing due: the session may be closed without harm. */
bool	dialog_idle(const struct dialog *d);
void	dialog_clear_outcomes(struct dialog *d);

#endif
