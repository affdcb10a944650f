/*
 * post_int: what the two files share: post.c (transfers as a whole, and the loop) and post_transfer.c
 * (one of them).
 */
#ifndef DAEMON_POST_INT_H
#define DAEMON_POST_INT_H

#include <curl/curl.h>

#include "daemon/post.h"

#define POST_HEADER_MAX	(16 * 1024)	/* octets of an answer's header, interim ones included */

struct side {				/* one multi handle */
	CURLM		*multi;
	struct post	*post;
	int64_t		 timer_ms;	/* monotonic, INT64_MAX: none */
	bool		 trusted;
};

struct transfer {
	CURL		*easy;
	struct side	*side;		/* NULL: free */
	void		*owner;
	struct curl_slist *headers;
	char		 url[GUARD_ENDPOINT_MAX + 64];
	size_t		 header_len, body_len;
	bool		 final;		/* the header of the final response is complete */
	bool		 opened, refused;	/* what the guard said */
	bool		 repeated;
	char		 retry_after[POST_RETRY_AFTER_MAX];
	char		 error[CURL_ERROR_SIZE];
};

struct post {
	struct loop		*loop;
	const struct guard	*guard;
	const struct config	*config;
	bool			 resets_none;	/* libcurl ends HTTP/2 streams without resetting them */
	struct side		 sides[2];
	struct post_socket	**sockets;	/* by descriptor; post.c's */
	size_t			 n_sockets;
	struct transfer		 transfers[POST_MAX];
	size_t			 in_flight;
};

/* A socket for transfers was made; it is about to be closed. */
void	post_opened(struct post *p, int fd);
void	post_closing(struct post *p, int fd);
/* All that is set on a transfer that has its url and its side. */
void	post_setup(struct transfer *t, const struct post_request *request);
/*
 * Takes in one line of a response's header, with its line end; status is what the response began with.
 * false: there is too much of it, and the transfer is to end.
 */
bool	post_header(struct transfer *t, const char *line, size_t len, long status);
/* How it ended; code is libcurl's. */
enum push_result	post_result(const struct transfer *t, int code);

#endif
