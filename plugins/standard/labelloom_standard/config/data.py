"""The options of sources and formats of data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from labelloom.config import Config


class HubConfig(Config):
    """What `hf:` is told beside the name of a data set."""

    hf_config: str | None = Field(None, description="The configuration of a data set that has several.")
    revision: str | None = Field(None, description="The branch, tag or commit of a data set on the hub.")


class ReutersConfig(Config):
    """What `standard/reuters` takes of Reuters-21578."""

    topics: Literal["both", "all"] = Field(
        "both",
        description="The topics with documents in both splits, and the documents that have one; or every topic and "
        "every document of ModApte.",
    )
