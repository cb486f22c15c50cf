"""Groups of settings that are more than a list of fields."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

HTTP_ADDRESS: Final = r"^https?://[^/\s]+"


class Group(BaseModel):
    """Settings that belong together; the docstring of each group is its title."""

    # Unknown names are found by `_unknown`, which can say what was meant; `*_FILE` names arrive here as extra ones.
    model_config = ConfigDict(extra="ignore", frozen=True)
