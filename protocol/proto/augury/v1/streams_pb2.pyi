from protocol.proto.augury.v1 import parts_pb2 as _parts_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StreamActRequest(_message.Message):
    __slots__ = ("sequence", "publish", "touch", "delete", "cancel", "add_link", "remove_link", "subscribe", "unsubscribe", "transfer_points", "take_name", "end_key")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_FIELD_NUMBER: _ClassVar[int]
    TOUCH_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    ADD_LINK_FIELD_NUMBER: _ClassVar[int]
    REMOVE_LINK_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_POINTS_FIELD_NUMBER: _ClassVar[int]
    TAKE_NAME_FIELD_NUMBER: _ClassVar[int]
    END_KEY_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    publish: Publish
    touch: Touch
    delete: Delete
    cancel: Cancel
    add_link: AddLink
    remove_link: RemoveLink
    subscribe: Subscribe
    unsubscribe: Unsubscribe
    transfer_points: TransferPoints
    take_name: TakeName
    end_key: EndKey
    def __init__(self, sequence: _Optional[int] = ..., publish: _Optional[_Union[Publish, _Mapping]] = ..., touch: _Optional[_Union[Touch, _Mapping]] = ..., delete: _Optional[_Union[Delete, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., add_link: _Optional[_Union[AddLink, _Mapping]] = ..., remove_link: _Optional[_Union[RemoveLink, _Mapping]] = ..., subscribe: _Optional[_Union[Subscribe, _Mapping]] = ..., unsubscribe: _Optional[_Union[Unsubscribe, _Mapping]] = ..., transfer_points: _Optional[_Union[TransferPoints, _Mapping]] = ..., take_name: _Optional[_Union[TakeName, _Mapping]] = ..., end_key: _Optional[_Union[EndKey, _Mapping]] = ...) -> None: ...

class NamedValue(_message.Message):
    __slots__ = ("name", "value", "budget_micros", "rule")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MICROS_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: bytes
    budget_micros: int
    rule: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[bytes] = ..., budget_micros: _Optional[int] = ..., rule: _Optional[str] = ...) -> None: ...

class Publish(_message.Message):
    __slots__ = ("values", "with_percentiles", "with_copulas")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    WITH_PERCENTILES_FIELD_NUMBER: _ClassVar[int]
    WITH_COPULAS_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[NamedValue]
    with_percentiles: bool
    with_copulas: bool
    def __init__(self, values: _Optional[_Iterable[_Union[NamedValue, _Mapping]]] = ..., with_percentiles: bool = ..., with_copulas: bool = ...) -> None: ...

class Touch(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class Delete(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("horizons",)
    HORIZONS_FIELD_NUMBER: _ClassVar[int]
    horizons: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, horizons: _Optional[_Iterable[str]] = ...) -> None: ...

class AddLink(_message.Message):
    __slots__ = ("name", "delay", "target")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    name: str
    delay: int
    target: str
    def __init__(self, name: _Optional[str] = ..., delay: _Optional[int] = ..., target: _Optional[str] = ...) -> None: ...

class RemoveLink(_message.Message):
    __slots__ = ("name", "delay", "target")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    name: str
    delay: int
    target: str
    def __init__(self, name: _Optional[str] = ..., delay: _Optional[int] = ..., target: _Optional[str] = ...) -> None: ...

class Subscribe(_message.Message):
    __slots__ = ("subscriber", "source")
    SUBSCRIBER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    subscriber: str
    source: str
    def __init__(self, subscriber: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class Unsubscribe(_message.Message):
    __slots__ = ("subscriber", "source")
    SUBSCRIBER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    subscriber: str
    source: str
    def __init__(self, subscriber: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class TransferPoints(_message.Message):
    __slots__ = ("recipient", "amount_micros")
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROS_FIELD_NUMBER: _ClassVar[int]
    recipient: bytes
    amount_micros: int
    def __init__(self, recipient: _Optional[bytes] = ..., amount_micros: _Optional[int] = ...) -> None: ...

class TakeName(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    def __init__(self, nonce: _Optional[bytes] = ...) -> None: ...

class EndKey(_message.Message):
    __slots__ = ("before", "after", "issued_at_ms", "consent", "acceptance")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTANCE_FIELD_NUMBER: _ClassVar[int]
    before: bytes
    after: bytes
    issued_at_ms: int
    consent: bytes
    acceptance: bytes
    def __init__(self, before: _Optional[bytes] = ..., after: _Optional[bytes] = ..., issued_at_ms: _Optional[int] = ..., consent: _Optional[bytes] = ..., acceptance: _Optional[bytes] = ...) -> None: ...

class Percentile(_message.Message):
    __slots__ = ("name", "delay", "percentile")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    name: str
    delay: int
    percentile: float
    def __init__(self, name: _Optional[str] = ..., delay: _Optional[int] = ..., percentile: _Optional[float] = ...) -> None: ...

class StreamActReply(_message.Message):
    __slots__ = ("receipt", "percentiles", "refused")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PERCENTILES_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    receipt: _parts_pb2.Receipt
    percentiles: _containers.RepeatedCompositeFieldContainer[Percentile]
    refused: _containers.RepeatedCompositeFieldContainer[_parts_pb2.RefusedPart]
    def __init__(self, receipt: _Optional[_Union[_parts_pb2.Receipt, _Mapping]] = ..., percentiles: _Optional[_Iterable[_Union[Percentile, _Mapping]]] = ..., refused: _Optional[_Iterable[_Union[_parts_pb2.RefusedPart, _Mapping]]] = ...) -> None: ...

class StreamReadRequest(_message.Message):
    __slots__ = ("streams_question", "lags_question", "cdf_question", "board_question", "balance_question", "transactions_question", "performance_question", "notices_question", "mailbox_question", "links_question", "subscriptions_question", "volumes_question", "taking_part_question", "predictions_question")
    STREAMS_QUESTION_FIELD_NUMBER: _ClassVar[int]
    LAGS_QUESTION_FIELD_NUMBER: _ClassVar[int]
    CDF_QUESTION_FIELD_NUMBER: _ClassVar[int]
    BOARD_QUESTION_FIELD_NUMBER: _ClassVar[int]
    BALANCE_QUESTION_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_QUESTION_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_QUESTION_FIELD_NUMBER: _ClassVar[int]
    NOTICES_QUESTION_FIELD_NUMBER: _ClassVar[int]
    MAILBOX_QUESTION_FIELD_NUMBER: _ClassVar[int]
    LINKS_QUESTION_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTIONS_QUESTION_FIELD_NUMBER: _ClassVar[int]
    VOLUMES_QUESTION_FIELD_NUMBER: _ClassVar[int]
    TAKING_PART_QUESTION_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_QUESTION_FIELD_NUMBER: _ClassVar[int]
    streams_question: StreamsQuestion
    lags_question: LagsQuestion
    cdf_question: CdfQuestion
    board_question: BoardQuestion
    balance_question: BalanceQuestion
    transactions_question: TransactionsQuestion
    performance_question: PerformanceQuestion
    notices_question: NoticesQuestion
    mailbox_question: MailboxQuestion
    links_question: LinksQuestion
    subscriptions_question: SubscriptionsQuestion
    volumes_question: VolumesQuestion
    taking_part_question: TakingPartQuestion
    predictions_question: PredictionsQuestion
    def __init__(self, streams_question: _Optional[_Union[StreamsQuestion, _Mapping]] = ..., lags_question: _Optional[_Union[LagsQuestion, _Mapping]] = ..., cdf_question: _Optional[_Union[CdfQuestion, _Mapping]] = ..., board_question: _Optional[_Union[BoardQuestion, _Mapping]] = ..., balance_question: _Optional[_Union[BalanceQuestion, _Mapping]] = ..., transactions_question: _Optional[_Union[TransactionsQuestion, _Mapping]] = ..., performance_question: _Optional[_Union[PerformanceQuestion, _Mapping]] = ..., notices_question: _Optional[_Union[NoticesQuestion, _Mapping]] = ..., mailbox_question: _Optional[_Union[MailboxQuestion, _Mapping]] = ..., links_question: _Optional[_Union[LinksQuestion, _Mapping]] = ..., subscriptions_question: _Optional[_Union[SubscriptionsQuestion, _Mapping]] = ..., volumes_question: _Optional[_Union[VolumesQuestion, _Mapping]] = ..., taking_part_question: _Optional[_Union[TakingPartQuestion, _Mapping]] = ..., predictions_question: _Optional[_Union[PredictionsQuestion, _Mapping]] = ...) -> None: ...

class StreamsQuestion(_message.Message):
    __slots__ = ("after", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: str
    limit: int
    def __init__(self, after: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class LagsQuestion(_message.Message):
    __slots__ = ("name", "limit", "before_ms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_MS_FIELD_NUMBER: _ClassVar[int]
    name: str
    limit: int
    before_ms: int
    def __init__(self, name: _Optional[str] = ..., limit: _Optional[int] = ..., before_ms: _Optional[int] = ...) -> None: ...

class CdfQuestion(_message.Message):
    __slots__ = ("name", "delay", "form", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    delay: int
    form: str
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, name: _Optional[str] = ..., delay: _Optional[int] = ..., form: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class BoardQuestion(_message.Message):
    __slots__ = ("stream", "delay", "category", "sponsor", "month", "half_life_days", "since_day")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SPONSOR_FIELD_NUMBER: _ClassVar[int]
    MONTH_FIELD_NUMBER: _ClassVar[int]
    HALF_LIFE_DAYS_FIELD_NUMBER: _ClassVar[int]
    SINCE_DAY_FIELD_NUMBER: _ClassVar[int]
    stream: str
    delay: int
    category: str
    sponsor: str
    month: str
    half_life_days: int
    since_day: int
    def __init__(self, stream: _Optional[str] = ..., delay: _Optional[int] = ..., category: _Optional[str] = ..., sponsor: _Optional[str] = ..., month: _Optional[str] = ..., half_life_days: _Optional[int] = ..., since_day: _Optional[int] = ...) -> None: ...

class BalanceQuestion(_message.Message):
    __slots__ = ("owner",)
    OWNER_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    def __init__(self, owner: _Optional[bytes] = ...) -> None: ...

class TransactionsQuestion(_message.Message):
    __slots__ = ("owner", "before_ms", "limit")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    BEFORE_MS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    before_ms: int
    limit: int
    def __init__(self, owner: _Optional[bytes] = ..., before_ms: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class PerformanceQuestion(_message.Message):
    __slots__ = ("owner",)
    OWNER_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    def __init__(self, owner: _Optional[bytes] = ...) -> None: ...

class NoticesQuestion(_message.Message):
    __slots__ = ("kind", "limit")
    KIND_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    limit: int
    def __init__(self, kind: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class MailboxQuestion(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class LinksQuestion(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class SubscriptionsQuestion(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class TakingPartQuestion(_message.Message):
    __slots__ = ("owner", "after")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    after: str
    def __init__(self, owner: _Optional[bytes] = ..., after: _Optional[str] = ...) -> None: ...

class PredictionsQuestion(_message.Message):
    __slots__ = ("name", "delay", "judged", "after")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    delay: int
    judged: bool
    after: bytes
    def __init__(self, name: _Optional[str] = ..., delay: _Optional[int] = ..., judged: bool = ..., after: _Optional[bytes] = ...) -> None: ...

class VolumesQuestion(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class StreamReadReply(_message.Message):
    __slots__ = ("as_of_ms", "streams_answer", "lags_answer", "cdf_answer", "board_answer", "balance_answer", "transactions_answer", "performance_answer", "notices_answer", "mailbox_answer", "links_answer", "subscriptions_answer", "volumes_answer", "taking_part_answer", "predictions_answer")
    AS_OF_MS_FIELD_NUMBER: _ClassVar[int]
    STREAMS_ANSWER_FIELD_NUMBER: _ClassVar[int]
    LAGS_ANSWER_FIELD_NUMBER: _ClassVar[int]
    CDF_ANSWER_FIELD_NUMBER: _ClassVar[int]
    BOARD_ANSWER_FIELD_NUMBER: _ClassVar[int]
    BALANCE_ANSWER_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_ANSWER_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_ANSWER_FIELD_NUMBER: _ClassVar[int]
    NOTICES_ANSWER_FIELD_NUMBER: _ClassVar[int]
    MAILBOX_ANSWER_FIELD_NUMBER: _ClassVar[int]
    LINKS_ANSWER_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTIONS_ANSWER_FIELD_NUMBER: _ClassVar[int]
    VOLUMES_ANSWER_FIELD_NUMBER: _ClassVar[int]
    TAKING_PART_ANSWER_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_ANSWER_FIELD_NUMBER: _ClassVar[int]
    as_of_ms: int
    streams_answer: StreamsAnswer
    lags_answer: LagsAnswer
    cdf_answer: CdfAnswer
    board_answer: BoardAnswer
    balance_answer: BalanceAnswer
    transactions_answer: TransactionsAnswer
    performance_answer: PerformanceAnswer
    notices_answer: NoticesAnswer
    mailbox_answer: MailboxAnswer
    links_answer: LinksAnswer
    subscriptions_answer: SubscriptionsAnswer
    volumes_answer: VolumesAnswer
    taking_part_answer: TakingPartAnswer
    predictions_answer: PredictionsAnswer
    def __init__(self, as_of_ms: _Optional[int] = ..., streams_answer: _Optional[_Union[StreamsAnswer, _Mapping]] = ..., lags_answer: _Optional[_Union[LagsAnswer, _Mapping]] = ..., cdf_answer: _Optional[_Union[CdfAnswer, _Mapping]] = ..., board_answer: _Optional[_Union[BoardAnswer, _Mapping]] = ..., balance_answer: _Optional[_Union[BalanceAnswer, _Mapping]] = ..., transactions_answer: _Optional[_Union[TransactionsAnswer, _Mapping]] = ..., performance_answer: _Optional[_Union[PerformanceAnswer, _Mapping]] = ..., notices_answer: _Optional[_Union[NoticesAnswer, _Mapping]] = ..., mailbox_answer: _Optional[_Union[MailboxAnswer, _Mapping]] = ..., links_answer: _Optional[_Union[LinksAnswer, _Mapping]] = ..., subscriptions_answer: _Optional[_Union[SubscriptionsAnswer, _Mapping]] = ..., volumes_answer: _Optional[_Union[VolumesAnswer, _Mapping]] = ..., taking_part_answer: _Optional[_Union[TakingPartAnswer, _Mapping]] = ..., predictions_answer: _Optional[_Union[PredictionsAnswer, _Mapping]] = ...) -> None: ...

class StreamSummary(_message.Message):
    __slots__ = ("name", "owner", "state", "incarnation", "created_at_ms", "value_at_ms", "alive_until_ms", "sequence", "budget_micros", "rule")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    VALUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ALIVE_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MICROS_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    name: str
    owner: bytes
    state: str
    incarnation: int
    created_at_ms: int
    value_at_ms: int
    alive_until_ms: int
    sequence: int
    budget_micros: int
    rule: str
    def __init__(self, name: _Optional[str] = ..., owner: _Optional[bytes] = ..., state: _Optional[str] = ..., incarnation: _Optional[int] = ..., created_at_ms: _Optional[int] = ..., value_at_ms: _Optional[int] = ..., alive_until_ms: _Optional[int] = ..., sequence: _Optional[int] = ..., budget_micros: _Optional[int] = ..., rule: _Optional[str] = ...) -> None: ...

class StreamsAnswer(_message.Message):
    __slots__ = ("streams",)
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    streams: _containers.RepeatedCompositeFieldContainer[StreamSummary]
    def __init__(self, streams: _Optional[_Iterable[_Union[StreamSummary, _Mapping]]] = ...) -> None: ...

class LagLine(_message.Message):
    __slots__ = ("at_ms", "sequence", "value")
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    sequence: int
    value: bytes
    def __init__(self, at_ms: _Optional[int] = ..., sequence: _Optional[int] = ..., value: _Optional[bytes] = ...) -> None: ...

class LagsAnswer(_message.Message):
    __slots__ = ("lags",)
    LAGS_FIELD_NUMBER: _ClassVar[int]
    lags: _containers.RepeatedCompositeFieldContainer[LagLine]
    def __init__(self, lags: _Optional[_Iterable[_Union[LagLine, _Mapping]]] = ...) -> None: ...

class CdfAnswer(_message.Message):
    __slots__ = ("owners", "values", "probabilities")
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    owners: int
    values: _containers.RepeatedScalarFieldContainer[float]
    probabilities: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, owners: _Optional[int] = ..., values: _Optional[_Iterable[float]] = ..., probabilities: _Optional[_Iterable[float]] = ...) -> None: ...

class BoardLine(_message.Message):
    __slots__ = ("owner", "score_micros", "name")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    SCORE_MICROS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    score_micros: int
    name: str
    def __init__(self, owner: _Optional[bytes] = ..., score_micros: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class BoardAnswer(_message.Message):
    __slots__ = ("places",)
    PLACES_FIELD_NUMBER: _ClassVar[int]
    places: _containers.RepeatedCompositeFieldContainer[BoardLine]
    def __init__(self, places: _Optional[_Iterable[_Union[BoardLine, _Mapping]]] = ...) -> None: ...

class BalanceAnswer(_message.Message):
    __slots__ = ("balance_micros", "level_micros", "difficulty", "name")
    BALANCE_MICROS_FIELD_NUMBER: _ClassVar[int]
    LEVEL_MICROS_FIELD_NUMBER: _ClassVar[int]
    DIFFICULTY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    balance_micros: int
    level_micros: int
    difficulty: int
    name: str
    def __init__(self, balance_micros: _Optional[int] = ..., level_micros: _Optional[int] = ..., difficulty: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class TransactionLine(_message.Message):
    __slots__ = ("settlement_time_ms", "amount_micros", "budget_micros", "rule", "stream", "delay", "value", "window", "mass", "density", "average", "submissions_count", "submissions_close", "stream_owner")
    SETTLEMENT_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MICROS_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    MASS_FIELD_NUMBER: _ClassVar[int]
    DENSITY_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_FIELD_NUMBER: _ClassVar[int]
    SUBMISSIONS_COUNT_FIELD_NUMBER: _ClassVar[int]
    SUBMISSIONS_CLOSE_FIELD_NUMBER: _ClassVar[int]
    STREAM_OWNER_FIELD_NUMBER: _ClassVar[int]
    settlement_time_ms: int
    amount_micros: int
    budget_micros: int
    rule: str
    stream: str
    delay: int
    value: float
    window: float
    mass: float
    density: float
    average: float
    submissions_count: int
    submissions_close: int
    stream_owner: str
    def __init__(self, settlement_time_ms: _Optional[int] = ..., amount_micros: _Optional[int] = ..., budget_micros: _Optional[int] = ..., rule: _Optional[str] = ..., stream: _Optional[str] = ..., delay: _Optional[int] = ..., value: _Optional[float] = ..., window: _Optional[float] = ..., mass: _Optional[float] = ..., density: _Optional[float] = ..., average: _Optional[float] = ..., submissions_count: _Optional[int] = ..., submissions_close: _Optional[int] = ..., stream_owner: _Optional[str] = ...) -> None: ...

class TransactionDay(_message.Message):
    __slots__ = ("day", "stream", "delay", "amount_micros", "settlements", "stream_owner")
    DAY_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROS_FIELD_NUMBER: _ClassVar[int]
    SETTLEMENTS_FIELD_NUMBER: _ClassVar[int]
    STREAM_OWNER_FIELD_NUMBER: _ClassVar[int]
    day: int
    stream: str
    delay: int
    amount_micros: int
    settlements: int
    stream_owner: str
    def __init__(self, day: _Optional[int] = ..., stream: _Optional[str] = ..., delay: _Optional[int] = ..., amount_micros: _Optional[int] = ..., settlements: _Optional[int] = ..., stream_owner: _Optional[str] = ...) -> None: ...

class TransactionsAnswer(_message.Message):
    __slots__ = ("transactions", "days")
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    transactions: _containers.RepeatedCompositeFieldContainer[TransactionLine]
    days: _containers.RepeatedCompositeFieldContainer[TransactionDay]
    def __init__(self, transactions: _Optional[_Iterable[_Union[TransactionLine, _Mapping]]] = ..., days: _Optional[_Iterable[_Union[TransactionDay, _Mapping]]] = ...) -> None: ...

class PerformanceLine(_message.Message):
    __slots__ = ("horizon", "amount_micros")
    HORIZON_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROS_FIELD_NUMBER: _ClassVar[int]
    horizon: str
    amount_micros: int
    def __init__(self, horizon: _Optional[str] = ..., amount_micros: _Optional[int] = ...) -> None: ...

class PerformanceAnswer(_message.Message):
    __slots__ = ("horizons",)
    HORIZONS_FIELD_NUMBER: _ClassVar[int]
    horizons: _containers.RepeatedCompositeFieldContainer[PerformanceLine]
    def __init__(self, horizons: _Optional[_Iterable[_Union[PerformanceLine, _Mapping]]] = ...) -> None: ...

class NoticeLine(_message.Message):
    __slots__ = ("operation", "at_ms", "about")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    operation: str
    at_ms: int
    about: str
    def __init__(self, operation: _Optional[str] = ..., at_ms: _Optional[int] = ..., about: _Optional[str] = ...) -> None: ...

class NoticesAnswer(_message.Message):
    __slots__ = ("notices",)
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    notices: _containers.RepeatedCompositeFieldContainer[NoticeLine]
    def __init__(self, notices: _Optional[_Iterable[_Union[NoticeLine, _Mapping]]] = ...) -> None: ...

class LetterLine(_message.Message):
    __slots__ = ("sender", "value")
    SENDER_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    sender: str
    value: bytes
    def __init__(self, sender: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...

class MailboxAnswer(_message.Message):
    __slots__ = ("letters",)
    LETTERS_FIELD_NUMBER: _ClassVar[int]
    letters: _containers.RepeatedCompositeFieldContainer[LetterLine]
    def __init__(self, letters: _Optional[_Iterable[_Union[LetterLine, _Mapping]]] = ...) -> None: ...

class LinkLine(_message.Message):
    __slots__ = ("name", "delay", "target")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    name: str
    delay: int
    target: str
    def __init__(self, name: _Optional[str] = ..., delay: _Optional[int] = ..., target: _Optional[str] = ...) -> None: ...

class LinksAnswer(_message.Message):
    __slots__ = ("links",)
    LINKS_FIELD_NUMBER: _ClassVar[int]
    links: _containers.RepeatedCompositeFieldContainer[LinkLine]
    def __init__(self, links: _Optional[_Iterable[_Union[LinkLine, _Mapping]]] = ...) -> None: ...

class SubscriptionsAnswer(_message.Message):
    __slots__ = ("sources", "subscribers")
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBERS_FIELD_NUMBER: _ClassVar[int]
    sources: _containers.RepeatedScalarFieldContainer[str]
    subscribers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sources: _Optional[_Iterable[str]] = ..., subscribers: _Optional[_Iterable[str]] = ...) -> None: ...

class VolumesAnswer(_message.Message):
    __slots__ = ("horizons",)
    HORIZONS_FIELD_NUMBER: _ClassVar[int]
    horizons: _containers.RepeatedCompositeFieldContainer[PerformanceLine]
    def __init__(self, horizons: _Optional[_Iterable[_Union[PerformanceLine, _Mapping]]] = ...) -> None: ...

class TakingPartAnswer(_message.Message):
    __slots__ = ("horizons",)
    HORIZONS_FIELD_NUMBER: _ClassVar[int]
    horizons: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, horizons: _Optional[_Iterable[str]] = ...) -> None: ...

class PredictionLine(_message.Message):
    __slots__ = ("owner", "received_at_ms", "values")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    received_at_ms: int
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, owner: _Optional[bytes] = ..., received_at_ms: _Optional[int] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class PredictionsAnswer(_message.Message):
    __slots__ = ("predictions",)
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[PredictionLine]
    def __init__(self, predictions: _Optional[_Iterable[_Union[PredictionLine, _Mapping]]] = ...) -> None: ...
