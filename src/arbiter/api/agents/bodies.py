"""Request bodies; what does not fit is told with the field's name."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Amount = Annotated[float, BeforeValidator(_number), Field(gt=0, lt=1e15, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=64)]


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore")


class NewOrder(Body):
    symbol: Name
    side: Annotated[Literal["BUY", "SELL"], BeforeValidator(_upper)]
    type: Annotated[Literal["MARKET", "LIMIT"], BeforeValidator(_upper)]
    quantity: Amount
    price: Annotated[Amount | None, Field(validate_default=True)] = None

    @field_validator("price")
    @classmethod
    def _priced(cls, price: float | None, order: ValidationInfo) -> float | None:
        kind = order.data.get("type")
        if kind == "LIMIT" and price is None:
            raise ValueError("Price is required for limit orders")
        if kind == "MARKET" and price is not None:
            raise ValueError("Price is only for limit orders")
        return price


class StartTrading(Body):
    symbol: Name
    initial_capital: Amount
    mode: Annotated[Literal["PAPER", "LIVE"], BeforeValidator(_upper)] = "PAPER"


class OneSession(Body):
    session_id: Name


class StopTrading(OneSession):
    final_capital: Annotated[
        float, BeforeValidator(_number), Field(ge=0, lt=1e15, allow_inf_nan=False)
    ]


Fraction = Annotated[float, Field(gt=0, le=1)]


class ConfigChange(BaseModel):
    """What may change at run time, for the documentation; each value is checked on its own."""

    model_config = ConfigDict(extra="forbid")

    trading_mode: Literal["paper", "live"] | None = None
    initial_capital: Annotated[float, Field(gt=0)] | None = None
    max_positions: Annotated[int, Field(gt=0)] | None = None
    max_position_size: Fraction | None = None
    max_daily_loss: Fraction | None = None
    max_drawdown: Fraction | None = None
    default_stop_loss: Fraction | None = None
    default_take_profit: Annotated[float, Field(gt=0)] | None = None
    min_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    llm_approval_required: bool | None = None
    llm_temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    llm_max_tokens: Annotated[int, Field(gt=0)] | None = None


CONFIG_CHANGE: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": ConfigChange.model_json_schema()}},
}
