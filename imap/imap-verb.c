/*
 * A verb opens a connection (a channel) and waits on it; the answer closes it, unless it says that a
 * silence now hangs on the connection: then the session keeps it.  Further SILWEBPUSH go over the
 * kept one, so that a session has one descriptor for all its silences.  The daemon closes a kept
 * connection when nothing hangs on it any more.
 *
 * Answers come in the order of the verbs.  A wait that was given up (time is over, the client is
 * gone) ends its channel; on a kept one it stays in the queue without a command, so that its late
 * answer is taken off and goes nowhere.
 *
 * No function here destroys a client: freeing a command that waited for something external makes
 * Dovecot itself go on with the client's input.
 */
#include "imap-common.h"
#include "ioloop.h"
#include "istream.h"
#include "llist.h"
#include "ostream.h"
#include "str-sanitize.h"

#include <unistd.h>

#include "lib/wire.h"
#include "imap/imap-args.h"
#include "imap/imap-session.h"
#include "imap/imap-verb.h"
#include "imap/link.h"

#define ANSWER_TIMEOUT_MS	5000
#define UNAVAILABLE	"NO [UNAVAILABLE] Push service is not available, try again later"

struct wait {
	struct wait	*next;
	struct channel	*channel;
	struct client_command_context *cmd;	/* NULL: given up */
	struct timeout	*timeout;
};

struct channel {
	struct channel	*prev, *next;	/* in session->kept, where kept */
	struct session	*session;
	int		 fd;
	struct istream	*input;
	struct io	*io;
	struct wait	*first;		/* in the order of the verbs */
	bool		 kept;
};

static void	on_input(struct channel *channel);
static void	on_timeout(struct wait *wait);

static struct channel *
channel_new(struct session *session)
{
	struct channel *channel;
	int fd = link_open("command");

	if (fd < 0)
		return NULL;
	channel = i_new(struct channel, 1);
	channel->session = session;
	channel->fd = fd;
	channel->input = i_stream_create_fd(fd, 4 + FRAME_MAX + 1);
	channel->io = io_add(fd, IO_READ, on_input, channel);
	return channel;
}

/* Detaches the command, which is still the caller's to answer; NULL where it was given up. */
static struct client_command_context *
wait_detach(struct wait *wait)
{
	struct client_command_context *cmd = wait->cmd;

	timeout_remove(&wait->timeout);
	wait->cmd = NULL;
	if (cmd != NULL)
		cmd->context = NULL;
	return cmd;
}

static struct client_command_context *
wait_pop(struct channel *channel)
{
	struct wait *wait = channel->first;
	struct client_command_context *cmd = wait_detach(wait);

	channel->first = wait->next;
	i_free(wait);
	return cmd;
}

static void
wait_push(struct channel *channel, struct client_command_context *cmd)
{
	struct wait **end = &channel->first;

	while (*end != NULL)
		end = &(*end)->next;
	*end = i_new(struct wait, 1);
	(*end)->channel = channel;
	(*end)->cmd = cmd;
	(*end)->timeout = timeout_add(ANSWER_TIMEOUT_MS, on_timeout, *end);
	cmd->context = *end;
}

/* Its waits must have been answered or be given up. */
static void
channel_free(struct channel *channel)
{
	if (channel->kept)
		DLLIST_REMOVE(&channel->session->kept, channel);
	while (channel->first != NULL)
		(void)wait_pop(channel);
	io_remove(&channel->io);
	i_stream_destroy(&channel->input);
	i_close_fd(&channel->fd);
	i_free(channel);
}

static void
finish(struct client_command_context *cmd, struct slice untagged, const char *tagged)
{
	struct client *client = cmd->client;

	o_stream_cork(client->output);
	if (untagged.len > 0)
		o_stream_nsend(client->output, untagged.p, untagged.len);
	client_send_tagline(cmd, tagged);
	client_command_free(&cmd);
	o_stream_uncork(client->output);
}

/* The daemon is gone, or cannot be understood: so is the channel. */
static void
channel_fail(struct channel *channel)
{
	struct client_command_context *cmd;

	while (channel->first != NULL) {
		cmd = wait_pop(channel);
		if (cmd != NULL)
			finish(cmd, SLICE_NIL, UNAVAILABLE);
	}
	channel_free(channel);
}

/* Nobody waits for this answer any more. */
static void
give_up(struct wait *wait)
{
	if (!wait->channel->kept)
		channel_free(wait->channel);
}

static void
on_timeout(struct wait *wait)
{
	struct client_command_context *cmd = wait_detach(wait);

	give_up(wait);
	finish(cmd, SLICE_NIL, UNAVAILABLE);
}

/* cmd->func while the command waits: Dovecot calls it to end a command whose client is gone. */
static bool
on_cancel(struct client_command_context *cmd)
{
	struct wait *wait = cmd->context;

	if (!cmd->cancel)
		return FALSE;
	if (wait != NULL) {
		(void)wait_detach(wait);
		give_up(wait);
	}
	return TRUE;
}

