"""Orders and the account at Aster: Binance's client, another signature, other rights."""

from collections.abc import Mapping

from arbiter.model.errors import VenueRefused
from arbiter.venues.aster.addresses import MARKET, PRIVATE
from arbiter.venues.aster.rest import AsterRest
from arbiter.venues.aster.signing import Signer
from arbiter.venues.binance.errors import VERDICTS as BINANCE_VERDICTS
from arbiter.venues.binance.futures import BinanceFuturesOrders
from arbiter.venues.binance.orders import private_origin
from arbiter.venues.common.account import AccountWiring, KeyRights, understood
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.verdicts import Verdict, Verdicts

_SAFE = (
    "at asterdex.com, under API management, approve an agent wallet that may trade perpetuals and "
    "not withdraw; give the account's address and the agent's private key"
)


class _Words(Verdicts, frozen=True):
    """Aster says -1000 of signatures and agents it does not know, too: there nothing was done."""

    def of(self, answer: Answered) -> Verdict:
        if answer.code == "-1000" and answer.text.startswith(("Signature", "No agent")):
            return Verdict.REFUSED
        return super().of(answer)


class AsterOrders(BinanceFuturesOrders):
    verdicts = _Words(codes=BINANCE_VERDICTS.codes)

    def __init__(self, wiring: AccountWiring) -> None:
        keys = wiring.keys
        signer = None if keys is None else Signer(keys.api_key, keys.secret)
        origin = (wiring.endpoints or MARKET.endpoints).rest
        self._aster = AsterRest(signer, origin, wiring.clock, wiring.timeout_s)
        super().__init__(wiring, self._aster)

    @understood
    async def rights(self) -> KeyRights:
        """Read them from the list of agents: other reads answer to a wrong signature, too."""
        signer = self._aster.signer
        assert signer is not None, "only those who trade ask"
        if signer.is_user:
            return KeyRights(
                can_trade=True, can_withdraw=True, restricted_to_ip=False, safe_key=_SAFE
            )
        rows = await self._read("rights", lambda: self._aster.call("fapiprivate_get_agent"))
        mine: Mapping[str, object] | None = next(
            (row for row in rows if str(row["agentAddress"]).lower() == signer.address.lower()),
            None,
        )
        if mine is None:
            raise VenueRefused(f"aster: no agent {signer.address} of this account", code="-1000")
        return KeyRights(
            can_trade=bool(mine.get("canPerpTrade")),
            can_withdraw=bool(mine.get("canWithdraw")),
            restricted_to_ip=bool(mine.get("ipWhitelist")),
            safe_key=_SAFE,
        )

    def _user_data(self, listen_key: str) -> str:
        return f"{private_origin(self._wiring, PRIVATE)}/ws/{listen_key}"
