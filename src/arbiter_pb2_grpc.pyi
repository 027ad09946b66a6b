from collections.abc import AsyncIterator, Awaitable, Iterator

import arbiter_pb2 as pb
import grpc
import grpc.aio

class UserServiceStub:
    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None: ...
    Authenticate: grpc.UnaryUnaryMultiCallable[pb.AuthRequest, pb.AuthResponse]
    RefreshToken: grpc.UnaryUnaryMultiCallable[pb.RefreshTokenRequest, pb.AuthResponse]
    GetBalances: grpc.UnaryUnaryMultiCallable[pb.BalancesRequest, pb.BalancesResponse]
    GetPositions: grpc.UnaryUnaryMultiCallable[pb.PositionsRequest, pb.PositionsResponse]

class UserServiceAsyncStub:
    """UserServiceStub over a channel of grpc.aio; there is none such at run time."""

    Authenticate: grpc.aio.UnaryUnaryMultiCallable[pb.AuthRequest, pb.AuthResponse]
    RefreshToken: grpc.aio.UnaryUnaryMultiCallable[pb.RefreshTokenRequest, pb.AuthResponse]
    GetBalances: grpc.aio.UnaryUnaryMultiCallable[pb.BalancesRequest, pb.BalancesResponse]
    GetPositions: grpc.aio.UnaryUnaryMultiCallable[pb.PositionsRequest, pb.PositionsResponse]

class UserServiceServicer:
    def Authenticate(
        self, request: pb.AuthRequest,
        context: grpc.aio.ServicerContext[pb.AuthRequest, pb.AuthResponse]
    ) -> pb.AuthResponse | Awaitable[pb.AuthResponse]: ...
    def RefreshToken(
        self, request: pb.RefreshTokenRequest,
        context: grpc.aio.ServicerContext[pb.RefreshTokenRequest, pb.AuthResponse]
    ) -> pb.AuthResponse | Awaitable[pb.AuthResponse]: ...
    def GetBalances(
        self, request: pb.BalancesRequest,
        context: grpc.aio.ServicerContext[pb.BalancesRequest, pb.BalancesResponse]
    ) -> pb.BalancesResponse | Awaitable[pb.BalancesResponse]: ...
    def GetPositions(
        self, request: pb.PositionsRequest,
        context: grpc.aio.ServicerContext[pb.PositionsRequest, pb.PositionsResponse]
    ) -> pb.PositionsResponse | Awaitable[pb.PositionsResponse]: ...

def add_UserServiceServicer_to_server(
    servicer: UserServiceServicer, server: grpc.Server | grpc.aio.Server
) -> None: ...

class TradingServiceStub:
    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None: ...
    PlaceOrder: grpc.UnaryUnaryMultiCallable[pb.PlaceOrderRequest, pb.PlaceOrderResponse]
    CancelOrder: grpc.UnaryUnaryMultiCallable[pb.CancelOrderRequest, pb.CancelOrderResponse]
    GetOrder: grpc.UnaryUnaryMultiCallable[pb.GetOrderRequest, pb.OrderResponse]
    ListOrders: grpc.UnaryUnaryMultiCallable[pb.ListOrdersRequest, pb.ListOrdersResponse]

class TradingServiceAsyncStub:
    """TradingServiceStub over a channel of grpc.aio; there is none such at run time."""

    PlaceOrder: grpc.aio.UnaryUnaryMultiCallable[pb.PlaceOrderRequest, pb.PlaceOrderResponse]
    CancelOrder: grpc.aio.UnaryUnaryMultiCallable[pb.CancelOrderRequest, pb.CancelOrderResponse]
    GetOrder: grpc.aio.UnaryUnaryMultiCallable[pb.GetOrderRequest, pb.OrderResponse]
    ListOrders: grpc.aio.UnaryUnaryMultiCallable[pb.ListOrdersRequest, pb.ListOrdersResponse]

class TradingServiceServicer:
    def PlaceOrder(
        self, request: pb.PlaceOrderRequest,
        context: grpc.aio.ServicerContext[pb.PlaceOrderRequest, pb.PlaceOrderResponse]
    ) -> pb.PlaceOrderResponse | Awaitable[pb.PlaceOrderResponse]: ...
    def CancelOrder(
        self, request: pb.CancelOrderRequest,
        context: grpc.aio.ServicerContext[pb.CancelOrderRequest, pb.CancelOrderResponse]
    ) -> pb.CancelOrderResponse | Awaitable[pb.CancelOrderResponse]: ...
    def GetOrder(
        self, request: pb.GetOrderRequest,
        context: grpc.aio.ServicerContext[pb.GetOrderRequest, pb.OrderResponse]
    ) -> pb.OrderResponse | Awaitable[pb.OrderResponse]: ...
    def ListOrders(
        self, request: pb.ListOrdersRequest,
        context: grpc.aio.ServicerContext[pb.ListOrdersRequest, pb.ListOrdersResponse]
    ) -> pb.ListOrdersResponse | Awaitable[pb.ListOrdersResponse]: ...

