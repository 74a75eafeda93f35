"""What a server says that it runs with, beside what it was asked for."""

from core.task import FlagValue, Frozen, spell


class Argument(Frozen):
    """One flag: what was asked, what the server runs with."""

    flag: str
    """The flag's name without its dashes."""
    asked: FlagValue = None
    """None where it was left to the engine."""
    in_force: FlagValue = None
    """What the server says; None where it does not tell."""
    differs: bool = False
    """Whether it runs otherwise than it was asked to."""

    @property
    def told(self) -> str:
        """The difference in a phrase."""
        asked, runs = spell(self.asked), spell(self.in_force)
        return f"asked for {self.flag} {asked}, the server runs with {runs}"


class ServerAccount(Frozen):
    """A server's own account of its version and its arguments."""

    version: str = ""
    """Empty where it does not tell."""
    arguments: tuple[Argument, ...] = ()
    """Every flag that was asked for, and those that the task varies and the server tells of."""
