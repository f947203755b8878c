"""The real-name check by Alibaba Cloud (身份二要素核验, Id2MetaVerify), through its own SDK.

Needs the extra guahao[aliyun]. The provider compares a name and a resident ID with the
authority's records. Everything but its clear yes or no is UNKNOWN: a person must not be
refused because a service is down, has no record, or was not paid.

Neither names nor numbers are logged: the SDK's errors are reduced to their code, because
their text may quote the request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urlsplit

import structlog
from alibabacloud_cloudauth20190307 import models
from alibabacloud_cloudauth20190307.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config

from guahao.identity_check.circuit import Circuit
from guahao.identity_check.gateway import Verdict
from guahao.rules.people.identity import RESIDENT_ID, Document

# A person waits for the answer before the registration form.
PATIENCE_SECONDS = 6.0
_CONNECT_MILLISECONDS = 1500
_READ_MILLISECONDS = 4000
_ATTEMPTS = 2
_RETRY_WAIT_SECONDS = 0.3
_CHECKS_AT_ONCE = 8
# Beyond this many in a process a check would wait too long; the person stays unchecked.
_CHECKS_WAITING = 32

_OK = "200"
_VERDICTS = {"1": Verdict.MATCH, "2": Verdict.MISMATCH, "3": Verdict.UNKNOWN}
# About this name and number (400, 401), or this person checked too often (403): an
# answer nevertheless. As faults, they would let a stranger open the circuit for everybody.
_ABOUT_THE_PERSON = frozenset({"400", "401", "403"})
# The operator's account: another attempt changes nothing.
_ACCOUNT = frozenset({"410", "411", "412"})

log = structlog.get_logger(__name__)

# With DEBUG=sdk in the environment the SDK would log whole requests.
logging.getLogger("darabonba-core").disabled = True
logging.getLogger("urllib3").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class IdentityAccess:
    """The operator's access to the provider; `endpoint` is an address of http or https."""

    endpoint: str
    key_id: str
    key_secret: str


class AliyunVerifier:
    """Check resident IDs (type 01) with the provider, which knows no other documents."""

    name = "aliyun"

    def __init__(self, access: IdentityAccess, circuit: Circuit | None = None) -> None:
        endpoint = urlsplit(access.endpoint)
        self._client = Client(
            Config(
                access_key_id=access.key_id,
                access_key_secret=access.key_secret,
                endpoint=endpoint.netloc,
                protocol=endpoint.scheme,
                connect_timeout=_CONNECT_MILLISECONDS,
                read_timeout=_READ_MILLISECONDS,
                max_idle_conns=_CHECKS_AT_ONCE,
            )
        )
        self._circuit = circuit or Circuit()
        # The SDK's synchronous calls reuse connections; its asyncio calls do not.
        self._threads = ThreadPoolExecutor(_CHECKS_AT_ONCE, "identity-check")
        self._waiting = 0

    async def check(self, person_name: str, document: Document) -> Verdict:
        """Return the provider's verdict, or UNKNOWN after at most PATIENCE_SECONDS."""
        if document.id_type != RESIDENT_ID:
            return Verdict.UNKNOWN
        if self._waiting >= _CHECKS_WAITING:
            log.warning("identity_check_crowded")
            return Verdict.UNKNOWN
        if not self._circuit.permits():
            return Verdict.UNKNOWN
        request = models.Id2MetaVerifyRequest(
            identify_num=document.number, param_type="normal", user_name=person_name
        )
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._ask(request)
        except TimeoutError:
            self._fault("timeout")
            return Verdict.UNKNOWN
        finally:
            self._waiting -= 1

    async def _ask(self, request: models.Id2MetaVerifyRequest) -> Verdict:
        """Ask, and retry once after a passing fault, because the query changes nothing."""
        started = monotonic()
        loop = asyncio.get_running_loop()
        code = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_RETRY_WAIT_SECONDS)
            call: Callable[..., models.Id2MetaVerifyResponse] = self._client.id_2meta_verify
            try:
                body = (await loop.run_in_executor(self._threads, call, request)).body
            except AlibabaCloudException as error:  # an answer with a status of 400 or more
                code, result = str(error.code), None
            except Exception as error:  # noqa: BLE001 - the SDK raises any exception of its parts
                code, result = type(error).__name__, None
            else:
                code, result = str(body.code), body.result_object
            if code == _OK and result is not None and str(result.biz_code) in _VERDICTS:
                self._circuit.answered()
                return _VERDICTS[str(result.biz_code)]
            if code in _ABOUT_THE_PERSON:
                self._circuit.answered()
                log.info("identity_not_checked", code=code)
                return Verdict.UNKNOWN
            if code in _ACCOUNT or monotonic() - started > PATIENCE_SECONDS / 2:
                break
        self._fault(code)
        return Verdict.UNKNOWN

    def _fault(self, code: str) -> None:
        log.warning("identity_check_failed", code=code)
        if self._circuit.failed():
            log.error("identity_check_suspended", code=code)
