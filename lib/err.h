/*
 * err: why a call failed, as a sentence that can be printed as it is.
 *
 * The caller owns the struct and passes it down; the function that fails fills it and returns -1.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

struct err {
	char	text[512];
};

/*
 * Writes the text (cut at the struct's size) and returns -1, so that `return err_set(err, ...)`
 * is the whole failure path.  err may be NULL.
 */
int	err_set(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#ifdef __clang_analyzer__	/* which does not look into err.c */
#define err_set(...)	((err_set)(__VA_ARGS__), -1)
#endif

#endif
