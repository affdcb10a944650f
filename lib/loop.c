/*
 * A batch of events may name a watch that an earlier event of the same batch has deleted; loop_del
 * therefore strikes the watch out of what is left of the batch.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib/loop.h"

#define BATCH	64

struct loop {
	int			 fd;
	struct epoll_event	 batch[BATCH];
	int			 n;
};

struct loop *
loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL || (l->fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		abort();
	return l;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	close(l->fd);
	free(l);
}

int
loop_add(struct loop *l, struct loop_watch *w)
{
	struct epoll_event ev = { .events = w->events, .data.ptr = w };

	return epoll_ctl(l->fd, EPOLL_CTL_ADD, w->fd, &ev);
}

void
loop_change(struct loop *l, struct loop_watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (events == w->events)
		return;
	w->events = events;
	epoll_ctl(l->fd, EPOLL_CTL_MOD, w->fd, &ev);
}

void
loop_del(struct loop *l, struct loop_watch *w)
{
	epoll_ctl(l->fd, EPOLL_CTL_DEL, w->fd, NULL);
	for (int i = 0; i < l->n; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
}

void
loop_wait(struct loop *l, int64_t timeout_ms)
{
	struct loop_watch *w;

	if (timeout_ms > 60000)
		timeout_ms = 60000;
	l->n = epoll_wait(l->fd, l->batch, BATCH, (int)timeout_ms);
	for (int i = 0; i < l->n; i++) {
		w = l->batch[i].data.ptr;
		if (w != NULL)
			w->ready(w->arg, l->batch[i].events);
	}
	l->n = 0;
}
