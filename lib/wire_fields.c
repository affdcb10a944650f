#include <string.h>

#include "lib/wire_fields.h"

static void
take_arg(struct wire_fields *all, struct slice arg)
{
	if (all->n_args < WIRE_ARGS_MAX)
		all->args[all->n_args] = arg;
	all->n_args++;
}

int
wire_fields_read(const struct frame *f, struct wire_fields *all)
{
	struct field field;
	size_t pos = 0;
	int rc;

	memset(all, 0, sizeof(*all));
	while ((rc = frame_field(f, &pos, &field)) == 1) {
		if (field.tag == T_ARG)
			take_arg(all, field.value);
		else if (field.tag == T_NIL_ARG)
			take_arg(all, SLICE_NIL);
		else if (field.tag < TAGS) {
			all->there[field.tag] = true;
			all->value[field.tag] = field.value;
		}
	}
	return rc;
}

/* Text of at most max octets.  A field that is not there is nil, and an error where it is needed. */
int
wire_fields_text(const struct wire_fields *all, enum tag tag, size_t max, bool needed, struct slice *out)
{
	struct field field = { (uint8_t)tag, all->value[tag] };

	*out = SLICE_NIL;
	if (!all->there[tag])
		return needed ? -1 : 0;
	if (field.value.len > max)
		return -1;
	return field_text(&field, out);
}

/* Octets, for what need not be text. */
int
wire_fields_octets(const struct wire_fields *all, enum tag tag, size_t max, bool needed, struct slice *out)
{
	*out = SLICE_NIL;
	if (!all->there[tag])
		return needed ? -1 : 0;
	if (all->value[tag].len > max)
		return -1;
	*out = all->value[tag];
	return 0;
}

int
wire_fields_number(const struct wire_fields *all, enum tag tag, uint64_t max, bool needed, uint64_t *out)
{
	struct field field = { (uint8_t)tag, all->value[tag] };

	*out = 0;
	if (!all->there[tag])
		return needed ? -1 : 0;
	return field_u64(&field, out) < 0 || *out > max ? -1 : 0;
}

int
wire_fields_u32(const struct wire_fields *all, enum tag tag, uint32_t *out)
{
	uint64_t v;

	if (wire_fields_number(all, tag, UINT32_MAX, true, &v) < 0)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

int
wire_fields_flag(const struct wire_fields *all, enum tag tag, bool *out)
{
	uint64_t v;

	if (wire_fields_number(all, tag, 1, false, &v) < 0)
		return -1;
	*out = v == 1;
	return 0;
}

void
wire_put_flag(struct buf *b, enum tag tag, bool flag)
{
	if (flag)
		frame_put_u64(b, tag, 1);
}

void
wire_put_bare(struct buf *b, enum wire_type type)
{
	frame_end(b, frame_begin(b, type));
}
