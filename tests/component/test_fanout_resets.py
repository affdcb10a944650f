"""Which HTTP version is spoken, by libcurl's own: streams that a client resets after their answer are what
services end connections for."""

import ctypes
import re

import pytest

from fanout_fixtures import authority  # noqa: F401
from lab.alone import Alone
from lab.pushd import PushService

PHONES, ROUNDS = 100, 20


def libcurl():
    """The version of the library that mailbelld is linked with."""
    library = ctypes.CDLL("libcurl.so.4")
    library.curl_version.restype = ctypes.c_char_p
    return tuple(int(n) for n in re.match(rb"libcurl/(\d+)\.(\d+)", library.curl_version()).groups())


@pytest.fixture
def push(authority):                        # noqa: F811
    service = PushService(authority).start()
    yield service
    service.stop()


def pushes(alone, rounds):
    """So many pushes to each of 100 devices of one origin, one after another: all requests, answered."""
    phones = [alone.phone() for _ in range(PHONES)]
    before = len(alone.push.posts)
    for uid in range(1, rounds + 1):
        alone.deliver((phone.user, uid) for phone in phones)
        for phone in phones:                # the verification is the first
            alone.push.wait(phone.endpoint, uid + 1, 30)
    for phone in phones:
        assert alone.idle(phone)["failures"] == 0
    return alone.push.posts[before:]


def test_the_version_that_auto_chooses(push, authority):        # noqa: F811
    """2,000 pushes with http_version = auto: each of them once, and not one stream is reset."""
    with Alone(push, authority, burst=1000) as alone:
        posts = pushes(alone, ROUNDS)
    assert len(posts) == PHONES * ROUNDS and {post.status for post in posts} == {201}
    assert {post.version for post in posts} == {"HTTP/2" if libcurl() >= (8, 14) else "HTTP/1.1"}
    assert push.resets == 0


def test_why_auto_chooses_so(push, authority):                  # noqa: F811
    """With http_version = 2, an older libcurl resets streams that were answered; a newer one does not."""
    with Alone(push, authority, burst=1000, http_version="2") as alone:
        posts = pushes(alone, 2)
    print(f"libcurl {libcurl()}: {push.resets} of {len(push.posts)} streams were reset")
    assert {post.version for post in posts} == {"HTTP/2"} and {post.status for post in posts} == {201}
    assert (push.resets > 0) == (libcurl() < (8, 14))
