"""Textual's driver for terminals, made safe for terminals that leave and for old ones.

When the line drops, the terminal is at its end for ever, and reading it again and again would take
half a processor from what is being measured. So its end is waited for, and ends the app at once.

A lone escape is only known by nothing following it. Textual waits 0.1 s for more, and looks for it
ten times a second; that is felt as a slow key.
"""

import os
import select
import threading
from codecs import getincrementaldecoder

from textual import constants
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

HANGUP_STATUS = 129
"""What a shell reports for a program ended by SIGHUP."""

_EXTENSIONS = ("\x1b[>", "\x1b[<u", "\x1b]22;")
"""How they begin: the keyboard of kitty, and back; the shape of the pointer."""

_ESCAPE_DELAY = 0.025
"""Seconds that the rest of a sequence may come after its escape; `ESCDELAY` overrides, in
milliseconds, for lines that tear sequences apart."""
_LOOK, _GLANCE = 100, 5
"""Milliseconds between two looks whether the app leaves, and whether an escape was a key."""


class TerminalDriver(LinuxDriver):
    """A driver that notices the end of its terminal, and asks old terminals no questions."""

    asks = True
    """Whether extensions may be asked for or turned on; old terminals print what they lack."""

    def start_application_mode(self) -> None:
        """Take the terminal over, and watch for its end."""
        if "ESCDELAY" not in os.environ:
            constants.ESCAPE_DELAY = _ESCAPE_DELAY  # type: ignore[misc]
        super().start_application_mode()  # type: ignore[no-untyped-call]
        threading.Thread(target=self._wait_for_its_end, name="terminal", daemon=True).start()

    def run_input_thread(self) -> None:
        """Pass on what is typed, until the app leaves the terminal."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        typed = select.poll()
        typed.register(self.fileno, select.POLLIN)
        while not self.exit_event.is_set():
            undecided = parser._timeout_time is not None
            ready = typed.poll(_GLANCE if undecided else _LOOK)
            if ready and (text := decode(os.read(self.fileno, 4096))):
                for event in parser.feed(text):
                    self.process_message(event)
            for event in parser.tick():
                self.process_message(event)

    def _wait_for_its_end(self) -> None:
        poll = select.poll()
        poll.register(self.fileno, 0)  # hang-ups and errors are always reported
        while True:
            for _, event in poll.poll():
                if event & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                    # There is nobody to tell and nothing to restore, and a clean end could wait for
                    # ever for the last lines to be taken. All that counts is in the store.
                    os._exit(HANGUP_STATUS)

    def write(self, data: str) -> None:
        """Send something, unless it is an extension that the terminal may print."""
        if self.asks or not data.startswith(_EXTENSIONS):
            super().write(data)

    def _request_terminal_sync_mode_support(self) -> None:
        if self.asks:
            super()._request_terminal_sync_mode_support()

    def _query_in_band_window_resize(self) -> None:
        if self.asks:
            super()._query_in_band_window_resize()

    def use_mouse(self, *, on: bool) -> None:
        """Have the terminal report the mouse, or leave it to select text."""
        if on:
            self._mouse = True
            self._enable_mouse_support()
        else:
            self._disable_mouse_support()
            self._mouse = False
