"""Any text, for hypothesis: what ``st.text`` makes by itself takes it 1.6 s to find, in a new checkout."""

from hypothesis import strategies as st

any_character = st.characters(exclude_categories=["Cs"])


def any_text(max_size: int) -> st.SearchStrategy[str]:
    return st.text(any_character, max_size=max_size)


def matching(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(pattern, fullmatch=True, alphabet=any_character)
