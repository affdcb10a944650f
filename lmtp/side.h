/*
 * side: one connected descriptor in the loop, with what was read from it and is not taken yet.
 */
#ifndef LMTP_SIDE_H
#define LMTP_SIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/loop.h"

struct side {
	struct loop	*loop;
	struct loop_watch watch;	/* fd -1: closed */
	bool		 watched;
	bool		 eof;		/* nothing more comes */
	bool		 deaf;		/* nothing more can be written */
	struct buf	 in;
};

/* Without a descriptor.  ready(arg, events) is called when what side_want asked for is there. */
void	side_init(struct side *s, struct loop *loop, size_t in_max,
	    void (*ready)(void *arg, uint32_t events), void *arg);
void	side_open(struct side *s, int fd);
/* Closes and forgets what was read. */
void	side_close(struct side *s);
/*
 * Watches for these events; 0: the descriptor leaves the loop, since a hang-up would be reported
 * again and again else.
 */
void	side_want(struct side *s, uint32_t events);
/* One read of at most chunk octets into `in`, if there is room. */
void	side_read(struct side *s, size_t chunk);
bool	side_may_read(const struct side *s);
/* Writes what it can of out and takes it off; returns how much left. A deaf side takes everything. */
size_t	side_write(struct side *s, struct buf *out);

#endif
