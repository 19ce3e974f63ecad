"""What can be set on a node: frozen values with their bounds and a sentence each.

`neurons/config.py` fills them from flags, environment and TOML; docs/settings.md is written from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

Port = Annotated[int, Field(ge=0, le=65_535)]
Endpoint = Annotated[str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$")]
SeriesName = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,12}-[A-Z0-9]{2,12}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,12}$")]
FilePath = Annotated[Path, AfterValidator(Path.expanduser)]
ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
Step = Literal["1m", "5m", "15m", "30m", "1h"]

STEPS_MS: Final[dict[Step, int]] = {
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
}
"""Written out: settings are read before numpy may be loaded, which the units bring along."""


class Section(BaseModel):
    """Frozen, and deaf to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ListenSettings(Section):
    """Where the node takes calls."""

    host: str = Field(default="127.0.0.1", description="The address to take calls on; 0.0.0.0 for every interface.")
    port: Port = Field(description="The port to take calls on; 0 for any free one.")


class MetricsSettings(Section):
    """The node's own HTTP page for Prometheus and health checks."""

    enabled: bool = Field(default=True, description="Whether to serve /metrics and /healthz over HTTP.")
    host: str = Field(
        default="127.0.0.1", description="The address to serve metrics on. Whoever reaches it reads them."
    )
    port: Port = Field(description="The port to serve metrics on; 0 for any free one.")


