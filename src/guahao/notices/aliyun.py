"""SMS by Alibaba Cloud (短信服务), through the provider's own SDK: the extra guahao[aliyun].

The provider keeps the templates and does not know a key that it has had before. So a message
that may have been sent is looked up under its key (OutId) before it is sent again.
docs/SMS.md lists the templates to register, with their variables.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from alibabacloud_dysmsapi20170525 import models
from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.exceptions import UnretryableException
from requests.exceptions import ConnectionError as RequestsConnectionError
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from guahao.clock import Clock, city_clock
from guahao.notices.gateway import Failed, Gateway, Outcome, OutgoingMessage, Sent, Unknown
from guahao.settings import SettingsError

# What the provider's templates hold of each kind of message, by our names.
_VISIT = ("patient", "hospital", "department", "clinic", "date", "time")
_PICKUP = ("code", "pickup_until", "pickup_place", "cancel_until")
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "otp": ("otp",),
    "call_code": ("otp",),
    "move_code": ("otp",),
    "moved_away": ("patient",),
    "moved_here": ("patient",),
    "displaced": ("patient",),
    "merged": ("patient",),
    "booked": (*_VISIT, *_PICKUP),
    "rescheduled": (*_VISIT, "old_department", "old_date", "old_time", *_PICKUP),
    "reminder": (*_VISIT, *_PICKUP),
    "cancelled": _VISIT,
    "stopped": _VISIT,
    "substituted": (*_VISIT, "cancel_until"),
    "replacement_offered": (*_VISIT, "offer_date", "offer_time", "accept_until"),
    "replacement_lapsed": (*_VISIT, "offer_date", "offer_time"),
    "no_show": _VISIT,
    "excused": _VISIT,
    "suspended": ("patient", "until"),
    "excuse_withdrawn": _VISIT,
    "relieved": ("patient", "until"),
    "draw_won": (*_VISIT, "code", "pickup_until", "pickup_place", "decline_until"),
    "call_back_missed": (),
    "application_registered": ("patient", "hospital", "department", "from_date", "until_date"),
    "application_ended": ("patient", "hospital", "department", "reason"),
}
ENGLISH = ".en"  # after a kind: its template in English
LONGEST_VARIABLE = 35  # characters; the provider refuses more

# Together with a look-up before it, a send must end within the message_sender's 20 s.
_CONNECT_MILLISECONDS = 3000
_READ_MILLISECONDS = 6000
_SENDS_AT_ONCE = 32

_OK = "OK"
_SERVER_ERROR = 500
# About this very message or phone: it would be refused again.
_NEVER = frozenset(
    {
        "isv.MOBILE_NUMBER_ILLEGAL",
        "isv.BLACK_KEY_CONTROL_LIMIT",
        "isv.DOMESTIC_NUMBER_NOT_SUPPORTED",
        "isv.SMS_CONTENT_ILLEGAL",
        "isv.PARAM_LENGTH_LIMIT",
        "isv.PARAM_NOT_SUPPORT_URL",
        "isv.TEMPLATE_PARAMS_ILLEGAL",
        "isv.INVALID_JSON_PARAM",
    }
)
# The provider's own failure: the message may have gone on its way all the same.
_UNCLEAR = frozenset({"isp.SYSTEM_ERROR", "isp.UNKNOWN_ERROR"})
# Too many at once, or to this phone within a minute, an hour, a day: nobody need look at it.
_BUSY = ("isv.BUSINESS_LIMIT_CONTROL", "Throttling")

_RECORDS_KEPT_DAYS = 30
_PAGE_RECORDS = 50
_PAGES_MAX = 20
_UNDELIVERED, _DELIVERED = 2, 3  # SendStatus; 1 waits for its receipt

log = structlog.get_logger(__name__)

# Asked to by the environment, these would log addresses, which hold phones and codes.
logging.getLogger("darabonba-core").disabled = True
logging.getLogger("urllib3").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class SmsAccess:
    """The operator's access to the provider; `endpoint` is an address of http or https."""

    endpoint: str
    key_id: str
    key_secret: str
    sign_name: str


