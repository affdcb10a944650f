/*
 * status --json: one object for programs, with the push services in it as "origins".  People ask for
 * those by a verb of its own.
 */
#include <jansson.h>
#include <stdlib.h>

#include "admin/answer.h"
#include "admin/json.h"
#include "admin/verb.h"

static int
take_status(void *arg, const struct frame *row)
{
	json_t **object = arg;

	json_decref(*object);
	*object = json_row(row);
	return *object == NULL ? -1 : 0;
}

static int
take_origin(void *arg, const struct frame *row)
{
	json_t *object = json_row(row);

	if (object == NULL)
		return -1;
	if (json_array_append_new(arg, object) < 0)
		abort();
	return 0;
}

int
status_run(const struct call *call)
{
	const struct wire_request status = { .verb = slice_of("status") };
	const struct wire_request origins = { .verb = slice_of("origins") };
	json_t *object = NULL, *list;
	int code, failed;

	if (!call->options->json)
		return answer_show(call, &status);
	list = json_array();
	if (list == NULL)
		abort();
	code = answer_each(call->config, &status, take_status, &object, NULL);
	if (code == 0 && object != NULL)
		code = answer_each(call->config, &origins, take_origin, list, NULL);
	if (code == 0 && object != NULL) {
		if (json_object_set(object, "origins", list) < 0)
			abort();
		json_dumpf(object, stdout, JSON_ENSURE_ASCII | JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(list);
	json_decref(object);
	failed = answer_flush();
	return code != 0 ? code : failed;
}
