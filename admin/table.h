/*
 * table: the rows of an answer for people, as a table or as "name: value" lines.
 *
 * The columns are those of the first row.  Widths are taken from the first TABLE_LOOK rows; later
 * ones are written as they come, so that a long answer needs no memory.  Numbers whose name ends in
 * "_time" are seconds since the epoch, those in "time_ms" milliseconds.  Text is fit for a terminal,
 * whatever it was.
 */
#ifndef ADMIN_TABLE_H
#define ADMIN_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/frame.h"

#define TABLE_COLUMNS	32	/* more are left out */
#define TABLE_LOOK	200

struct table_column {
	char	*name;
	size_t	 width;
	bool	 right;		/* numbers */
};

struct table {
	FILE			*out;
	size_t			 n_columns;
	struct table_column	 column[TABLE_COLUMNS];
	size_t			 n_held;
	char			**held[TABLE_LOOK];	/* n_columns cells each */
	bool			 flowing;		/* the held rows are written */
};

void	table_init(struct table *t, FILE *out);
/* 0, or -1 where the row is malformed. */
int	table_row(struct table *t, const struct frame *row);
/* Writes what is held, and frees. */
void	table_end(struct table *t);

/* One row as "name: value" lines. */
int	table_vertical(FILE *out, const struct frame *row);

#endif