def add_TradingServiceServicer_to_server(
    servicer: TradingServiceServicer, server: grpc.Server | grpc.aio.Server
) -> None: ...

class StrategyServiceStub:
    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None: ...
    GetArbStatus: grpc.UnaryUnaryMultiCallable[pb.GetArbStatusRequest, pb.GetArbStatusResponse]
    SetArbEnabled: grpc.UnaryUnaryMultiCallable[pb.SetArbEnabledRequest, pb.SetArbEnabledResponse]
    GetArbConfig: grpc.UnaryUnaryMultiCallable[pb.GetArbConfigRequest, pb.ArbConfig]
    UpdateArbConfig: grpc.UnaryUnaryMultiCallable[pb.UpdateArbConfigRequest, pb.ArbConfig]
    ListCopyTrades: grpc.UnaryUnaryMultiCallable[pb.ListCopyTradesRequest, pb.ListCopyTradesResponse]
    AddCopyTrade: grpc.UnaryUnaryMultiCallable[pb.AddCopyTradeRequest, pb.CopyTrade]
    RemoveCopyTrade: grpc.UnaryUnaryMultiCallable[pb.RemoveCopyTradeRequest, pb.RemoveCopyTradeResponse]

class StrategyServiceAsyncStub:
    """StrategyServiceStub over a channel of grpc.aio; there is none such at run time."""

    GetArbStatus: grpc.aio.UnaryUnaryMultiCallable[pb.GetArbStatusRequest, pb.GetArbStatusResponse]
    SetArbEnabled: grpc.aio.UnaryUnaryMultiCallable[pb.SetArbEnabledRequest, pb.SetArbEnabledResponse]
    GetArbConfig: grpc.aio.UnaryUnaryMultiCallable[pb.GetArbConfigRequest, pb.ArbConfig]
    UpdateArbConfig: grpc.aio.UnaryUnaryMultiCallable[pb.UpdateArbConfigRequest, pb.ArbConfig]
    ListCopyTrades: grpc.aio.UnaryUnaryMultiCallable[pb.ListCopyTradesRequest, pb.ListCopyTradesResponse]
    AddCopyTrade: grpc.aio.UnaryUnaryMultiCallable[pb.AddCopyTradeRequest, pb.CopyTrade]
    RemoveCopyTrade: grpc.aio.UnaryUnaryMultiCallable[pb.RemoveCopyTradeRequest, pb.RemoveCopyTradeResponse]

class StrategyServiceServicer:
    def GetArbStatus(
        self, request: pb.GetArbStatusRequest,
        context: grpc.aio.ServicerContext[pb.GetArbStatusRequest, pb.GetArbStatusResponse]
    ) -> pb.GetArbStatusResponse | Awaitable[pb.GetArbStatusResponse]: ...
    def SetArbEnabled(
        self, request: pb.SetArbEnabledRequest,
        context: grpc.aio.ServicerContext[pb.SetArbEnabledRequest, pb.SetArbEnabledResponse]
    ) -> pb.SetArbEnabledResponse | Awaitable[pb.SetArbEnabledResponse]: ...
    def GetArbConfig(
        self, request: pb.GetArbConfigRequest,
        context: grpc.aio.ServicerContext[pb.GetArbConfigRequest, pb.ArbConfig]
    ) -> pb.ArbConfig | Awaitable[pb.ArbConfig]: ...
    def UpdateArbConfig(
        self, request: pb.UpdateArbConfigRequest,
        context: grpc.aio.ServicerContext[pb.UpdateArbConfigRequest, pb.ArbConfig]
    ) -> pb.ArbConfig | Awaitable[pb.ArbConfig]: ...
    def ListCopyTrades(
        self, request: pb.ListCopyTradesRequest,
        context: grpc.aio.ServicerContext[pb.ListCopyTradesRequest, pb.ListCopyTradesResponse]
    ) -> pb.ListCopyTradesResponse | Awaitable[pb.ListCopyTradesResponse]: ...
    def AddCopyTrade(
        self, request: pb.AddCopyTradeRequest,
        context: grpc.aio.ServicerContext[pb.AddCopyTradeRequest, pb.CopyTrade]
    ) -> pb.CopyTrade | Awaitable[pb.CopyTrade]: ...
    def RemoveCopyTrade(
        self, request: pb.RemoveCopyTradeRequest,
        context: grpc.aio.ServicerContext[pb.RemoveCopyTradeRequest, pb.RemoveCopyTradeResponse]
    ) -> pb.RemoveCopyTradeResponse | Awaitable[pb.RemoveCopyTradeResponse]: ...

