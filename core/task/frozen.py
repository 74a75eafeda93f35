"""The base of every value that crosses a room's door."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


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

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_left_out(cls, raw: Any) -> Any:
        """Take a key without a value, `slo:`, as one that is not there."""
        if not isinstance(raw, dict):
            return raw
        known = cls.model_fields
        return {key: value for key, value in raw.items() if value is not None or key not in known}
