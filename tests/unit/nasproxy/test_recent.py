"""What was used last is kept, up to a number of bytes."""

from nasproxy.recent import Recent


def test_what_was_not_used_for_longest_goes_first():
    recent = Recent(30)
    for key in "abc":
        recent.keep(key, key.upper(), 10)
    assert recent.get("a") == "A"  # used again, so that b is now the oldest
    recent.keep("d", "D", 10)
    assert [recent.get(key) for key in "abcd"] == ["A", None, "C", "D"]
    assert (len(recent), recent.nbytes) == (3, 30)


def test_a_value_takes_the_place_of_an_earlier_one_of_its_key():
    recent = Recent(30)
    recent.keep("a", 1, 10)
    recent.keep("a", 2, 25)
    assert (recent.get("a"), len(recent), recent.nbytes) == (2, 1, 25)


def test_one_above_the_limit_is_not_kept():
    recent = Recent(30)
    recent.keep("a", 1, 10)
    recent.keep("b", 2, 31)
    assert (recent.get("b"), recent.nbytes) == (None, 0)