def add_StrategyServiceServicer_to_server(
    servicer: StrategyServiceServicer, server: grpc.Server | grpc.aio.Server
) -> None: ...

class OperatorServiceStub:
    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None: ...
    GetCaller: grpc.UnaryUnaryMultiCallable[pb.GetCallerRequest, pb.Caller]
    RedeemLinkCode: grpc.UnaryUnaryMultiCallable[pb.RedeemLinkCodeRequest, pb.RedeemLinkCodeResponse]
    GetEngineStatus: grpc.UnaryUnaryMultiCallable[pb.GetEngineStatusRequest, pb.EngineStatus]
    EngageKillSwitch: grpc.UnaryUnaryMultiCallable[pb.EngageKillSwitchRequest, pb.KillReport]
    ReleaseKillSwitch: grpc.UnaryUnaryMultiCallable[pb.ReleaseKillSwitchRequest, pb.KillSwitch]
    ListStrategies: grpc.UnaryUnaryMultiCallable[pb.ListStrategiesRequest, pb.ListStrategiesResponse]
    SetStrategyRunning: grpc.UnaryUnaryMultiCallable[pb.SetStrategyRunningRequest, pb.Strategy]
    GetPnl: grpc.UnaryUnaryMultiCallable[pb.GetPnlRequest, pb.Pnl]
    ListTrades: grpc.UnaryUnaryMultiCallable[pb.ListTradesRequest, pb.ListTradesResponse]
    ListBudgets: grpc.UnaryUnaryMultiCallable[pb.ListBudgetsRequest, pb.ListBudgetsResponse]
    SetBudget: grpc.UnaryUnaryMultiCallable[pb.SetBudgetRequest, pb.Budget]
    RemoveBudget: grpc.UnaryUnaryMultiCallable[pb.RemoveBudgetRequest, pb.RemoveBudgetResponse]
    ListPairs: grpc.UnaryUnaryMultiCallable[pb.ListPairsRequest, pb.ListPairsResponse]
    ListAgents: grpc.UnaryUnaryMultiCallable[pb.ListAgentsRequest, pb.ListAgentsResponse]
    RunDoctor: grpc.UnaryUnaryMultiCallable[pb.RunDoctorRequest, pb.DoctorReport]

class OperatorServiceAsyncStub:
    """OperatorServiceStub over a channel of grpc.aio; there is none such at run time."""

    GetCaller: grpc.aio.UnaryUnaryMultiCallable[pb.GetCallerRequest, pb.Caller]
    RedeemLinkCode: grpc.aio.UnaryUnaryMultiCallable[pb.RedeemLinkCodeRequest, pb.RedeemLinkCodeResponse]
    GetEngineStatus: grpc.aio.UnaryUnaryMultiCallable[pb.GetEngineStatusRequest, pb.EngineStatus]
    EngageKillSwitch: grpc.aio.UnaryUnaryMultiCallable[pb.EngageKillSwitchRequest, pb.KillReport]
    ReleaseKillSwitch: grpc.aio.UnaryUnaryMultiCallable[pb.ReleaseKillSwitchRequest, pb.KillSwitch]
    ListStrategies: grpc.aio.UnaryUnaryMultiCallable[pb.ListStrategiesRequest, pb.ListStrategiesResponse]
    SetStrategyRunning: grpc.aio.UnaryUnaryMultiCallable[pb.SetStrategyRunningRequest, pb.Strategy]
    GetPnl: grpc.aio.UnaryUnaryMultiCallable[pb.GetPnlRequest, pb.Pnl]
    ListTrades: grpc.aio.UnaryUnaryMultiCallable[pb.ListTradesRequest, pb.ListTradesResponse]
    ListBudgets: grpc.aio.UnaryUnaryMultiCallable[pb.ListBudgetsRequest, pb.ListBudgetsResponse]
    SetBudget: grpc.aio.UnaryUnaryMultiCallable[pb.SetBudgetRequest, pb.Budget]
    RemoveBudget: grpc.aio.UnaryUnaryMultiCallable[pb.RemoveBudgetRequest, pb.RemoveBudgetResponse]
    ListPairs: grpc.aio.UnaryUnaryMultiCallable[pb.ListPairsRequest, pb.ListPairsResponse]
    ListAgents: grpc.aio.UnaryUnaryMultiCallable[pb.ListAgentsRequest, pb.ListAgentsResponse]
    RunDoctor: grpc.aio.UnaryUnaryMultiCallable[pb.RunDoctorRequest, pb.DoctorReport]

