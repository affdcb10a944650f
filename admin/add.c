/*
 * add USER ID FILE.json: what a browser's PushSubscription.toJSON() gives (Push API, section 8).
 */
#include <jansson.h>
#include <sysexits.h>

#include "admin/answer.h"
#include "admin/file.h"
#include "admin/verb.h"

#define JSON_MAX	16384

/* Asks with the three strings of the object.  An exit code. */
static int
ask(const struct call *call, json_t *object)
{
	struct wire_request question = { .verb = slice_of(call->verb->name), .n = 5 };
	const char *endpoint, *p256dh, *auth;
	json_error_t error;

	if (json_unpack_ex(object, &error, 0, "{s:s, s:{s:s, s:s}}", "endpoint", &endpoint, "keys",
	    "p256dh", &p256dh, "auth", &auth) < 0)
		return call_complain(EX_DATAERR, "%s: no PushSubscription, which has an endpoint and keys, "
		    "p256dh and auth: %s", call->argv[2], error.text);
	question.args[0] = slice_of(call->argv[0]);
	question.args[1] = slice_of(call->argv[1]);
	question.args[2] = slice_of(endpoint);
	question.args[3] = slice_of(p256dh);
	question.args[4] = slice_of(auth);
	return answer_show(call, &question);
}

int
add_run(const struct call *call)
{
	struct buf text;
	json_error_t error;
	json_t *object;
	int code = file_read(call->argv[2], JSON_MAX, &text);

	if (code == 0) {
		object = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
		if (object == NULL)
			code = call_complain(EX_DATAERR, "%s:%d: %s", call->argv[2], error.line, error.text);
		else
			code = ask(call, object);
		json_decref(object);
	}
	buf_wipe(&text);
	return code;
}
