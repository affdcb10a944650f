#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/table.h"
#include "lib/log.h"
#include "lib/wire.h"

#define GAP	2	/* spaces between columns */

static bool
ends_in(struct slice name, const char *suffix)
{
	size_t n = strlen(suffix);

	return name.len >= n && memcmp(name.p + name.len - n, suffix, n) == 0;
}

static bool
is_time(const struct wire_value *v)
{
	return v->is_number && (ends_in(v->name, "_time") || ends_in(v->name, "time_ms"));
}

static void
put_time(struct buf *b, int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	char text[64];

	if (seconds == 0)
		buf_text(b, "never");
	else if (localtime_r(&t, &tm) != NULL && strftime(text, sizeof(text), "%F %T", &tm) > 0)
		buf_text(b, text);
	else
		buf_printf(b, "%" PRId64, seconds);
}

/* The value as people read it, on the heap. */
static char *
cell(const struct wire_value *v)
{
	struct buf b;

	buf_init(&b, FRAME_MAX_ROW + 64);
	if (is_time(v) && ends_in(v->name, "time_ms")) {
		put_time(&b, v->number / 1000);
		buf_printf(&b, ".%03d", (int)(v->number % 1000));
	} else if (is_time(v))
		put_time(&b, v->number);
	else if (v->is_number)
		buf_printf(&b, "%" PRId64, v->number);
	else if (v->text.p == NULL)
		buf_octet(&b, '-');
	else
		log_clean_to(&b, v->text);
	buf_octet(&b, '\0');
	return (char *)b.data;
}

static char *
clean_name(struct slice name)
{
	const struct wire_value v = { .text = name };

	return cell(&v);
}

/* Columns on a terminal, taking each character for one. */
static size_t
width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void
pad(FILE *out, size_t n)
{
	fprintf(out, "%*s", (int)n, "");
}

static void
write_cell(struct table *t, size_t i, const char *text)
{
	const struct table_column *col = &t->column[i];
	size_t width = width_of(text), fill = width < col->width ? col->width - width : 0;

	if (col->right)
		pad(t->out, fill);
	fputs(text, t->out);
	if (i == t->n_columns - 1)
		fputc('\n', t->out);
	else
		pad(t->out, (col->right ? 0 : fill) + GAP);
}

/* Writes a row of cells and frees it. */
static void
write_row(struct table *t, char **cells)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		write_cell(t, i, cells[i]);
		free(cells[i]);
	}
	free(cells);
}

static void
write_held(struct table *t)
{
	if (t->flowing || t->n_columns == 0)
		return;
	t->flowing = true;
	for (size_t i = 0; i < t->n_columns; i++)
		write_cell(t, i, t->column[i].name);
	for (size_t i = 0; i < t->n_held; i++)
		write_row(t, t->held[i]);
}

static int
take_columns(struct table *t, const struct frame *row)
{
	struct wire_value v;
	size_t pos = 0;
	int rc;

	while ((rc = wire_row_value(row, &pos, &v)) == 1 && t->n_columns < TABLE_COLUMNS) {
		struct table_column *col = &t->column[t->n_columns++];

		col->name = clean_name(v.name);
		col->width = width_of(col->name);
		col->right = v.is_number && !is_time(&v);
	}
	return rc < 0 ? -1 : 0;
}

/* The cells of a row in the order of the columns; NULL where the row is malformed. */
static char **
take_cells(struct table *t, const struct frame *row)
{
	char **cells = calloc(t->n_columns, sizeof(*cells));
	struct wire_value v;
	size_t pos = 0, i;
	int rc;

	if (cells == NULL)
		abort();
	while ((rc = wire_row_value(row, &pos, &v)) == 1) {
		for (i = 0; i < t->n_columns && !slice_is(v.name, t->column[i].name); i++)
			;
		if (i < t->n_columns && cells[i] == NULL)
			cells[i] = cell(&v);
	}
	for (i = 0; i < t->n_columns; i++)
		if (cells[i] == NULL)
			cells[i] = clean_name(SLICE_NIL);
	if (rc == 0)
		return cells;
	for (i = 0; i < t->n_columns; i++)
		free(cells[i]);
	free(cells);
	return NULL;
}

void
table_init(struct table *t, FILE *out)
{
	memset(t, 0, sizeof(*t));
	t->out = out;
}

int
table_row(struct table *t, const struct frame *row)
{
	char **cells;

	if (t->n_columns == 0 && take_columns(t, row) < 0)
		return -1;
	if (t->n_columns == 0)
		return 0;
	cells = take_cells(t, row);
	if (cells == NULL)
		return -1;
	if (t->n_held == TABLE_LOOK)
		write_held(t);
	if (t->flowing) {
		write_row(t, cells);
		return 0;
	}
	for (size_t i = 0; i < t->n_columns; i++)
		if (width_of(cells[i]) > t->column[i].width)
			t->column[i].width = width_of(cells[i]);
	t->held[t->n_held++] = cells;
	return 0;
}

void
table_end(struct table *t)
{
	write_held(t);
	for (size_t i = 0; i < t->n_columns; i++)
		free(t->column[i].name);
	t->n_columns = 0;
}

int
table_vertical(FILE *out, const struct frame *row)
{
	struct wire_value v;
	size_t pos = 0, width = 0;
	char *name, *text;
	int rc;

	while ((rc = wire_row_value(row, &pos, &v)) == 1)
		if (v.name.len > width)
			width = v.name.len;
	if (rc < 0)
		return -1;
	for (pos = 0; wire_row_value(row, &pos, &v) == 1;) {
		name = clean_name(v.name);
		text = cell(&v);
		fprintf(out, "%s:", name);
		pad(out, width - width_of(name) + 1);
		fprintf(out, "%s\n", text);
		free(name);
		free(text);
	}
	return 0;
}
