/*
 * libmilter tells of its failures in syslog alone, and would replace a socket that somebody listens
 * on.  So sock_listen goes first: it takes the place, or says why it cannot be had, and leaves it.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "lib/buf.h"
#include "lib/privs.h"
#include "lib/sock.h"
#include "milter/listen.h"

#define POSTFIX_GROUP	"postfix"
#define CONNECTION_MAX	512

int
listen_check(const struct config *config, struct err *err)
{
	struct sock_addr addr;

	if (config->milter_listen == NULL)
		return err_set(err, "milter_listen is not set: where is Postfix to connect to?");
	return sock_parse(config->milter_listen, &addr, err);
}

static const char *
unix_path(const struct sock_addr *addr)
{
	return addr->sa.ss_family != AF_UNIX ? NULL : ((const struct sockaddr_un *)&addr->sa)->sun_path;
}

static int
try_place(const struct sock_addr *addr, struct err *err)
{
	int fd = sock_listen(addr, 0600, (uid_t)-1, (gid_t)-1, err);

	if (fd < 0)
		return -1;
	if (unix_path(addr) != NULL)
		unlink(unix_path(addr));
	close(fd);
	return 0;
}

/* "HOST:PORT" as libmilter writes it: "inet:PORT@HOST"; UNIX sockets are written alike. */
static void
write_connection(const char *text, struct buf *out)
{
	const char *colon = strrchr(text, ':');
	struct slice host = { text, (size_t)(colon - text) };

	if (strncmp(text, "unix:", 5) == 0) {
		buf_text(out, text);
	} else {
		bool six = host.len >= 2 && host.p[0] == '[';

		if (six)
			host = (struct slice){ host.p + 1, host.len - 2 };
		buf_printf(out, "%s:%s@", six ? "inet6" : "inet", colon + 1);
		buf_slice(out, host);
	}
	buf_octet(out, '\0');
}

/* Who may connect.  Where there is no Postfix, its group is the hook's own. */
static int
dress(const struct config *config, const char *path, struct err *err)
{
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1, own;

	if (geteuid() == 0) {
		if (privs_user(config->hook_user, &uid, &own, err) < 0)
			return -1;
		if (privs_group(POSTFIX_GROUP, &gid, NULL) < 0)
			gid = own;
		if (lchown(path, uid, gid) < 0)
			return err_set(err, "%s: its owner cannot be set: %s", path, strerror(errno));
	}
	if (chmod(path, 0660) < 0)
		return err_set(err, "%s: its mode cannot be set: %s", path, strerror(errno));
	return 0;
}

int
listen_open(const struct config *config, struct err *err)
{
	char memory[CONNECTION_MAX];
	struct sock_addr addr;
	struct buf connection;
	mode_t mask;
	int rc;

	if (sock_parse(config->milter_listen, &addr, err) < 0 || try_place(&addr, err) < 0)
		return -1;
	buf_fixed(&connection, memory, sizeof(memory));
	write_connection(config->milter_listen, &connection);
	mask = umask(0177);
	rc = connection.failed || smfi_setconn(memory) != MI_SUCCESS ||
	    smfi_opensocket(false) != MI_SUCCESS ? -1 : 0;
	umask(mask);
	if (rc < 0)
		return err_set(err, "%s: libmilter cannot listen there; its log says why",
		    config->milter_listen);
	return unix_path(&addr) == NULL ? 0 : dress(config, unix_path(&addr), err);
}

void
listen_remove(const struct config *config)
{
	struct sock_addr addr;

	if (sock_parse(config->milter_listen, &addr, NULL) == 0 && unix_path(&addr) != NULL)
		unlink(unix_path(&addr));
}
