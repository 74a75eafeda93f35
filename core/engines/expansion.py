"""What a wish that every engine states differently comes to for one of them."""

from pydantic import Field

from core.task import FlagValue, Frozen


class Expansion(Frozen):
    """The flags of one combination of wishes, or why the engine cannot have them."""

    flags: dict[str, FlagValue] = Field(default_factory=dict)
    """Assignments of the engine's own flags; one that is left at its default is not among them."""
    refusal: str | None = None
    """Why the combination cannot be had, in a phrase; None where it can."""
    notes: tuple[str, ...] = ()
    """What of the wishes has no flag because the engine decides it by itself, a sentence each."""

    @classmethod
    def refused(cls, why: str) -> "Expansion":
        """Return the expansion of a combination that cannot be had."""
        return cls(refusal=why)

    def __or__(self, later: "Expansion") -> "Expansion":
        """Return both together, the first refusal deciding."""
        return Expansion(
            flags={**self.flags, **later.flags},
            refusal=self.refusal or later.refusal,
            notes=(*self.notes, *later.notes),
        )
