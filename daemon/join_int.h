/*
 * join_int: what the join's files share.
 */
#ifndef DAEMON_JOIN_INT_H
#define DAEMON_JOIN_INT_H

#include <sys/queue.h>

#include "daemon/join.h"

/* A hash table of nodes that lie in the structs it finds (join_table.c).  Keys are borrowed. */
struct join_node {
	struct join_node	*next;
	uint64_t		 hash;
	struct slice		 key;
};

struct join_table {
	struct join_node	**slots;
	size_t			  n, n_slots;
	uint8_t			  key[JOIN_KEY];
};

void	join_table_init(struct join_table *t, const uint8_t key[JOIN_KEY]);
void	join_table_clear(struct join_table *t);	/* frees no node */
struct join_node	*join_table_find(const struct join_table *t, struct slice key);
void	join_table_add(struct join_table *t, struct join_node *node, struct slice key);
void	join_table_remove(struct join_table *t, struct join_node *node);
/* SipHash-2-4. */
uint64_t	join_hash(const uint8_t key[JOIN_KEY], struct slice octets);

/* What one arrival says, shared by the groups that it is for. */
struct join_content {
	unsigned		 refs;
	size_t			 size;
	uint64_t		 time_ms;
	struct slice		 envelope;
	struct slice		 queue_id, message_id;	/* a NUL lies between them */
	enum envelope_reason	 reason;
	unsigned		 kind;
	/* hook = milter: */
	struct join_node	 node;
	TAILQ_ENTRY(join_content) entry;
	int64_t			 since;
	char			 octets[];
};

/* What is to be acknowledged when `left` tokens are decided. */
struct join_debt {
	uint64_t		 peer, seq;
	size_t			 left;
	bool			 half;		/* not all of it was taken in: no acknowledgement */
	TAILQ_ENTRY(join_debt)	 entry;		/* when nothing is left */
};

/* A group's part in a debt. */
struct join_claim {
	struct join_claim	*next;
	struct join_debt	*debt;
};

struct join_saved {
	TAILQ_ENTRY(join_saved)	 entry;
	uint64_t		 ident;		/* of user, mailbox, UIDVALIDITY, UID */
	uint64_t		 time_ms;
	struct slice		 user, mailbox, special_use, queue_id, message_id;
	bool			 seen;
	uint32_t		 uidvalidity, uid;
	char			 octets[];
};

/*
 * Where a group is.  Each is a list in the order of `since`, so its head is what is due first,
 * whatever the time-outs are now.
 */
enum join_state {
	ALONE,		/* no arrival yet: arrival_timeout */
	ALONE_SHORT,	/* the same, 5 s: service lda, hook = milter */
	LOCATE,		/* an arrival, not all of its messages: locate_timeout */
	READY,		/* to be told */
	DECIDED,	/* remembered: arrival_timeout */
	STATES
};

/* All that is known of one token; with hook = milter, of one pair of ids. */
struct join_group {
	struct join_node	 node;		/* in the table, where key_len is not 0 */
	TAILQ_ENTRY(join_group)	 entry;
	enum join_state		 state;
	int64_t			 since;
	struct join_content	*content;	/* NULL: none came, or decided */
	struct join_claim	*claims;
	char			*recipient;
	TAILQ_HEAD(join_saveds, join_saved) saved;		/* to be told */
	size_t			 n_saved;
	uint64_t		*told;		/* the idents of those that were */
	size_t			 n_told;
	uint64_t		 n;
	bool			 has_end;
	bool			 arrived;	/* an arrival has named this token */
	bool			 synced;	/* its SYNC was told */
	bool			 forget;	/* hook = milter: nothing to remember afterwards */
	size_t			 key_len;
	char			 key[];
};

TAILQ_HEAD(join_groups, join_group);
TAILQ_HEAD(join_contents, join_content);
TAILQ_HEAD(join_debts, join_debt);

struct join {
	struct join_limits	 limits;
	struct join_table	 groups;
	struct join_groups	 lists[STATES];
	struct join_debts	 paid;		/* to be acknowledged */
	struct join_table	 held;		/* hook = milter: contents by both ids */
	struct join_contents	 held_list;
	size_t			 held_octets, content_octets;
	size_t			 n_groups, n_claims, n_debts;
	size_t			 n_saved, n_alone;	/* all that wait; those in the two ALONE lists */
	int64_t			 hold_until;	/* the sink takes nothing before */
	struct join_counts	 counts;
};

/* Memory of the size, or the process ends. */
void	*join_alloc(size_t size);
/* Copies s to *at, which moves on. */
struct slice	join_pack(char **at, struct slice s);

/* join_group.c.  NULL: no room for a new one.  An empty key: in no table. */
struct join_group	*join_group_new(struct join *j, struct slice key, enum join_state state,
	    int64_t now_ms);
struct join_group	*join_group_find(struct join *j, struct slice key);
void	join_group_free(struct join *j, struct join_group *g);
void	join_group_move(struct join *j, struct join_group *g, enum join_state state, int64_t now_ms);
/* What was saved is as much as its end says. */
bool	join_group_complete(const struct join_group *g);
/* A saved event for g: taken in, or known already, or too many. */
void	join_group_saved(struct join *j, struct join_group *g, const struct wire_saved *s,
	    int64_t now_ms);
/* Its first message is told. */
void	join_group_told(struct join *j, struct join_group *g);
/* It is decided: its claims are settled, its content goes. */
void	join_group_release(struct join *j, struct join_group *g);
/* The saved event as a group of its own, to be told at once. */
void	join_group_single(struct join *j, struct join_content *content, const struct wire_saved *s,
	    int64_t now_ms);

struct join_content	*join_content_new(struct join *j, const struct wire_arrival *a);
struct join_content	*join_content_ref(struct join_content *c);
void	join_content_unref(struct join *j, struct join_content *c);

/*
 * join_tell.c: tells what g owes while the budget lasts.  1: all of it, g is remembered or gone; 0: not
 * all; -1: the sink took no more.
 */
int	join_tell(struct join *j, struct join_group *g, int64_t now_ms, size_t *budget,
	    const struct join_sink *sink);

/* join_milter.c */
void	join_milter_arrival(struct join *j, const struct wire_arrival *a, int64_t now_ms);
void	join_milter_saved(struct join *j, const struct wire_saved *s, int64_t now_ms);
void	join_milter_expire(struct join *j, int64_t now_ms);
int64_t	join_milter_next(const struct join *j);
void	join_milter_clear(struct join *j);

#endif
