/*
 * json: the rows of an answer for programs: an array of objects, or one object.  Rows are written
 * as they come.  Everything is ASCII, with escapes for the rest.
 */
#ifndef ADMIN_JSON_H
#define ADMIN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/frame.h"

struct json_out {
	FILE	*out;
	bool	 array;
	size_t	 n;	/* rows so far */
};

/* 0, or -1 where the row is malformed.  Without array, the first row is the answer. */
int	json_out_row(struct json_out *j, const struct frame *row);
/* A row as jansson's object: a new reference, or NULL where it is malformed. */
struct json_t	*json_row(const struct frame *row);
/* One row on a line of its own.  0, or -1 as above. */
int	json_line(FILE *out, const struct frame *row);
/* Closes the text; an answer without rows is [] or {}. */
void	json_out_end(struct json_out *j);

#endif
