/*
 * wire: what is said on the daemon's four sockets, as structs.
 *
 * Each wire_put_x appends one whole frame to a buffer (test b->failed once at the end).  Each
 * wire_get_x reads a frame of that type: 0, or -1 where a field is missing, malformed or beyond its
 * bound: the connection is to be closed.  Slices point into the frame.
 *
 *	socket	peer says				daemon says
 *	saved	hello, then saved and end		nothing, ever
 *	arrival	hello, then arrival			ok or refused, then ack
 *	command	hello, then session, verb, release	ok or refused, then answer
 *	admin	hello, then request (import: row, finish)	ok or refused, then row ..., done
 */
#ifndef LIB_WIRE_H
#define LIB_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/envelope.h"
#include "lib/frame.h"

#define WIRE_USER_MAX		512	/* octets of an account's name */
#define WIRE_MAILBOX_MAX	4096
#define WIRE_TOKEN_MAX		256	/* of a delivery token, or a session id */
#define WIRE_ID_MAX		1024	/* of a queue id or a Message-ID; longer ones are left out */
#define WIRE_ARGS_MAX		8	/* arguments of a verb or a request that are looked at */

enum wire_type {
	WIRE_HELLO = 1, WIRE_OK, WIRE_REFUSED,
	WIRE_SAVED = 16, WIRE_END,
	WIRE_ARRIVAL = 32, WIRE_ACK,
	WIRE_SESSION = 48, WIRE_VERB, WIRE_ANSWER, WIRE_RELEASE,
	WIRE_REQUEST = 64, WIRE_ROW, WIRE_FINISH, WIRE_DONE
};

/* The first frame of every connection. */
struct wire_hello {
	struct slice	program;
	struct slice	version;
	struct slice	module_abi;	/* Dovecot modules: what they were built for */
	struct slice	hook;		/* "lmtp", "milter", "dovecot"; nil: not a hook */
	uint64_t	lost;		/* events dropped since the last hello */
};

void	wire_put_hello(struct buf *b, const struct wire_hello *hello);
int	wire_get_hello(const struct frame *f, struct wire_hello *hello);
void	wire_put_ok(struct buf *b);
void	wire_put_refused(struct buf *b, const char *text);
int	wire_get_refused(const struct frame *f, struct slice *text);

/* One message was committed to a mailbox by a delivery. */
struct wire_saved {
	uint64_t	time_ms;	/* of the commit, since the epoch */
	struct slice	token;		/* Dovecot's session id of this recipient's delivery */
	struct slice	service;	/* "lmtp" or "lda" */
	struct slice	user;
	struct slice	mailbox;	/* UTF-8 */
	struct slice	special_use;	/* "\Junk ..."; nil: none */
	bool		seen;		/* delivered with \Seen */
	uint32_t	uidvalidity, uid;
	struct slice	queue_id, message_id;	/* nil: none */
	/* With hook = dovecot only: */
	bool		has_content;	/* envelope and reason mean something */
	struct slice	envelope;	/* nil: see reason */
	enum envelope_reason reason;
	unsigned	kind;		/* KIND_* */
};

void	wire_put_saved(struct buf *b, const struct wire_saved *saved);
int	wire_get_saved(const struct frame *f, struct wire_saved *saved);

/* The delivery for one recipient is over, n messages were saved in it. */
struct wire_end {
	struct slice	token, user;
	uint64_t	n;
};

void	wire_put_end(struct buf *b, const struct wire_end *end);
int	wire_get_end(const struct frame *f, struct wire_end *end);

/* One transaction's content, for the recipients whose 2xx were read together. */
struct wire_arrival {
	uint64_t	seq;		/* the sender's number, named in the ack */
	uint64_t	time_ms;	/* of the 2xx, or the milter's end of message */
	struct slice	queue_id, message_id;	/* nil: none */
	struct slice	envelope;	/* nil: see reason */
	enum envelope_reason reason;
	unsigned	kind;		/* KIND_* */
	struct frame	frame;		/* after get: what wire_recipient reads */
};

struct wire_recipient {
	struct slice	address;	/* octets as the front wrote them */
	struct slice	token;		/* nil: the backend's reply held none */
};

/*
 * The recipients follow by wire_put_recipient, none from a milter, then wire_end_arrival(b, what begin
 * returned).
 */
size_t	wire_begin_arrival(struct buf *b, const struct wire_arrival *arrival);
void	wire_put_recipient(struct buf *b, const struct wire_recipient *recipient);
void	wire_end_arrival(struct buf *b, size_t start);
int	wire_get_arrival(const struct frame *f, struct wire_arrival *arrival);
/* The recipient at *pos (0 at first).  1: there is one; 0: the end.  Checked by wire_get_arrival. */
int	wire_recipient(const struct wire_arrival *arrival, size_t *pos, struct wire_recipient *out);

void	wire_put_ack(struct buf *b, uint64_t seq);
int	wire_get_ack(const struct frame *f, uint64_t *seq);

/* An IMAP session of user begins or ends. */
struct wire_session {
	struct slice	user, session;
	bool		begin;
};

void	wire_put_session(struct buf *b, const struct wire_session *session);
int	wire_get_session(const struct frame *f, struct wire_session *session);

/* One IMAP command. */
struct wire_verb {
	struct slice	user, session;
	struct slice	name;		/* upper case */
	size_t		n;		/* all arguments; beyond WIRE_ARGS_MAX only counted */
	struct slice	args[WIRE_ARGS_MAX];	/* octets; nil: the NIL token */
	bool		malformed;	/* an argument that is no astring: the answer is BAD */
};

void	wire_put_verb(struct buf *b, const struct wire_verb *verb);
int	wire_get_verb(const struct frame *f, struct wire_verb *verb);

/*
 * The answer to a verb, finished text that the module sends as it is: untagged is whole lines with
 * their "* " and CRLF; tagged is what follows the tag, e.g. "OK GETVAPID completed".
 * keep: the connection is to be kept until the end of the session (a silence hangs on it).
 */
struct wire_answer {
	struct slice	untagged, tagged;
	bool		keep;
};

void	wire_put_answer(struct buf *b, const struct wire_answer *answer);
int	wire_get_answer(const struct frame *f, struct wire_answer *answer);
/* On a kept connection: the client has logged out. */
void	wire_put_release(struct buf *b);

/* One admin verb. */
struct wire_request {
	struct slice	verb;
	size_t		n;
	struct slice	args[WIRE_ARGS_MAX];
};

void	wire_put_request(struct buf *b, const struct wire_request *request);
int	wire_get_request(const struct frame *f, struct wire_request *request);

/* A row is a list of named values; write it by begin, value..., end. */
size_t	wire_begin_row(struct buf *b);
void	wire_row_text(struct buf *b, const char *name, struct slice value);	/* nil: null */
void	wire_row_number(struct buf *b, const char *name, int64_t value);
void	wire_end_row(struct buf *b, size_t start);

struct wire_value {
	struct slice	name;
	bool		is_number;
	struct slice	text;		/* nil: null */
	int64_t		number;
};

/* The value at *pos of a row.  1: there is one; 0: the end; -1: malformed. */
int	wire_row_value(const struct frame *f, size_t *pos, struct wire_value *out);

/* The end of the rows that a client sends (import). */
void	wire_put_finish(struct buf *b);

/* The end of an admin answer. */
struct wire_done {
	uint64_t	exit_code;	/* sysexits */
	struct slice	text;		/* nil: nothing to say */
};

void	wire_put_done(struct buf *b, const struct wire_done *done);
int	wire_get_done(const struct frame *f, struct wire_done *done);

#endif
