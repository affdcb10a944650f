#include <jansson.h>
#include <stdlib.h>

#include "admin/json.h"
#include "lib/log.h"
#include "lib/wire.h"

/* Of octets that are no UTF-8, which JSON cannot hold, what a person would be shown. */
static json_t *
cleaned(struct slice text)
{
	struct buf b;
	json_t *value;

	buf_init(&b, text.len + 1);
	log_clean_to(&b, text);
	value = json_stringn((const char *)buf_all(&b).p, b.len);
	buf_clear(&b);
	return value;
}

static json_t *
value_of(const struct wire_value *v)
{
	json_t *text;

	if (v->is_number)
		return json_integer(v->number);
	if (v->text.p == NULL)
		return json_null();
	text = json_stringn(v->text.p, v->text.len);
	return text != NULL ? text : cleaned(v->text);
}

json_t *
json_row(const struct frame *row)
{
	json_t *object = json_object();
	struct wire_value v;
	size_t pos = 0;
	int rc;

	if (object == NULL)
		abort();
	while ((rc = wire_row_value(row, &pos, &v)) == 1) {
		char *name = strndup(v.name.p, v.name.len);

		if (name == NULL || json_object_set_new(object, name, value_of(&v)) < 0)
			abort();
		free(name);
	}
	if (rc == 0)
		return object;
	json_decref(object);
	return NULL;
}

int
json_out_row(struct json_out *j, const struct frame *row)
{
	json_t *object = json_row(row);

	if (object == NULL)
		return -1;
	if (j->array || j->n == 0) {
		if (j->array)
			fputs(j->n == 0 ? "[\n" : ",\n", j->out);
		json_dumpf(object, j->out,
		    JSON_ENSURE_ASCII | (j->array ? JSON_COMPACT : JSON_INDENT(2)));
		j->n++;
	}
	json_decref(object);
	return 0;
}

int
json_line(FILE *out, const struct frame *row)
{
	json_t *object = json_row(row);

	if (object == NULL)
		return -1;
	json_dumpf(object, out, JSON_ENSURE_ASCII | JSON_COMPACT);
	fputc('\n', out);
	json_decref(object);
	return 0;
}

void
json_out_end(struct json_out *j)
{
	if (j->n == 0)
		fputs(j->array ? "[]\n" : "{}\n", j->out);
	else
		fputs(j->array ? "\n]\n" : "\n", j->out);
}
