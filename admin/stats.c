/*
 * stats --prometheus: the daemon's rows in Prometheus' text format, for node_exporter's textfile
 * collector.
 */
#include <string.h>

#include "admin/answer.h"
#include "admin/verb.h"

struct sample {
	struct slice	metric, labels, value, type, help;
};

struct prometheus {
	char	family[128];	/* whose HELP and TYPE were written */
};

/* 0, or -1: the row is malformed. */
static int
read_sample(const struct frame *row, struct sample *s)
{
	const struct {
		const char	*name;
		struct slice	*value;
	} all[] = {
		{ "metric", &s->metric }, { "labels", &s->labels }, { "value", &s->value },
		{ "type", &s->type }, { "help", &s->help },
	};
	struct wire_value v;
	size_t pos = 0;
	int rc;

	memset(s, 0, sizeof(*s));
	while ((rc = wire_row_value(row, &pos, &v)) == 1)
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			if (slice_is(v.name, all[i].name))
				*all[i].value = v.text;
	return rc < 0 || s->metric.len == 0 || s->value.len == 0 || s->type.len == 0 ? -1 : 0;
}

/* The name that HELP and TYPE are about: of a histogram's samples, without the suffix. */
static void
family_of(const struct sample *s, char *out, size_t size)
{
	static const char *const suffixes[] = { "_bucket", "_sum", "_count" };
	size_t len = s->metric.len;

	if (slice_is(s->type, "histogram"))
		for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
			size_t n = strlen(suffixes[i]);

			if (s->metric.len > n && memcmp(s->metric.p + s->metric.len - n, suffixes[i], n) == 0)
				len = s->metric.len - n;
		}
	snprintf(out, size, "%.*s", (int)len, s->metric.p);
}

static int
print_sample(void *arg, const struct frame *row)
{
	struct prometheus *p = arg;
	struct sample s;
	char family[sizeof(p->family)];

	if (read_sample(row, &s) < 0)
		return -1;
	family_of(&s, family, sizeof(family));
	if (strcmp(family, p->family) != 0) {
		memcpy(p->family, family, sizeof(family));
		printf("# HELP %s %.*s\n# TYPE %s %.*s\n", family, (int)s.help.len, s.help.p, family,
		    (int)s.type.len, s.type.p);
	}
	printf("%.*s", (int)s.metric.len, s.metric.p);
	if (s.labels.len > 0)
		printf("{%.*s}", (int)s.labels.len, s.labels.p);
	printf(" %.*s\n", (int)s.value.len, s.value.p);
	return 0;
}

int
stats_run(const struct call *call)
{
	const struct wire_request question = { .verb = slice_of(call->verb->name) };
	struct prometheus p = { .family = "" };
	int code, failed;

	if (!(call->options->given & CALL_PROMETHEUS))
		return verb_ask(call);
	code = answer_each(call->config, &question, print_sample, &p, NULL);
	failed = answer_flush();
	return code != 0 ? code : failed;
}
