/*
 * Any octets as DATA, in pieces whose sizes the first octet says: the scanner agrees with a model,
 * however the octets were cut, and holds back two at most.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lmtp/scan.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An LF ends a line; a line that is a dot ends the message, or is refused. */
static enum scan_verdict
model(const uint8_t *p, size_t n, size_t *end)
{
	bool crlf = true, crlf_before;
	size_t begin = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n')
			continue;
		crlf_before = crlf;
		crlf = i > begin && p[i - 1] == '\r';
		if (p[begin] == '.' && i - begin == (crlf ? 2 : 1)) {
			*end = crlf && crlf_before ? i + 1 : begin;
			return crlf && crlf_before ? SCAN_END : SCAN_REFUSE;
		}
		begin = i + 1;
	}
	*end = n;
	return SCAN_MORE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum scan_state state = SCAN_LINE;
	enum scan_verdict verdict = SCAN_MORE, want;
	size_t step, have = 0, done = 0, released, end;

	if (size == 0)
		return 0;
	step = 1 + *data++ % 32;
	size--;
	want = model(data, size, &end);
	while (verdict == SCAN_MORE && have < size) {
		have = size - have < step ? size : have + step;
		verdict = scan_data(&state, data + done, have - done, &released);
		if (released > have - done || (verdict == SCAN_MORE && have - done - released > 2))
			abort();
		done += released;
	}
	if (verdict != want || (want == SCAN_MORE ? end - done > 2 : done != end))
		abort();
	return 0;
}