class LogSettings(Section):
    """What the node says on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important line to log."
    )
    format: Literal["json", "console"] = Field(
        default="json", description="json: one object a line, for machines; console: coloured lines, for people."
    )


class ClockSettings(Section):
    """The time that the node lives in. Only a demonstration changes it, for all its processes alike."""

    scale: int = Field(default=1, ge=1, le=100_000, description="How many times as fast as the wall the clock runs.")
    sim_origin_ms: int | None = Field(
        default=None,
        ge=0,
        description="The clock's time (UTC epoch ms) at the wall's wall_origin_ms; needed when scale is not 1.",
    )
    wall_origin_ms: int | None = Field(
        default=None, ge=0, description="The wall's time (UTC epoch ms) at which the clock shows sim_origin_ms."
    )

    @model_validator(mode="after")
    def _origins_come_together(self) -> ClockSettings:
        if (self.sim_origin_ms is None) != (self.wall_origin_ms is None):
            raise ValueError("sim_origin_ms and wall_origin_ms are set together or not at all")
        if self.scale != 1 and self.sim_origin_ms is None:
            raise ValueError("a scale other than 1 needs sim_origin_ms and wall_origin_ms")
        return self


def _reachable(url: str) -> str:
    """The address, when it names a host and, if any, a port. What is said of it does not repeat it: it may hold a
    login."""
    try:
        told = urlsplit(url)
        sound = bool(told.hostname) and told.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ValueError("an address is http://HOST:PORT or https://HOST, with a port in 1..65535")
    return url


class VenueSettings(Section):
    """One venue of a series."""

    exchange: str = Field(description="The exchange's name in ccxt, such as kraken.", pattern=r"^[a-z0-9]{2,32}$")
    symbol: str = Field(description="The market's symbol in ccxt, such as BTC/USD.", min_length=3, max_length=40)
    name: str | None = Field(
        default=None,
        description="What reports and logs call the venue; exchange when not set.",
        pattern=r"^[a-z0-9._-]{1,40}$",
    )
    base_url: Annotated[str, AfterValidator(_reachable)] | None = Field(
        default=None, description="Where to ask instead of the exchange's own address.", pattern=r"^https?://"
    )
    via: SeriesName | None = Field(
        default=None,
        description="The configured series whose agreed close converts this venue's quote currency into the series': "
        "USDT-USD for a BTC/USDT venue of BTC-USD. Not set, a steady or slowly moving distance between the two "
        "currencies is measured and removed, and what moves faster counts as the venue's own error.",
    )
    stream: bool = Field(
        default=True,
        description="Take candles from the exchange's WebSocket where it has one; REST serves whenever it does not.",
    )

    @property
    def label(self) -> str:
        return self.name or self.exchange

    @property
    def quote(self) -> str:
        """The currency of its prices: USDT for BTC/USDT and for the perpetual BTC/USDT:USDT."""
        return self.symbol.partition("/")[2].partition(":")[0]

    def __str__(self) -> str:
        return f"{self.label} {self.symbol}"


class SeriesSettings(Section):
    """One series and the venues whose median is its truth."""

    name: SeriesName = Field(description="The series' name, BASE-QUOTE, such as BTC-USD.")
    venues: tuple[VenueSettings, ...] = Field(
        min_length=1,
        description="The venues to ask. One lying venue is tolerated when three report.",
    )
    quote: Currency | None = Field(
        default=None,
        description="The currency of its closes. The name says it already; set, it must say the same.",
    )
    step: Step = Field(
        default="5m",
        description="The candles asked of its venues, and the grid of its closes. Rounds are asked on the network's "
        "grid (5m), so another step needs `rounds = false`.",
    )
    calendar: Literal["24/7", "fx", "XNYS"] = Field(
        default="24/7",
        description="When its market trades. 24/7: always; fx: Sunday 17:00 to Friday 17:00 New York; XNYS: the US "
        "stock session with its holidays and early closes. Out of session no close is expected and no step counts.",
    )
    rounds: bool = Field(
        default=True,
        description="Whether rounds are asked on it. No: it is only watched, as what a venue's `via` converts by.",
    )

    @model_validator(mode="after")
    def _is_sound(self) -> SeriesSettings:
        labels = [venue.label for venue in self.venues]
        if len(set(labels)) < len(labels):
            raise ValueError(f"two venues of {self.name} have the same name: set `name` apart in {', '.join(labels)}")
        if self.quote not in (None, self.quote_currency):
            raise ValueError(f"{self.name} is quoted in {self.quote_currency} by its name, not in {self.quote}")
        for venue in self.venues:
            if not venue.quote:
                raise ValueError(f"{venue.symbol} of {self.name} names no quote currency: write it BASE/QUOTE")
            if venue.symbol.partition("/")[0] != self.base:
                raise ValueError(f"{venue} is no venue of {self.name}: its market must be in {self.base}")
            if venue.via is not None and venue.quote == self.quote_currency:
                raise ValueError(f"{venue} is quoted in {venue.quote} like {self.name}: it needs no `via`")
            if venue.via not in (None, f"{venue.quote}-{self.quote_currency}"):
                raise ValueError(
                    f"{venue} of {self.name} needs `via` to convert {venue.quote} into {self.quote_currency}: "
                    f"{venue.quote}-{self.quote_currency}, not {venue.via}"
                )
        return self

    @property
    def base(self) -> str:
        return self.name.partition("-")[0]

    @property
    def quote_currency(self) -> str:
        return self.name.rpartition("-")[2]

    @property
    def step_ms(self) -> int:
        return STEPS_MS[self.step]

    @property
    def conversions(self) -> dict[str, str]:
        """The name of each venue that is converted -> the series that it is converted by."""
        return {venue.label: venue.via for venue in self.venues if venue.via is not None}

    def __str__(self) -> str:
        return f"{self.name} from {', '.join(str(venue) for venue in self.venues)}"


BTC_USD: Final = SeriesSettings(
    name="BTC-USD",
    venues=(
        VenueSettings(exchange="binance", symbol="BTC/USDT"),
        VenueSettings(exchange="bybit", symbol="BTC/USDT"),
        VenueSettings(exchange="coinbase", symbol="BTC/USD"),
        VenueSettings(exchange="kraken", symbol="BTC/USD"),
        VenueSettings(exchange="okx", symbol="BTC/USDT"),
    ),
)


def check_conversions(series: tuple[SeriesSettings, ...]) -> tuple[SeriesSettings, ...]:
    """The same series, if every `via` leads to one of them that can convert, and none of them back to itself.

    Raises ValueError with the sentence for whoever set them.
    """
    names = [one.name for one in series]
    if len(set(names)) < len(names):
        raise ValueError(f"a series is listed twice: {', '.join(names)}")
    by_name = dict(zip(names, series, strict=True))
    for one in series:
        for venue, via in one.conversions.items():
            rate = by_name.get(via)
            if rate is None:
                raise ValueError(f"{venue} of {one.name} is converted via {via}, and no series of that name is set")
            if one.step_ms % rate.step_ms:
                raise ValueError(f"{one.name} has closes every {one.step}, {via} only every {rate.step}")
            if rate.calendar not in ("24/7", one.calendar):
                raise ValueError(f"{via} trades by the calendar {rate.calendar}, {one.name} by {one.calendar}")
    for one in series:
        reached = list(one.conversions.values())
        for via in reached:
            if via == one.name:
                raise ValueError(f"{one.name} is converted via itself: {', '.join(reached)}")
            reached += [further for further in by_name[via].conversions.values() if further not in reached]
    return series


def in_order_of_conversion(series: tuple[SeriesSettings, ...]) -> list[SeriesSettings]:
    """The series, each after those whose closes convert its venues (settings let no conversion go in a circle)."""
    waiting, ordered = list(series), []
    while waiting:
        names = {one.name for one in waiting}
        ready = [one for one in waiting if not any(venue.via in names for venue in one.venues)]
        ordered += ready
        waiting = [one for one in waiting if one not in ready]
    return ordered


class SignerSettings(Section):
    """What every process that signs has in common."""

    params: Literal["main", "day", "demo"] = Field(
        default="main",
        description="The network's rules. day: ensembles a day ahead. demo: wide windows, for fast clocks.",
    )
    data_dir: FilePath = Field(description="The folder of the process's key and of everything else that it keeps.")
    key_file: FilePath | None = Field(
        default=None, description="The hotkey's file; hotkey.json in data_dir when not set."
    )
    passphrase_file: FilePath | None = Field(
        default=None, description="A file (mode 0600) with the key file's passphrase, for an unattended start."
    )
    allow_unencrypted_key: bool = Field(
        default=False, description="Take a key file that is not encrypted. For tests and demonstrations."
    )
    log: LogSettings = LogSettings()
    clock: ClockSettings = ClockSettings()

    @property
    def key_path(self) -> Path:
        return self.key_file or self.data_dir / "hotkey.json"


class NodeSettings(SignerSettings):
    """What a validator and a miner have in common."""

    data_dir: FilePath = Field(description="The folder of the node's database and, unless set elsewhere, its key.")
    store_url: str | None = Field(
        default=None,
        description=(
            "The database, as sqlite+aiosqlite:///FILE (a fourth slash begins an absolute path); no other kind is "
            "taken. augury.sqlite in data_dir when not set."
        ),
        pattern=r"^[a-z0-9+]+:",
    )
    series: Annotated[tuple[SeriesSettings, ...], AfterValidator(check_conversions)] = Field(
        default=(BTC_USD,), min_length=1, description="The series to follow, each with its venues."
    )

    @property
    def database_url(self) -> str:
        return self.store_url or f"sqlite+aiosqlite:///{self.data_dir / 'augury.sqlite'}"


class ValidatorSettings(NodeSettings):
    """Runs a validator: opens rounds, asks miners, learns the truth from venues, scores and pays."""

    data_dir: FilePath = Field(
        default=Path(".augury/validator"),
        description="The folder of the node's database and, unless set elsewhere, its key.",
    )
    listen: ListenSettings = ListenSettings(port=8090)
    metrics: MetricsSettings = MetricsSettings(port=9090)
    admit: Literal["open", "list"] = Field(
        default="list",
        description="Who may register. open: whoever proves a key and an endpoint; list: those in miners_file.",
    )
    miners_file: FilePath | None = Field(
        default=None,
        description='The miners that `admit = "list"` lets in: one a line, the hotkey in hex. `#` starts a comment.',
    )
    allow_private_endpoints: bool = Field(
        default=False, description="Let miners register loopback and private addresses. For one machine or one house."
    )
    settlements_kept_days: int = Field(
        default=7,
        ge=1,
        le=3_650,
        description="How many days each settlement of an open stream is kept by itself, with its booking. Then what a "
        "key earned on a horizon in a day is one sum; no balance, board or performance changes.",
    )

    @model_validator(mode="after")
    def _a_list_needs_its_file(self) -> ValidatorSettings:
        if self.admit == "list" and self.miners_file is None:
            raise ValueError('miners_file is needed with admit = "list" (or set admit = "open")')
        return self


class MinerSettings(NodeSettings):
    """Runs a miner: registers with validators, forecasts, commits, reveals and keeps what it is told."""

    data_dir: FilePath = Field(
        default=Path(".augury/miner"),
        description="The folder of the node's database and, unless set elsewhere, its key.",
    )
    listen: ListenSettings = ListenSettings(port=8091)
    metrics: MetricsSettings = MetricsSettings(port=9091)
    endpoint: Endpoint | None = Field(
        default=None,
        description="host:port under which validators reach this miner; listen.host:listen.port when not set.",
    )
    validators_file: FilePath | None = Field(
        default=None,
        description="The validators to register with and to answer: one a line, hotkey in hex, then host:port. "
        "`#` starts a comment.",
    )
    base_model: ModelName = Field(
        default="flat",
        description="The model that forecasts. The bare name of one that learns means its newest installed weights; "
        "lstm_v1 pins a version of them.",
    )
    fallback_model: ModelName | None = Field(
        default=None,
        description="The model that answers while base_model is broken, and says so. Not set, a miner whose model does "
        "not load does not start, and one whose model breaks refuses to answer.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(default="auto", description="Where a torch model runs.")
    inference: Literal["auto", "torch", "onnx"] = Field(
        default="auto",
        description="What computes a network's answer. auto: onnxruntime on the CPU where it is installed, else torch; "
        "the log says which.",
    )
    weights: FilePath | None = Field(
        default=None,
        description="The model's weights (safetensors, with its JSON card beside it); the shipped ones when not set.",
    )

    @property
    def advertised(self) -> str:
        return self.endpoint or f"{self.listen.host}:{self.listen.port}"
