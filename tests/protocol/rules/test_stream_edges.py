import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import InvalidRequest, NotFound
from protocol.rules.stream_edges import (
    MAX_LINKS,
    MAX_SOURCES,
    Link,
    Message,
    Subscription,
    add_link,
    backlinks_of,
    check_subscribers,
    deliver,
    links_of,
    messages_for,
    remove_link,
    sources_of,
    subscribe,
    subscribers_of,
    unsubscribe,
    without_stream,
)
from protocol.rules.stream_names import DELAYS

NAMES = ["a.json", "b.json", "c.json", "z1~a~70.json"]
pairs = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1])


@given(st.lists(st.tuples(pairs, st.sampled_from(DELAYS)), max_size=20))
@settings(max_examples=100, deadline=None)
def test_every_link_is_seen_from_both_sides_and_is_gone_when_taken_back(stated):
    links = frozenset()
    for (name, target), delay in stated:
        links = add_link(links, name, delay, target)
    assert {Link(name, delay, target) for (name, target), delay in stated} == links
    for name, delay, target in links:
        assert {target: 1.0}.items() <= links_of(links, name, delay).items()
        assert Link(name, delay, target) in backlinks_of(links, target)
        assert links - {Link(name, delay, target)} == remove_link(links, name, delay, target)


@given(st.lists(pairs, max_size=20), st.sampled_from(NAMES))
@settings(max_examples=100, deadline=None)
def test_a_value_goes_to_every_subscriber_once_and_to_nobody_else(asked, source):
    subscriptions = frozenset()
    for subscriber, of in asked:
        subscriptions = subscribe(subscriptions, subscriber, of)
    expected = sorted({subscriber for subscriber, of in asked if of == source})

    assert expected == subscribers_of(subscriptions, source)
    assert [Message(mailbox, source, "3") for mailbox in expected] == messages_for(subscriptions, source, "3")
    assert sorted({of for subscriber, of in asked if subscriber == source}) == sources_of(subscriptions, source)


def test_a_mailbox_holds_each_sender_s_newest_value_also_after_it_is_not_subscribed_to_any_more():
    subscriptions = subscribe(subscribe(frozenset(), "a.json", "b.json"), "a.json", "c.json")
    mailbox: dict[str, str] = {}
    for sender, value in (("b.json", "1"), ("c.json", "2"), ("b.json", "3")):
        for message in messages_for(subscriptions, sender, value):
            mailbox = deliver(mailbox, message)
    subscriptions = unsubscribe(subscriptions, "a.json", "b.json")

    assert {"b.json": "3", "c.json": "2"} == mailbox
    assert [] == messages_for(subscriptions, "b.json", "4")
    assert ["c.json"] == sources_of(subscriptions, "a.json")


def test_a_stream_that_is_gone_takes_all_its_edges_with_it():
    links = frozenset({Link("a.json", 70, "b.json"), Link("b.json", 70, "c.json"), Link("c.json", 70, "a.json")})
    subscriptions = frozenset({Subscription("a.json", "b.json"), Subscription("b.json", "c.json")})

    assert (
        frozenset({Link("b.json", 70, "c.json")}),
        frozenset({Subscription("b.json", "c.json")}),
    ) == without_stream(links, subscriptions, "a.json")


def test_what_is_no_edge_is_refused():
    for target in ("a.json", "no name", "a.b.json"):
        with pytest.raises(InvalidRequest):
            add_link(frozenset(), "a.json", 70, target)
        with pytest.raises(InvalidRequest):
            subscribe(frozenset(), "a.json", target)
    with pytest.raises(InvalidRequest):
        add_link(frozenset(), "a.json", 60, "b.json")
    with pytest.raises(NotFound):
        remove_link(frozenset(), "a.json", 70, "b.json")
    with pytest.raises(NotFound):
        unsubscribe(frozenset(), "a.json", "b.json")


def test_edges_from_one_stream_are_bounded():
    links = frozenset(Link("a.json", 70, f"t{n}.json") for n in range(MAX_LINKS))
    subscriptions = frozenset(Subscription("a.json", f"t{n}.json") for n in range(MAX_SOURCES))

    assert links == add_link(links, "a.json", 70, "t0.json")
    assert MAX_LINKS + 1 == len(add_link(links, "b.json", 70, "t0.json"))
    with pytest.raises(InvalidRequest) as refusal:
        add_link(links, "a.json", 70, "more.json")
    assert MAX_LINKS == refusal.value.fields["limit"]
    with pytest.raises(InvalidRequest):
        subscribe(subscriptions, "a.json", "more.json")


@pytest.mark.parametrize(("existing", "of_owner"), [(1_000, 0), (10, 10)])
def test_a_source_has_a_bound_of_subscribers(existing, of_owner):
    check_subscribers(existing - 1, max(0, of_owner - 1))
    with pytest.raises(InvalidRequest):
        check_subscribers(existing, of_owner)
