"""The keys: none means two things at one place, and the README has them all."""

from pathlib import Path

import pytest

import tui
from tui.keymap import KEYS, Scope, markdown


@pytest.mark.parametrize("scope", list(Scope))
def test_no_key_means_two_things(scope: Scope) -> None:
    keys = [key for each in {scope, Scope.EVERYWHERE} for k in KEYS[each] for key in k.keys]
    assert len(keys) == len(set(keys))


def test_the_readme_has_every_key() -> None:
    readme = Path(tui.__file__).with_name("README.md").read_text()
    assert markdown() in readme, "python -m tui.keymap prints what belongs there"
