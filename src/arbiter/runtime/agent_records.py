"""The agents' life signs: when each was last seen, how much it said, and what ails it."""

from arbiter.agents.roster import AgentProfile
from arbiter.agents.settings import RULES_MODEL
from arbiter.model.time import NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.runtime.agent_news import AgentStatus, ErrorNews, NewsDesk

HEARTBEAT_S = 25.0
INACTIVE_AFTER_NS = 300 * NS_PER_S


class AgentRecord:
    """One agent's life signs."""

    def __init__(self, profile: AgentProfile, now_ns: int) -> None:
        self.profile = profile
        self.seen_ns = now_ns
        self.signals = 0
        self.last_signal_ns: int | None = None
        self.idle: str = ""
        """Why it does nothing, when it does nothing."""
        self.error: str = ""
        self.model = RULES_MODEL


class AgentRecords:
    """All agents by name."""

    def __init__(self, profiles: tuple[AgentProfile, ...], clock: Clock, news: NewsDesk) -> None:
        self._clock = clock
        self._news = news
        self._told_ns: dict[str, int] = {}
        now = clock.now_ns()
        self.by_name = {profile.name: AgentRecord(profile, now) for profile in profiles}

    def statuses(self) -> list[AgentStatus]:
        return [self.status(name) for name in self.by_name]

    def status(self, name: str) -> AgentStatus:
        """An agent's life signs; a name nobody has is a KeyError."""
        record = self.by_name[name]
        silent = self._clock.now_ns() - record.seen_ns > INACTIVE_AFTER_NS
        status = "inactive" if record.idle or silent else "error" if record.error else "active"
        return AgentStatus(
            name=name,
            type=record.profile.type,
            status=status,
            last_seen_ns=record.seen_ns,
            healthy=status == "active",
            signals_generated=record.signals,
            last_signal_ns=record.last_signal_ns,
            model=record.model,
            note=record.idle or record.error,
        )

    def beat(self) -> None:
        """Note that all of them live, and tell it at least every half minute."""
        now = self._clock.now_ns()
        for name, record in self.by_name.items():
            if not record.idle:
                record.seen_ns = now
            if now - self._told_ns.get(name, 0) >= HEARTBEAT_S * NS_PER_S:
                self.tell(name)

    def tell(self, name: str) -> None:
        self._told_ns[name] = self._clock.now_ns()
        self._news.tell(self.status(name))

    def failed(self, record: AgentRecord, error: str) -> None:
        """Note that a model failed an agent, and tell it once."""
        if record.error == error:
            return
        record.error = error
        details = f"{record.profile.name} goes by its rules: {error}"
        self._news.tell(ErrorNews(error="language model failed", details=details, severity="low"))
        self.tell(record.profile.name)
