"""What the rows of the daemon share: mailbelld started in another way, push services of their own, and
accounts with a device there."""

import contextlib
import os

from lab.device import Device
from lab.process import free_ports
from lab.pushd import PushService

from .ledger import Person


@contextlib.contextmanager
def daemon(site, prefix=(), env=(), **settings):
    """The site's mailbelld with a command in front of it, such as one that enters a namespace, with
    more environment and other settings, as long as the block lasts."""
    mailbell = site.lab.mailbell
    process, changes = mailbell.daemon, mailbell.changes
    argv, before = process.argv, process.env
    process.stop()
    process.argv, process.env = [*prefix, *argv], {**before, **dict(env)}
    mailbell.changes = {**changes, **settings}
    mailbell.write()
    try:
        mailbell.start_daemon()
        yield mailbell
    finally:
        process.stop()
        process.argv, process.env = argv, before
        mailbell.changes = changes
        mailbell.write()
        mailbell.start_daemon()


@contextlib.contextmanager
def service(site, hosts, versions=("http/1.1",), sockets=None):
    """A push service at these hosts, each of them an origin."""
    running = PushService(site.lab.authority, versions, port=free_ports(1)[0], hosts=hosts,
                          sockets=sockets).start()
    try:
        yield running
    finally:
        running.stop()


def hosts(count, net):
    """Addresses of this machine."""
    return [f"127.{net}.{i // 250}.{i % 250 + 1}" for i in range(count)]


def device_at(site, push, host=None, endpoint=None):
    """A device that nobody has subscribed yet."""
    device = Device(push)
    device.endpoint = endpoint or push.endpoint(host)
    site.lab.devices.append(device)
    return device


def subscribers(site, this, push, places, owed=True):
    """An account for each host, with a device there.  owed=False: the ledger does not expect that what
    comes for it rings."""
    found = []
    for host in places:
        person = Person(site.lab.user())
        person.phone = device_at(site, push, host)
        with site.lab.imap(person.address) as imap:
            person.phone.subscribe(imap)
        person.device = person.phone if owed else None
        found.append(person)
    return this.ledger.add(found)


def show(site, person):
    """What `mailbell show` says of a person's device."""
    rows = site.lab.mailbell.admin("show", person.address, person.phone.id)
    return rows[0] if isinstance(rows, list) else rows


def exists(site, person):
    return any(row["id"] == person.phone.id for row in site.lab.mailbell.admin("list", person.address))


def status(site):
    return site.lab.mailbell.admin("status")


def forget(site, people):
    """What still waits for people is dropped, and their devices go."""
    for person in people:
        site.lab.mailbell.run("revoke", person.address)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
