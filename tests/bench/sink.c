/*
 * A push service for benchmarks.
 *
 *	sink --certificate FILE --key FILE [options] HOST...
 *
 *	--delay MS		every answer waits so long: a round trip
 *	--bad N:STATUS[:SECONDS]	each N-th gets another status, with Retry-After
 *	--never			takes requests and answers none
 *	--http1			HTTP/1.1 alone
 *	--streams N		MAX_CONCURRENT_STREAMS (100)
 *	--goaway N		a connection ends behind its Nth request
 *	--reset-limit		libnghttp2's defence against rapid resets stays on
 *
 * It listens on every HOST at one port that the kernel chooses, and prints that; then the counts, as
 * one line of JSON, for each SIGUSR1 and at the end (SIGTERM).
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/sink/sink.h"

#define HOSTS_MAX	256

static struct sink sink = {
	.options = { .retry_after_s = -1, .bad_status = 429, .streams = 100 }
};
static struct loop_watch listeners[HOSTS_MAX];
static struct loop_watch signals;
static bool stopping;

static void
usage(void)
{
	errx(EXIT_FAILURE, "sink --certificate FILE --key FILE [options] HOST...");
}

static unsigned
number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n > INT32_MAX)
		errx(EXIT_FAILURE, "'%s' is no number", text);
	return (unsigned)n;
}

static void
parse_bad(struct options *o, const char *text)
{
	if (sscanf(text, "%u:%d:%d", &o->bad_every, &o->bad_status, &o->retry_after_s) < 2)
		errx(EXIT_FAILURE, "--bad %s: N:STATUS[:SECONDS] is asked for", text);
}

static void
parse(struct options *o, int argc, char **argv)
{
	static const struct option words[] = {
		{ "certificate", required_argument, NULL, 'c' }, { "key", required_argument, NULL, 'k' },
		{ "delay", required_argument, NULL, 'd' }, { "bad", required_argument, NULL, 'b' },
		{ "never", no_argument, NULL, 'n' }, { "http1", no_argument, NULL, '1' },
		{ "streams", required_argument, NULL, 's' }, { "goaway", required_argument, NULL, 'g' },
		{ "reset-limit", no_argument, NULL, 'r' }, { NULL, 0, NULL, 0 }
	};

	for (int c; (c = getopt_long(argc, argv, "", words, NULL)) != -1;)
		switch (c) {
		case 'c': o->certificate = optarg; break;
		case 'k': o->key = optarg; break;
		case 'd': o->delay_ms = number(optarg); break;
		case 'b': parse_bad(o, optarg); break;
		case 'n': o->never = true; break;
		case '1': o->http1 = true; break;
		case 's': o->streams = number(optarg); break;
		case 'g': o->goaway_every = number(optarg); break;
		case 'r': o->reset_limit = true; break;
		default: usage();
		}
	if (o->certificate == NULL || o->key == NULL || optind == argc || argc - optind > HOSTS_MAX)
		usage();
}

/* TLS */

static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *len, const unsigned char *in,
    unsigned in_len, void *arg)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1";
	size_t skip = sink.options.http1 ? 3 : 0;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, len, both + skip,
	    (unsigned)(sizeof(both) - 1 - skip), in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *
open_tls(const struct options *o)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, o->certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, o->key, SSL_FILETYPE_PEM) != 1)
		errx(EXIT_FAILURE, "%s, %s: no certificate and its key", o->certificate, o->key);
	SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
	return tls;
}

/* The loop */

static void
on_listener(void *arg, uint32_t events)
{
	const struct loop_watch *w = arg;
	int fd, one = 1;

	(void)events;
	while ((fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		conn_open(&sink, fd);
	}
}

/* Listens on a host at a port (0: any), and returns the port. */
static in_port_t
listen_on(struct loop_watch *w, const char *host, in_port_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = port };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
		errx(EXIT_FAILURE, "%s: no IPv4 address", host);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, len) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
		err(EXIT_FAILURE, "%s", host);
	*w = (struct loop_watch){ fd, EPOLLIN, on_listener, w };
	if (loop_add(sink.loop, w) < 0)
		err(EXIT_FAILURE, "epoll");
	return sin.sin_port;
}

static void
print_counts(const struct counts *c)
{
	printf("{\"connections\": %" PRIu64 ", \"h2_connections\": %" PRIu64 ", \"most\": %" PRIu64
	    ", \"requests\": %" PRIu64 ", \"octets\": %" PRIu64 ", \"good\": %" PRIu64 ", \"bad\": %" PRIu64
	    ", \"resets\": %" PRIu64 ", \"goaways\": %" PRIu64 "}\n", c->connections, c->h2_connections,
	    c->most, c->requests, c->octets, c->good, c->bad, c->resets, c->goaways);
	fflush(stdout);
}

static void
on_signal(void *arg, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)arg;
	(void)events;
	if (read(signals.fd, &info, sizeof(info)) != sizeof(info))
		return;
	stopping = info.ssi_signo != SIGUSR1;
	if (!stopping)
		print_counts(&sink.counts);
}

static void
watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals = (struct loop_watch){ signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), EPOLLIN, on_signal,
		NULL };
	if (signals.fd < 0 || loop_add(sink.loop, &signals) < 0)
		err(EXIT_FAILURE, "signalfd");
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	in_port_t port = 0;

	parse(&sink.options, argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	sink.tls = open_tls(&sink.options);
	sink.loop = loop_new();
	watch_signals();
	for (int i = optind; i < argc; i++)
		port = listen_on(&listeners[i - optind], argv[i], port);
	printf("%u\n", ntohs(port));
	fflush(stdout);
	while (!stopping)
		loop_wait(sink.loop, later_run(&sink));
	print_counts(&sink.counts);
	return EXIT_SUCCESS;
}