class OperatorServiceServicer:
    def GetCaller(
        self, request: pb.GetCallerRequest,
        context: grpc.aio.ServicerContext[pb.GetCallerRequest, pb.Caller]
    ) -> pb.Caller | Awaitable[pb.Caller]: ...
    def RedeemLinkCode(
        self, request: pb.RedeemLinkCodeRequest,
        context: grpc.aio.ServicerContext[pb.RedeemLinkCodeRequest, pb.RedeemLinkCodeResponse]
    ) -> pb.RedeemLinkCodeResponse | Awaitable[pb.RedeemLinkCodeResponse]: ...
    def GetEngineStatus(
        self, request: pb.GetEngineStatusRequest,
        context: grpc.aio.ServicerContext[pb.GetEngineStatusRequest, pb.EngineStatus]
    ) -> pb.EngineStatus | Awaitable[pb.EngineStatus]: ...
    def EngageKillSwitch(
        self, request: pb.EngageKillSwitchRequest,
        context: grpc.aio.ServicerContext[pb.EngageKillSwitchRequest, pb.KillReport]
    ) -> pb.KillReport | Awaitable[pb.KillReport]: ...
    def ReleaseKillSwitch(
        self, request: pb.ReleaseKillSwitchRequest,
        context: grpc.aio.ServicerContext[pb.ReleaseKillSwitchRequest, pb.KillSwitch]
    ) -> pb.KillSwitch | Awaitable[pb.KillSwitch]: ...
    def ListStrategies(
        self, request: pb.ListStrategiesRequest,
        context: grpc.aio.ServicerContext[pb.ListStrategiesRequest, pb.ListStrategiesResponse]
    ) -> pb.ListStrategiesResponse | Awaitable[pb.ListStrategiesResponse]: ...
    def SetStrategyRunning(
        self, request: pb.SetStrategyRunningRequest,
        context: grpc.aio.ServicerContext[pb.SetStrategyRunningRequest, pb.Strategy]
    ) -> pb.Strategy | Awaitable[pb.Strategy]: ...
    def GetPnl(
        self, request: pb.GetPnlRequest,
        context: grpc.aio.ServicerContext[pb.GetPnlRequest, pb.Pnl]
    ) -> pb.Pnl | Awaitable[pb.Pnl]: ...
    def ListTrades(
        self, request: pb.ListTradesRequest,
        context: grpc.aio.ServicerContext[pb.ListTradesRequest, pb.ListTradesResponse]
    ) -> pb.ListTradesResponse | Awaitable[pb.ListTradesResponse]: ...
    def ListBudgets(
        self, request: pb.ListBudgetsRequest,
        context: grpc.aio.ServicerContext[pb.ListBudgetsRequest, pb.ListBudgetsResponse]
    ) -> pb.ListBudgetsResponse | Awaitable[pb.ListBudgetsResponse]: ...
    def SetBudget(
        self, request: pb.SetBudgetRequest,
        context: grpc.aio.ServicerContext[pb.SetBudgetRequest, pb.Budget]
    ) -> pb.Budget | Awaitable[pb.Budget]: ...
    def RemoveBudget(
        self, request: pb.RemoveBudgetRequest,
        context: grpc.aio.ServicerContext[pb.RemoveBudgetRequest, pb.RemoveBudgetResponse]
    ) -> pb.RemoveBudgetResponse | Awaitable[pb.RemoveBudgetResponse]: ...
    def ListPairs(
        self, request: pb.ListPairsRequest,
        context: grpc.aio.ServicerContext[pb.ListPairsRequest, pb.ListPairsResponse]
    ) -> pb.ListPairsResponse | Awaitable[pb.ListPairsResponse]: ...
    def ListAgents(
        self, request: pb.ListAgentsRequest,
        context: grpc.aio.ServicerContext[pb.ListAgentsRequest, pb.ListAgentsResponse]
    ) -> pb.ListAgentsResponse | Awaitable[pb.ListAgentsResponse]: ...
    def RunDoctor(
        self, request: pb.RunDoctorRequest,
        context: grpc.aio.ServicerContext[pb.RunDoctorRequest, pb.DoctorReport]
    ) -> pb.DoctorReport | Awaitable[pb.DoctorReport]: ...

