"""The base of every value that crosses a room's door."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable value of finite numbers: a missing figure is `None`, never NaN or infinity."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )


class Section(Frozen):
    """A part of the user's task file. Unknown keys are kept, and warned about on reading."""

    model_config = ConfigDict(extra="allow")
