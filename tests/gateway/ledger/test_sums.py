"""Entries and their sums, without Redis."""

from datetime import date

from fairlead_gateway.cache import CacheState
from fairlead_gateway.ledger.entry import ENCODE, decode
from fairlead_gateway.ledger.sums import Group, Sums, from_fields, sums_of, to_fields
from fairlead_gateway.limits import Outcome
from tests.gateway.ledger.entries import NOON_S, entry, record

DAY = date(2027, 1, 15)
TOKEN = Group("", "demo")


def test_an_entry_survives_the_stream() -> None:
    """What is written is what is read."""
    written = entry(key_id="0123456789ab", error_code="engine_died", cost=None, queue_s=None)
    assert decode(ENCODE(written)) == written
    assert (written.at_ms, written.ttft_ms, written.total_ms) == (int(NOON_S * 1000), 250, 1500)


def test_a_subject_that_is_no_text_harms_nobody() -> None:
    """A token's subject may hold what cannot be encoded; the entry is written all the same."""
    assert decode(ENCODE(entry(subject="a\ud800"))).subject == "a?"


def test_requests_are_summed_by_day_tenant_key_and_model() -> None:
    """Each group has its own sums, by the UTC day on which its requests arrived."""
    midnight_s = NOON_S + 12 * 3600
    entries = [
        entry(at_s=midnight_s - 0.001),
        entry(at_s=midnight_s),
        entry(key_id="0123456789ab"),
        entry(model="other"),
        entry(tenant="globex"),
        entry(),
    ]
    sums = sums_of(entries)
    assert {where: {group: each.requests for group, each in groups.items()} for where, groups in sums.items()} == {
        (DAY, "acme"): {TOKEN: 2, Group("0123456789ab", "demo"): 1, Group("", "other"): 1},
        (date(2027, 1, 16), "acme"): {TOKEN: 1},
        (DAY, "globex"): {TOKEN: 1},
    }


def test_models_of_a_cluster_have_their_own_sums() -> None:
    """A namespace before a model's name is a part of the name, also when sums are read back."""
    entries = [entry(model="team-a/demo"), entry(model="team-b/demo", key_id="0123456789ab"), entry(model="demo")]
    groups = sums_of(entries)[(DAY, "acme")]
    stored = [part for field, value in to_fields(groups) for part in (field.encode(), b"%d" % value)]
    assert from_fields(stored) == groups
    assert set(groups) == {Group("", "team-a/demo"), Group("0123456789ab", "team-b/demo"), TOKEN}


def test_every_kind_of_request_counts_as_what_it_is() -> None:
    """Errors, answers from the cache and requests without a price are told apart."""
    entries = [
        entry(),
        entry(usage=None, cost=0, outcome=Outcome.CACHED, cache=CacheState.HIT),
        entry(usage=None, cost=None, outcome=Outcome.REFUSED, error_code="rate_limit_exceeded", status=429),
        entry(cost=None),
    ]
    (groups,) = sums_of(entries).values()
    assert groups == {
        TOKEN: Sums(
            requests=4,
            errors=1,
            cached_answers=1,
            input_tokens=14,
            output_tokens=6,
            cached_input_tokens=4,
            unpriced=1,
            cost=1_800,
        )
    }


def test_sums_survive_redis() -> None:
    """Fields of a hash become sums again, a cost of nothing among them; counters of a later version are left out."""
    groups = {TOKEN: Sums(requests=2, cost=0), Group("0123456789ab", ""): Sums(requests=1, errors=1)}
    flat = [part for name, value in to_fields(groups) for part in (name.encode(), str(value).encode())]
    assert from_fields([*flat, b"/demo/audio_ms", b"5"]) == groups


def test_a_cost_of_nothing_is_not_the_same_as_none() -> None:
    """Sums have a cost as soon as one of their requests had."""
    total = Sums(requests=1)
    total.add(Sums(requests=1))
    assert total == Sums(requests=2, cost=None)
    total.add(Sums(requests=1, cost=0))
    assert total == Sums(requests=3, cost=0)


def test_a_record_waits_without_its_text() -> None:
    """No field of a record or an entry holds a prompt, an answer or an error's text."""
    names = {*record().__struct_fields__, *entry().__struct_fields__}
    assert not {
        name for name in names if any(word in name for word in ("prompt", "body", "content", "message", "text"))
    }
