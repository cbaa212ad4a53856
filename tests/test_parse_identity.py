"""By what a source's entries are known: the ladder, and what it does with lies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import RUNGS
from aggregator.parse.identity import Names, keys_of, rung_of


def names(guid: str = "", number: int = 0, title: str = "", text: str = "") -> Names:
    page = f"https://p.example/{number}" if number else ""
    return Names(guid=guid, link=page, page=page, title=title, text=text)


def test_good_guids_are_kept():
    entries = [names(str(n), n, "Заголовок") for n in range(1, 30)]

    assert rung_of(entries, "guid") == ("guid", None)
    assert keys_of(entries, "guid") == [str(n) for n in range(1, 30)]


def test_one_repeated_guid_of_many_is_a_slip():
    """Miniflux' rule: the first keeps it, the other adds its link, else its words."""
    entries = [names(str(n), n) for n in range(3, 60)]
    entries += [names("3", 100), names("3", 0, "Без ссылки")]

    assert rung_of(entries, "guid") == ("guid", None)
    keys = keys_of(entries, "guid")
    assert keys[0] == "3"
    assert keys[-2] == "3|https://p.example/100"
    assert keys[-1].startswith("3|")
    # Whatever its place in the document is.
    assert keys_of([entries[0], entries[-1]], "guid")[-1] == keys[-1]


def test_guids_that_repeat_or_are_empty_give_way_to_links():
    same = [names("0", n) for n in range(1, 21)]
    some = [names("" if n < 4 else str(n), n) for n in range(1, 21)]

    for entries in (same, some):
        rung, reason = rung_of(entries, "guid")
        assert rung == "link"
        assert reason
        assert keys_of(entries, rung) == [each.page for each in entries]


def test_a_format_without_guids_is_no_trouble():
    entries = [names("", n) for n in range(1, 21)]

    assert rung_of(entries, "guid") == ("guid", None)
    assert keys_of(entries, "guid") == [each.page for each in entries]


def test_the_lower_rungs():
    one_page = [names("0", 1, f"Заголовок {n}") for n in range(20)]
    one_title = [names("0", 1, "Заголовок", f"Текст {n}") for n in range(20)]

    assert rung_of(one_page, "guid")[0] == "link+title"
    assert rung_of(one_title, "guid")[0] == "title+text"
    assert len(set(keys_of(one_title, "title+text"))) == 20


def test_an_entry_listed_twice_is_listed_once():
    entries = [names(str(n), n, "Заголовок") for n in (1, 2, 1, 3)]

    assert rung_of(entries, "guid") == ("guid", None)
    assert keys_of(entries, "guid") == ["1", "2", None, "3"]


few = st.sampled_from(["", "1", "2", "1|2", "text:0", "https://p.example/1"])
documents = st.lists(st.builds(Names, few, few, few, few, few), max_size=30)


@given(documents, st.sampled_from(RUNGS))
def test_laws(entries, remembered):
    rung, reason = rung_of(entries, remembered)

    # It never goes up, stays where it is, and says why it is not the guid.
    assert RUNGS.index(rung) >= RUNGS.index(remembered)
    assert rung_of(entries, rung)[0] == rung
    assert (reason is None) == (rung == "guid")
    # No entry is lost, and none has the key of another.
    keys = keys_of(entries, rung)
    found = [key for key in keys if key is not None]
    assert len(found) == len(set(found)) == len(set(entries))
