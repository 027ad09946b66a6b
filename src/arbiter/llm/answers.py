"""What a model may answer: anything else is no answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Reason = Annotated[str, Field(min_length=1, max_length=4_000)]


class SignalAnswer(BaseModel):
    """An opinion on a symbol."""

    model_config = ConfigDict(extra="ignore")

    action: Literal["BUY", "SELL", "HOLD"]
    confidence: Share
    reasoning: Reason


class RiskAnswer(BaseModel):
    """A word on a proposed purchase; `position_size` is a fraction of the capital."""

    model_config = ConfigDict(extra="ignore")

    approved: Annotated[bool, Field(strict=True)]
    position_size: Share
    confidence: Share = 0.5
    reasoning: Reason
