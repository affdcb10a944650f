/*
 * dump_int: the table of values, which dump.c (writing) and dump_read.c share.
 */
#ifndef DAEMON_DUMP_INT_H
#define DAEMON_DUMP_INT_H

#include "daemon/dump.h"

enum dump_shape {
	DUMP_TEXT, DUMP_OCTETS, DUMP_I64, DUMP_U32, DUMP_FLAG, DUMP_HEX64, DUMP_STATE, DUMP_TOKENS,
	DUMP_CONTENT
};

/* One value of a row. */
struct dump_member {
	const char	*name;
	enum dump_shape	 shape;
	size_t		 offset, size;	/* in struct dump */
	bool		 needed;
};

struct dump_table {
	const char			*name;
	const struct dump_member	*members;
	size_t				 n;
};

#define DUMP_KINDS	2

extern const struct dump_table dump_tables[DUMP_KINDS];	/* by enum dump_kind */
extern const char *const dump_states[2];		/* by "is it active" */
extern const char *const dump_contents[2];		/* by enum config_content */

#endif