/* Whole lines without anything that would let Dovecot's own framing slip. */
static bool
is_sound(const struct wire_answer *answer)
{
	struct slice u = answer->untagged, t = answer->tagged;

	if (u.len > 0 && (u.len < 2 || memcmp(u.p + u.len - 2, "\r\n", 2) != 0))
		return false;
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.p[i] < ' ')
			return false;
	return t.len > 0;
}

static int
take_answer(struct channel *channel, const struct frame *f)
{
	struct wire_answer answer;
	struct client_command_context *cmd;

	if (wire_get_answer(f, &answer) < 0 || !is_sound(&answer) || channel->first == NULL)
		return -1;
	cmd = wait_pop(channel);
	if (cmd == NULL)
		return 0;
	if (answer.keep && !channel->kept) {
		channel->kept = true;
		DLLIST_PREPEND(&channel->session->kept, channel);
	}
	finish(cmd, answer.untagged, t_strndup(answer.tagged.p, answer.tagged.len));
	return 0;
}

static int
take_frame(struct channel *channel, const struct frame *f)
{
	struct slice text;

	if (f->type == WIRE_OK)
		return 0;
	if (f->type == WIRE_ANSWER)
		return take_answer(channel, f);
	if (wire_get_refused(f, &text) == 0)
		i_error("mailbell: the daemon refuses: %s",
		    str_sanitize(t_strndup(text.p, text.len), 200));
	return -1;
}

/* Input that is here already is read before the end of the connection counts. */
static void
on_input(struct channel *channel)
{
	const unsigned char *data;
	struct frame f;
	size_t size, used;
	ssize_t got = i_stream_read(channel->input);
	int rc;

	for (;;) {
		data = i_stream_get_data(channel->input, &size);
		rc = frame_next(data, size, FRAME_MAX, &f, &used);
		if (rc == 0 && got >= 0)
			return;
		if (rc <= 0 || take_frame(channel, &f) < 0) {
			channel_fail(channel);
			return;
		}
		i_stream_skip(channel->input, used);
		if (channel->first == NULL && !channel->kept) {
			channel_free(channel);
			return;
		}
	}
}

/* A kept connection that is alive and on which nothing is overdue; NULL: none. */
static struct channel *
usable(struct session *session)
{
	struct channel *channel;
	struct wait *wait;

	for (channel = session->kept; channel != NULL; channel = channel->next) {
		for (wait = channel->first; wait != NULL && wait->cmd != NULL; wait = wait->next)
			;
		if (wait == NULL && !link_gone(channel->fd))
			return channel;
	}
	return NULL;
}

/* A verb that does not fit into a frame cannot be a good one; the daemon words the BAD. */
static void
put_verb(struct buf *b, struct wire_verb *verb)
{
	size_t start = b->len;

	wire_put_verb(b, verb);
	if (!b->failed)
		return;
	b->failed = false;
	buf_cut(b, start);
	verb->n = 0;
	verb->malformed = true;
	wire_put_verb(b, verb);
}

static int
ask(struct channel *channel, struct wire_verb *verb)
{
	static uint8_t memory[1024 + 4 + FRAME_MAX];
	struct buf b;
	int rc;

	buf_fixed(&b, memory, sizeof(memory));
	if (!channel->kept)
		session_hello(&b);
	put_verb(&b, verb);
	rc = b.failed ? -1 : link_send(channel->fd, &b);
	buf_wipe(&b);
	return rc;
}

bool
verb_run(struct client_command_context *cmd)
{
	struct session *session = session_of(cmd->client);
	struct channel *channel = NULL;
	struct wire_verb verb;

	if (session == NULL) {
		client_send_command_error(cmd, "Unknown command.");
		return TRUE;
	}
	if (!args_read(cmd, &verb))
		return FALSE;
	verb.user = slice_of(cmd->client->user->username);
	verb.session = slice_of(cmd->client->user->session_id);
	verb.name = slice_of(t_str_ucase(cmd->name));
	if (slice_is(verb.name, "SILWEBPUSH"))
		channel = usable(session);
	if (channel == NULL)
		channel = channel_new(session);
	if (channel == NULL || ask(channel, &verb) < 0) {
		if (channel != NULL)
			channel_fail(channel);
		client_send_tagline(cmd, UNAVAILABLE);
		return TRUE;
	}
	wait_push(channel, cmd);
	cmd->func = on_cancel;
	cmd->state = CLIENT_COMMAND_STATE_WAIT_EXTERNAL;
	return FALSE;
}

void
verb_close(struct session *session, bool released)
{
	uint8_t memory[64];
	struct buf b;

	while (session->kept != NULL) {
		buf_fixed(&b, memory, sizeof(memory));
		wire_put_release(&b);
		if (released)
			(void)link_send(session->kept->fd, &b);
		channel_free(session->kept);
	}
}
