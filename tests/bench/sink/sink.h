/*
 * sink: a push service that takes everything, made to be faster than whoever pushes to it.
 *
 *	sink.c		options, addresses, the loop, what is counted
 *	sink/conn.c	one TLS connection
 *	sink/h1.c	HTTP/1.1 on it
 *	sink/h2.c	HTTP/2 on it
 *	sink/later.c	answers that are held back for a round trip
 */
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include "lib/buf.h"
#include "lib/loop.h"

struct options {
	const char	*certificate, *key;	/* PEM files */
	int64_t		 delay_ms;		/* of every answer: the round trip */
	unsigned	 bad_every;		/* each so many-th gets bad_status instead of 201 */
	int		 bad_status;
	int		 retry_after_s;		/* -1: none */
	bool		 never;			/* nothing is ever answered */
	bool		 http1;			/* HTTP/2 is not offered */
	bool		 reset_limit;		/* libnghttp2's own defence against rapid resets */
	uint32_t	 streams;		/* MAX_CONCURRENT_STREAMS */
	unsigned	 goaway_every;		/* requests of a connection; 0: never */
};

struct counts {
	uint64_t	 connections, h2_connections;
	uint64_t	 open, most;		/* connections now, and at one time */
	uint64_t	 requests, octets;	/* whole requests; octets that TLS gave */
	uint64_t	 good, bad;		/* answers */
	uint64_t	 resets;		/* RST_STREAM that came */
	uint64_t	 goaways;		/* GOAWAY that we sent */
};

struct later;

struct sink {
	struct options	 options;
	struct counts	 counts;
	struct loop	*loop;
	SSL_CTX		*tls;
	struct later	*first, *last;		/* in the order in which they are due */
};

/* One connection.  It is freed when it is over and no answer in sink's list names it. */
struct conn {
	struct loop_watch watch;
	struct sink	*sink;
	SSL		*ssl;
	bool		 greeted;		/* the handshake is done */
	bool		 over;			/* closed: waits for `owed` to become 0 */
	bool		 closing;		/* to be closed when out is empty */
	size_t		 owed;			/* answers in sink's list */
	unsigned	 requests;
	nghttp2_session	*h2;			/* NULL: HTTP/1.1 */
	struct buf	 in, out;		/* in: of HTTP/1.1 alone */
};

/* Takes the descriptor over. */
void	conn_open(struct sink *sink, int fd);
/* A whole request has come; stream is HTTP/2's. */
void	conn_request(struct conn *c, int32_t stream);
/* Answers one, where the connection still is. */
void	conn_answer(struct conn *c, int32_t stream);
/* Sends what there is to send. */
void	conn_flush(struct conn *c);
void	conn_let_go(struct conn *c);		/* frees one that is over and owes nothing */

/* 0, or -1: the connection is to be closed. */
int	h1_take(struct conn *c, const uint8_t *p, size_t n);
void	h1_answer(struct conn *c, int status);

void	h2_open(struct conn *c);
int	h2_take(struct conn *c, const uint8_t *p, size_t n);
void	h2_answer(struct conn *c, int32_t stream, int status);
/* Adds what HTTP/2 wants to send to out, one TLS record's worth; 0, or -1. */
int	h2_fill(struct conn *c);

void	later_put(struct sink *sink, struct conn *c, int32_t stream);
/* Gives the answers that are due; milliseconds until the next, or -1. */
int64_t	later_run(struct sink *sink);

#endif
