"""A push service: HTTPS on 127.0.0.1, HTTP/1.1 and HTTP/2 by ALPN, as strict as RFC 8030, 8188 and
8292 allow a service to be.  It records every request, counts connections and RST_STREAM frames, and
answers as its script says: 201 where there is none.

It runs in a thread with an event loop of its own; what tests call is safe from any thread.
"""

import asyncio
import secrets
import threading
import time
from collections import defaultdict, deque

from . import httpserver, webpush
from .httpserver import Answer
from .wait import Overdue


class PushService:
    def __init__(self, authority, versions=("h2", "http/1.1"), port=0, hosts=("127.0.0.1",),
                 sockets=None):
        """hosts: addresses to listen on, each of them an origin.  sockets: these instead, bound by
        the caller; hosts are their names then."""
        self.hosts = tuple(hosts)
        self.sockets = sockets
        self.context = authority.context("push", versions, hosts=(*hosts, "localhost"))
        self.port = port
        self.posts = []
        self._of = defaultdict(list)        # the same, by path
        self.connections = 0
        self.resets = 0             # RST_STREAM frames from clients
        self.ahead = 0              # seconds that its clock is ahead of ours
        self.max_streams = None     # SETTINGS_MAX_CONCURRENT_STREAMS, where it is to be said
        self._scripts = defaultdict(deque)
        self._always = {}
        self._change = threading.Condition()
        self._loop = self._thread = None
        self._servers = []
        self._tasks = set()

    # Running.

    def start(self):
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10), "the push service did not start"
        return self

    def stop(self):
        """Stops listening and closes every connection; the port stays the same for start."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._thread = None

    def _run(self, ready):
        self._loop = asyncio.new_event_loop()
        self._servers = []
        for place in self.sockets or self.hosts:
            where = {"sock": place} if self.sockets else {"host": place, "port": self.port}
            server = self._loop.run_until_complete(asyncio.start_server(
                self._connection, ssl=self.context, backlog=1024, **where))
            self._servers.append(server)
            self.port = server.sockets[0].getsockname()[1]
        ready.set()
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._close())
            self._loop.close()

    async def _close(self):
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What tests ask for.

    def origin_of(self, host):
        return f"https://{host}" + ("" if self.port == 443 else f":{self.port}")

    @property
    def origin(self):
        return self.origin_of(self.hosts[0])

    @property
    def prefix(self):
        return f"{self.origin}/push/"

    @property
    def prefixes(self):
        return [f"{self.origin_of(host)}/push/" for host in self.hosts]

    def endpoint(self, host=None):
        """A new endpoint that nobody can guess."""
        return f"{self.origin_of(host or self.hosts[0])}/push/{secrets.token_urlsafe(24)}"

    @staticmethod
    def path(endpoint):
        """The path of a URL."""
        return "/" + endpoint.split("/", 3)[3] if endpoint.startswith("https:") else endpoint

    def script(self, endpoint, *answers):
        """The next answers to that endpoint, one each; then the usual one again."""
        with self._change:
            self._scripts[self.path(endpoint)].extend(answers)

    def always(self, endpoint, answer=None):
        """The usual answer to that endpoint; None: 201 again."""
        with self._change:
            self._always[self.path(endpoint)] = answer or Answer()

    def of(self, endpoint):
        """The requests to an endpoint so far."""
        with self._change:
            return list(self._of[self.path(endpoint)])

    def wait(self, endpoint, count=1, timeout=10):
        """Waits for that many answered requests to an endpoint, and gives all of them."""
        return self.wait_for(lambda: self._answered(endpoint, count), timeout,
                             f"{count} request(s) to an endpoint")

    def asked(self, endpoint, count=1, timeout=10):
        """As wait, for requests that may have no answer yet, or never get one."""
        return self.wait_for(lambda: len(self.of(endpoint)) >= count and self.of(endpoint), timeout,
                             f"{count} request(s) to an endpoint")

    def wait_for(self, condition, timeout=10, what="the push service saw something"):
        """Waits until condition is true; it is looked at after every request and answer."""
        with self._change:
            if not self._change.wait_for(condition, timeout):
                raise Overdue(f"not within {timeout:g} s: {what}")
            return condition()

    def _answered(self, endpoint, count):
        done = [post for post in self.of(endpoint) if post.status]
        return done if len(done) >= count else None

    # One connection.

    async def _connection(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self.connections += 1
        protocol = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        speak = httpserver.serve_h2 if protocol == "h2" else httpserver.serve_h1
        try:
            await speak(self, self.connections, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    def count_reset(self):
        with self._change:
            self.resets += 1

    def receive(self, post):
        """Files a request away: the answer to give."""
        post.fault, status = self._judge(post)
        with self._change:
            self.posts.append(post)
            self._of[post.path].append(post)
            queue = self._scripts[post.path]
            if queue:
                answer = queue.popleft()
            else:
                answer = self._always.get(post.path) or Answer(status)
            if answer.status == 201 and "Location" not in answer.headers:
                answer.headers["Location"] = f"{self.origin}/message/{secrets.token_hex(8)}"
            self._change.notify_all()
        return answer

    def answered(self, post, status):
        with self._change:
            post.status = status
            self._change.notify_all()

    def _judge(self, post):
        """(what is wrong, the status for it); ("", 201) where nothing is."""
        for name, good in RULES.items():
            if not good(post.headers.get(name)):
                return f"{name}: {post.headers.get(name)}", 400
        if post.method != "POST":
            return post.method, 405
        if len(post.body) > webpush.BODY_MAX:
            return f"a body of {len(post.body)} octets", 413
        try:
            post.claims, post.key = webpush.verify_vapid(
                post.headers.get("authorization", ""), f"https://{post.host}", time.time() + self.ahead)
        except (ValueError, KeyError) as error:
            return f"authorization: {error}", 403
        return "", 201


def _topic(text):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text is None or (0 < len(text) <= 32 and not set(text) - set(alphabet))


RULES = {
    "ttl": lambda text: text is not None and text.isdigit(),
    "urgency": lambda text: text in (None, "very-low", "low", "normal", "high"),
    "topic": _topic,
    "content-encoding": lambda text: text == "aes128gcm",
}
