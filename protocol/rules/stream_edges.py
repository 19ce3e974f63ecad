"""What joins streams: links that say one may explain another, subscriptions that carry values from one to another.

Tables of edges as plain sets, and functions from one table to the next: whoever stores them writes the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Final, NamedTuple

from protocol.errors import InvalidRequest, NotFound
from protocol.rules.stream_names import DELAYS, check_delay, is_valid_name

MAX_LINKS: Final = 1_000
"""Links from one stream."""
MAX_SOURCES: Final = 1_000
"""Streams that one stream subscribes to."""
MAX_SUBSCRIBERS: Final = 1_000
"""Streams that subscribe to one stream ..."""
MAX_SUBSCRIBERS_OF_OWNER: Final = 10
"""... and how many of them are one owner's: each value is written into the mailbox of each."""
LINK_WEIGHT: Final = 1.0
"""What every link weighs, as readers are told; there has never been another weight."""


class Link(NamedTuple):
    """The delayed values of a stream may explain a target, which need not exist yet."""

    name: str
    delay: int
    target: str


class Subscription(NamedTuple):
    """Each value of the source is put into the subscriber's mailbox."""

    subscriber: str
    source: str


class Message(NamedTuple):
    """A value on its way into a mailbox."""

    mailbox: str
    sender: str
    value: str


Links = frozenset[Link]
Subscriptions = frozenset[Subscription]
Mailbox = Mapping[str, str]
"""Sender -> its newest value, as it was published."""


def add_link(links: Set[Link], name: str, delay: int, target: str) -> Links:
    """The links with one more; the owner of `name` states it.

    Raises InvalidRequest (theirs) for a target that can be no stream, an unknown delay, a link to itself, and more than
    1,000 from one stream.
    """
    check_delay(delay, DELAYS)
    if not is_valid_name(target) or target == name:
        raise InvalidRequest(f"{target[:200]!r} is no other stream's name", field="target")
    added = links | {Link(name, delay, target)}
    if sum(link.name == name for link in added) > MAX_LINKS:
        raise InvalidRequest(f"a stream has at most {MAX_LINKS} links", field="target", limit=MAX_LINKS)
    return frozenset(added)


def remove_link(links: Set[Link], name: str, delay: int, target: str) -> Links:
    """The links without one; the owner of either side may take it back. Raises NotFound when there is no such link."""
    if Link(name, delay, target) not in links:
        raise NotFound(f"{name} has no link to {target} at {delay} s", field="target")
    return frozenset(links - {Link(name, delay, target)})


def links_of(links: Set[Link], name: str, delay: int) -> dict[str, float]:
    """Target -> weight, of a stream's links at one delay, in alphabetical order."""
    return {link.target: LINK_WEIGHT for link in sorted(links) if (link.name, link.delay) == (name, delay)}


def backlinks_of(links: Set[Link], target: str) -> list[Link]:
    """The links that point to a stream, in alphabetical order."""
    return sorted(link for link in links if link.target == target)


def subscribe(subscriptions: Set[Subscription], subscriber: str, source: str) -> Subscriptions:
    """The subscriptions with one more; the subscriber's owner asks for it.

    Raises InvalidRequest (theirs) for a source that can be no stream, for itself, and for more than 1,000 sources.
    """
    if not is_valid_name(source) or source == subscriber:
        raise InvalidRequest(f"{source[:200]!r} is no other stream's name", field="source")
    added = subscriptions | {Subscription(subscriber, source)}
    if sum(one.subscriber == subscriber for one in added) > MAX_SOURCES:
        raise InvalidRequest(f"a stream has at most {MAX_SOURCES} sources", field="source", limit=MAX_SOURCES)
    return frozenset(added)


def check_subscribers(existing: int, of_owner: int) -> None:
    """Raises InvalidRequest (theirs) where a source has all the subscribers that it may have, or that one owner may.

    existing, of_owner: how many others subscribe to it, and how many of those are the asker's.
    """
    for many, limit, whose in ((of_owner, MAX_SUBSCRIBERS_OF_OWNER, " of one owner"), (existing, MAX_SUBSCRIBERS, "")):
        if many >= limit:
            raise InvalidRequest(f"at most {limit} streams{whose} subscribe to one", field="source", limit=limit)


def unsubscribe(subscriptions: Set[Subscription], subscriber: str, source: str) -> Subscriptions:
    """The subscriptions without one; what its mailbox holds stays. Raises NotFound when there is none."""
    if Subscription(subscriber, source) not in subscriptions:
        raise NotFound(f"{subscriber} does not subscribe to {source}", field="source")
    return frozenset(subscriptions - {Subscription(subscriber, source)})


def sources_of(subscriptions: Set[Subscription], subscriber: str) -> list[str]:
    """The streams that a stream subscribes to, in alphabetical order."""
    return sorted(one.source for one in subscriptions if one.subscriber == subscriber)


def subscribers_of(subscriptions: Set[Subscription], source: str) -> list[str]:
    """The streams that subscribe to a stream, in alphabetical order."""
    return sorted(one.subscriber for one in subscriptions if one.source == source)


def messages_for(subscriptions: Set[Subscription], source: str, value: str) -> list[Message]:
    """The messages that a stream's new value makes: one to each subscriber, and none goes on from there."""
    return [Message(mailbox, source, value) for mailbox in subscribers_of(subscriptions, source)]


def deliver(mailbox: Mailbox, message: Message) -> dict[str, str]:
    """The mailbox with the sender's newest value in place of the one before."""
    return {**mailbox, message.sender: message.value}


def without_stream(
    links: Set[Link], subscriptions: Set[Subscription], name: str
) -> tuple[Links, Subscriptions]:  # fmt: skip
    """Both tables without a stream that was deleted or whose name became free: all that goes out of it or into it."""
    return (
        frozenset(link for link in links if name not in (link.name, link.target)),
        frozenset(one for one in subscriptions if name not in one),
    )
