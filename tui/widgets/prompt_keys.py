"""Keys of text fields in the order in which they were pressed.

Textual lets a letter write itself at once, while backspace and the like travel up to the app and
come back as an action. Over a slow line several keys arrive in one piece, and the letters overtake
the backspace before them.
"""

from typing import TYPE_CHECKING

from textual.events import Key

if TYPE_CHECKING:
    from textual.widget import Widget as _Field
else:
    _Field = object  # a second widget among the bases would hide the field's own styles


class PromptKeys(_Field):
    """Mixed into a text field, before it among its bases."""

    async def _on_key(self, event: Key) -> None:
        """Do at once what a key of the field's own does; letters are left to the field's handler,
        which Textual calls after this one."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if not binding.priority:
                event.stop()
                event.prevent_default()
                await self.run_action(binding.action)
                return
