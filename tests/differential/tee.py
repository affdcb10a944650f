"""A relay on a UNIX socket that keeps what passed towards the server: the view from behind the proxy."""

import contextlib
import os
import queue
import socket
import threading


class Tee:
    """Accepts on `path`, connects to `server`.  The octets of each connection are taken when it has ended."""

    def __init__(self, path, server):
        self.path = path
        self.server = server
        self.finished = queue.Queue()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(64)
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)    # a blocked accept does not notice close
        self.listener.close()
        os.unlink(self.path)

    def take(self, timeout=30):
        """What the client of the connection that ended first has said."""
        return self.finished.get(timeout=timeout)

    def _listen(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        kept = []
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self.server)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server, kept)
            back.join()
        self.finished.put(b"".join(kept))


def _pump(source, sink, kept=None):
    """From one to the other, up to the end of file, which is passed on."""
    with contextlib.suppress(OSError):
        while octets := source.recv(65536):
            if kept is not None:
                kept.append(octets)
            sink.sendall(octets)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