def add_OperatorServiceServicer_to_server(
    servicer: OperatorServiceServicer, server: grpc.Server | grpc.aio.Server
) -> None: ...

class MarketServiceStub:
    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None: ...
    ListMarkets: grpc.UnaryUnaryMultiCallable[pb.ListMarketsRequest, pb.ListMarketsResponse]
    GetOrderBook: grpc.UnaryUnaryMultiCallable[pb.GetOrderBookRequest, pb.OrderBook]

class MarketServiceAsyncStub:
    """MarketServiceStub over a channel of grpc.aio; there is none such at run time."""

    ListMarkets: grpc.aio.UnaryUnaryMultiCallable[pb.ListMarketsRequest, pb.ListMarketsResponse]
    GetOrderBook: grpc.aio.UnaryUnaryMultiCallable[pb.GetOrderBookRequest, pb.OrderBook]

class MarketServiceServicer:
    def ListMarkets(
        self, request: pb.ListMarketsRequest,
        context: grpc.aio.ServicerContext[pb.ListMarketsRequest, pb.ListMarketsResponse]
    ) -> pb.ListMarketsResponse | Awaitable[pb.ListMarketsResponse]: ...
    def GetOrderBook(
        self, request: pb.GetOrderBookRequest,
        context: grpc.aio.ServicerContext[pb.GetOrderBookRequest, pb.OrderBook]
    ) -> pb.OrderBook | Awaitable[pb.OrderBook]: ...

def add_MarketServiceServicer_to_server(
    servicer: MarketServiceServicer, server: grpc.Server | grpc.aio.Server
) -> None: ...

class StreamServiceStub:
    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None: ...
    StreamOrders: grpc.UnaryStreamMultiCallable[pb.StreamOrdersRequest, pb.OrderUpdate]
    StreamQuotes: grpc.UnaryStreamMultiCallable[pb.StreamQuotesRequest, pb.Quote]
    StreamOpportunities: grpc.UnaryStreamMultiCallable[pb.StreamOpportunitiesRequest, pb.Opportunity]
    StreamAlerts: grpc.UnaryStreamMultiCallable[pb.StreamAlertsRequest, pb.Alert]

class StreamServiceAsyncStub:
    """StreamServiceStub over a channel of grpc.aio; there is none such at run time."""

    StreamOrders: grpc.aio.UnaryStreamMultiCallable[pb.StreamOrdersRequest, pb.OrderUpdate]
    StreamQuotes: grpc.aio.UnaryStreamMultiCallable[pb.StreamQuotesRequest, pb.Quote]
    StreamOpportunities: grpc.aio.UnaryStreamMultiCallable[pb.StreamOpportunitiesRequest, pb.Opportunity]
    StreamAlerts: grpc.aio.UnaryStreamMultiCallable[pb.StreamAlertsRequest, pb.Alert]

class StreamServiceServicer:
    def StreamOrders(
        self, request: pb.StreamOrdersRequest,
        context: grpc.aio.ServicerContext[pb.StreamOrdersRequest, pb.OrderUpdate]
    ) -> AsyncIterator[pb.OrderUpdate] | Iterator[pb.OrderUpdate]: ...
    def StreamQuotes(
        self, request: pb.StreamQuotesRequest,
        context: grpc.aio.ServicerContext[pb.StreamQuotesRequest, pb.Quote]
    ) -> AsyncIterator[pb.Quote] | Iterator[pb.Quote]: ...
    def StreamOpportunities(
        self, request: pb.StreamOpportunitiesRequest,
        context: grpc.aio.ServicerContext[pb.StreamOpportunitiesRequest, pb.Opportunity]
    ) -> AsyncIterator[pb.Opportunity] | Iterator[pb.Opportunity]: ...
    def StreamAlerts(
        self, request: pb.StreamAlertsRequest,
        context: grpc.aio.ServicerContext[pb.StreamAlertsRequest, pb.Alert]
    ) -> AsyncIterator[pb.Alert] | Iterator[pb.Alert]: ...

def add_StreamServiceServicer_to_server(
    servicer: StreamServiceServicer, server: grpc.Server | grpc.aio.Server
) -> None: ...
