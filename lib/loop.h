/*
 * loop: which descriptors are ready (epoll).  One loop per process or worker, one thread.
 *
 * A watch is the caller's memory and lives until loop_del.  Deleting any watch is safe at any time,
 * also from within a ready function: it will not be called again.
 */
#ifndef LIB_LOOP_H
#define LIB_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

struct loop;

struct loop_watch {
	int		 fd;
	uint32_t	 events;	/* EPOLLIN, EPOLLOUT; level-triggered */
	void		(*ready)(void *arg, uint32_t events);
	void		*arg;
};

struct loop	*loop_new(void);	/* aborts where the kernel has no epoll for us */
void		 loop_free(struct loop *l);
/* 0, or -1 with errno set. */
int		 loop_add(struct loop *l, struct loop_watch *w);
void		 loop_change(struct loop *l, struct loop_watch *w, uint32_t events);
void		 loop_del(struct loop *l, struct loop_watch *w);
/* Waits at most timeout_ms (-1: for ever; never over a minute else) and calls ready for what is.
 * A signal ends the wait. */
void		 loop_wait(struct loop *l, int64_t timeout_ms);

#endif
