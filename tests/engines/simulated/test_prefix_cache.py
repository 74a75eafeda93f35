"""The radix tree, held against a plain set of prefixes."""

from hypothesis import given
from hypothesis import strategies as st

from core.engines.simulated.prefix_cache import TOKEN_BYTES, PrefixCache

PROMPTS = st.lists(st.sampled_from("ab"), min_size=1, max_size=24).map("".join)


def tokens(text: str) -> bytes:
    return b"".join(letter.encode() * TOKEN_BYTES for letter in text)


def known_pages(prompts: list[str], text: str, page: int) -> int:
    """How many whole pages of `text` some prompt begins with."""
    prefixes = {p[:end] for p in prompts for end in range(page, len(p) + 1, page)}
    found = 0
    while text[: (found + 1) * page] in prefixes and (found + 1) * page <= len(text):
        found += 1
    return found


@given(st.lists(PROMPTS, max_size=12), PROMPTS, st.integers(1, 4))
def test_a_match_is_the_longest_known_beginning_in_whole_pages(
    prompts: list[str], text: str, page: int
) -> None:
    cache = PrefixCache(page)
    for done, prompt in enumerate(prompts):
        assert cache.match(tokens(prompt))[1] == known_pages(prompts[:done], prompt, page)
        cache.insert(tokens(prompt))
    assert cache.match(tokens(text))[1] == known_pages(prompts, text, page)


@given(st.lists(PROMPTS, max_size=12), st.integers(1, 4))
def test_a_page_is_stored_once(prompts: list[str], page: int) -> None:
    cache = PrefixCache(page)
    added = sum(cache.insert(tokens(prompt))[1] for prompt in prompts)
    distinct = {p[:end] for p in prompts for end in range(page, len(p) + 1, page)}
    assert cache.pages == cache.evictable == added == len(distinct)


@given(
    st.lists(PROMPTS, min_size=1, max_size=12),
    st.sets(st.integers(0, 11)),
    st.integers(1, 4),
    st.integers(0, 60),
)
def test_eviction_frees_what_is_asked_for_and_spares_what_is_locked(
    prompts: list[str], locked: set[int], page: int, wanted: int
) -> None:
    cache = PrefixCache(page)
    held = []
    for place, prompt in enumerate(prompts):
        node, _ = cache.insert(tokens(prompt))
        if place in locked:
            cache.lock(node)
            held.append((prompt, node))
    before, evictable = cache.pages, cache.evictable
    dropped = cache.evict(wanted)
    assert min(wanted, evictable) <= dropped <= evictable
    assert (cache.pages, cache.evictable) == (before - dropped, evictable - dropped)
    for prompt, node in held:
        assert cache.match(tokens(prompt))[1] == len(prompt) // page
        cache.unlock(node)
    assert cache.evictable == cache.pages
    assert cache.evict(cache.pages) == before - dropped
    assert cache.pages == 0


@given(st.lists(PROMPTS, max_size=8), PROMPTS, PROMPTS, st.integers(1, 4))
def test_going_on_from_a_known_beginning_is_the_same_as_from_the_root(
    prompts: list[str], head: str, tail: str, page: int
) -> None:
    cache = PrefixCache(page)
    node, _ = cache.insert(tokens(head))
    for prompt in prompts:
        cache.insert(tokens(prompt))
    known = len(head) // page
    found = cache.match(tokens(head + tail), node, known)
    assert found == cache.match(tokens(head + tail))
    _, added = cache.insert(tokens(head + tail), node, known)
    assert added == len(head + tail) // page - found[1]


def test_the_least_recently_used_prompt_goes_first() -> None:
    cache = PrefixCache(1)
    for prompt in ("aaa", "bbb", "ccc"):
        cache.insert(tokens(prompt))
    cache.match(tokens("aaa"))
    cache.evict(1)
    assert [cache.match(tokens(prompt))[1] for prompt in ("aaa", "bbb", "ccc")] == [3, 0, 3]


def test_large_pages_find_less() -> None:
    found = []
    for page in (1, 4, 16):
        cache = PrefixCache(page)
        cache.insert(tokens("a" * 30))
        found.append(cache.match(tokens("a" * 25 + "b" * 5))[1] * page)
    assert found == [25, 24, 16]