class AliyunGateway(Gateway):
    """Sends by `templates`: a template's code for each kind, for English as `kind.en`.

    Raises SettingsError where a kind has no template; English is spoken where every kind
    has one in English. `clock` is the provider's: its records are filed by date.
    """

    def __init__(
        self, access: SmsAccess, templates: Mapping[str, str], clock: Clock | None = None
    ) -> None:
        self.languages = _languages(templates)
        self._templates = templates
        self._sign_name = access.sign_name
        self._client = _client(access)
        self._clock = clock or city_clock()
        # The SDK's own asyncio makes a new TLS context for every call, in this very thread;
        # its plain calls keep their connections.
        self._threads = ThreadPoolExecutor(_SENDS_AT_ONCE, "aliyun")

    async def send(self, outgoing: OutgoingMessage) -> Outcome:
        """Hand one message over; its receipt comes later."""
        suffix = ENGLISH if outgoing.language == "en" else ""
        params = {name: _cut(outgoing.params[name]) for name in VARIABLES[outgoing.kind]}
        request = models.SendSmsRequest(
            phone_numbers=_national(outgoing.to),
            sign_name=self._sign_name,
            template_code=self._templates[outgoing.kind + suffix],
            template_param=json.dumps(params, ensure_ascii=False, separators=(",", ":")),
            out_id=outgoing.key,
        )
        try:
            answer = await self._call(self._client.send_sms, request)
        except (AlibabaCloudException, UnretryableException) as error:
            return _unanswered(error)
        return _outcome(answer.body.code)

    async def look_up(self, key: str, to: str, first_tried: timedelta) -> Outcome | None:
        """Return what the provider's records say of the key, on every date since its first try."""
        now = self._clock()
        days = (now.date() - (now - first_tried).date()).days
        for back in range(min(days, _RECORDS_KEPT_DAYS) + 1):
            try:
                statuses = await self._statuses(key, to, now.date() - timedelta(days=back))
            except (AlibabaCloudException, UnretryableException, _RecordsError) as error:
                log.warning("aliyun_not_looked_up", key=key, error=type(error).__name__)
                return Unknown()
            if statuses:
                return _recorded(statuses)
        return None

    async def _statuses(self, key: str, to: str, day: date) -> list[int]:
        """Return how each message of this key stands in the phone's records of a day."""
        found: list[int] = []
        for page in range(1, _PAGES_MAX + 1):
            request = models.QuerySendDetailsRequest(
                phone_number=_national(to),
                send_date=f"{day:%Y%m%d}",
                page_size=_PAGE_RECORDS,
                current_page=page,
            )
            body = (await self._call(self._client.query_send_details, request)).body
            if body.code != _OK:
                raise _RecordsError(body.code)
            listed = body.sms_send_detail_dtos
            records = (listed.sms_send_detail_dto if listed else None) or []
            found += [record.send_status for record in records if record.out_id == key]
            if len(records) < _PAGE_RECORDS:
                break
        return found

    async def _call(self, call: Callable[[Any], Any], request: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, request)


class _RecordsError(Exception):
    """The provider does not show its records now."""


def _languages(templates: Mapping[str, str]) -> frozenset[str]:
    """Return the languages that `templates` are complete in."""
    missing = [kind for kind in VARIABLES if kind not in templates]
    if missing:
        raise SettingsError(f"GUAHAO_ALIYUN_TEMPLATES names no template for {', '.join(missing)}")
    kinds = {*VARIABLES, *(kind + ENGLISH for kind in VARIABLES)}
    unknown = sorted(set(templates) - kinds)
    if unknown:
        raise SettingsError(f"GUAHAO_ALIYUN_TEMPLATES: there is no message {', '.join(unknown)}")
    english = [kind for kind in VARIABLES if kind + ENGLISH in templates]
    return frozenset({"zh", "en"} if len(english) == len(VARIABLES) else {"zh"})


def _client(access: SmsAccess) -> Client:
    endpoint = urlsplit(access.endpoint)
    return Client(
        Config(
            access_key_id=access.key_id,
            access_key_secret=access.key_secret,
            endpoint=endpoint.netloc,
            protocol=endpoint.scheme,
            connect_timeout=_CONNECT_MILLISECONDS,
            read_timeout=_READ_MILLISECONDS,
            max_idle_conns=_SENDS_AT_ONCE,
        )
    )


def _national(phone: str) -> str:
    return phone.removeprefix("+86")


def _cut(value: str) -> str:
    if len(value) <= LONGEST_VARIABLE:
        return value
    return value[: LONGEST_VARIABLE - 3] + "..."  # it takes no … for a character


def _outcome(code: str) -> Outcome:
    """Return what an answer's code means for the message."""
    if code == _OK:
        return Sent()
    if code in _UNCLEAR:
        return Unknown()
    if not code.startswith(_BUSY):
        # The phone, or the account with its templates, sign and balance: somebody may mend it.
        log.warning("aliyun_refused", code=code)
    return Failed(permanent=code in _NEVER)


def _unanswered(error: Exception) -> Outcome:
    """Return what an error of the SDK means: an answer with a status of 400 or more, or none."""
    if isinstance(error, AlibabaCloudException):
        if (error.status_code or 0) >= _SERVER_ERROR:
            return Unknown()
        return _outcome(error.code)
    if _never_connected(error):
        return Failed(permanent=False)
    return Unknown()


def _never_connected(error: Exception) -> bool:
    """Return whether nothing can have reached the provider."""
    inner = getattr(error, "inner_exception", None)
    cause = getattr(inner, "__context__", None)
    if not isinstance(cause, RequestsConnectionError) or not cause.args:
        return False
    reason = getattr(cause.args[0], "reason", None)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _recorded(statuses: list[int]) -> Outcome:
    """Return the best that became of any message with one key."""
    if _DELIVERED in statuses:
        return Sent(delivered=True)
    return Failed(permanent=True) if set(statuses) == {_UNDELIVERED} else Sent()
