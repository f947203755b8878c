"""Limit how fast a caller may act: requests, bookings, places and registrations (S17).

Counted in this process and shared with the others (flows/kernel/rates.py), so that asking
costs no round trip. Of an address, the places that it gets are limited closely and its tries
loosely: a mobile provider's gateway tries as often as a scalper does, but gets few places.
`GUAHAO_SHARED_NETWORKS` names networks that need more.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from hashlib import sha256

from guahao.flows.people.accounts import Caller
from guahao.rules.kernel.networks import SHARED_FACTOR, is_within, network_of
from guahao.rules.kernel.rates import Limit, Rates
from guahao.settings import Settings

# Of an account: ten requests to book at once, then two a second (RULES.md, Fair release).
GATE_BURST, GATE_SECONDS = 10, 5
_GATE_SHARED_FROM = 3  # most accounts book once, which costs nothing
_MINUTE, _10_MINUTES, _HOUR, _DAY = 60, 600, 3600, 86_400


class Velocity:
    """Limits by account, address and network, as this process counts them."""

    def __init__(self, settings: Settings, rates: Rates) -> None:
        self._rates = rates
        self._shared = settings.shared_networks
        s = settings
        self._requests = (
            Limit("requests.address", s.requests_per_address_minute, _MINUTE),
            Limit("requests.network", s.requests_per_network_minute, _MINUTE),
        )
        self._searches = (
            Limit("searches.address", s.searches_per_address_minute, _MINUTE),
            Limit("searches.network", s.searches_per_network_minute, _MINUTE),
        )
        self._gate = Limit("gate.token", GATE_BURST, GATE_SECONDS, _GATE_SHARED_FROM)
        self._bookings_by_account = (
            Limit("gate.account", GATE_BURST, GATE_SECONDS, _GATE_SHARED_FROM),
            Limit("bookings.account.minute", s.bookings_per_account_minute, _MINUTE),
            Limit("bookings.account.hour", s.bookings_per_account_hour, _HOUR),
        )
        self._bookings = (
            Limit("bookings.address", s.bookings_per_address_minute, _MINUTE),
            Limit("bookings.network", s.bookings_per_network_minute, _MINUTE),
        )
        self._places = (
            Limit("places.address", s.places_per_address_10_minutes, _10_MINUTES),
            Limit("places.network", s.places_per_network_10_minutes, _10_MINUTES),
        )
        self._registrations_by_account = Limit(
            "registrations.account", s.registrations_per_account_day, _DAY
        )
        self._registrations = (
            Limit("registrations.address", s.registrations_per_address_hour, _HOUR),
            Limit("registrations.network", s.registrations_per_network_hour, _HOUR),
        )

    def request(self, caller: Caller, now: float) -> int | None:
        """Count a request at `now` (Unix seconds); return the seconds to wait if over the limit."""
        if not caller.limited:
            return None
        return self._rates.attempt_all(self._by_place(self._requests, caller), now)

    def search(self, caller: Caller, now: float) -> int | None:
        """Count a search, which costs more than other pages and is not answered from memory."""
        if not caller.limited:
            return None
        return self._rates.attempt_all(self._by_place(self._searches, caller), now)

    def gate(self, token: bytes, now: float) -> int | None:
        """Count a request to book by its token, before that is verified and the body is read.

        `booking` then counts it by account, whose tokens may be many.
        """
        return self._rates.attempt(self._gate, sha256(token).hexdigest(), now)

    def booking(self, account_id: int, caller: Caller, now: float, places: int = 1) -> int | None:
        """Count an account's attempt to book so many places, and the places that it may get.

        All or nothing is counted. Call `no_place` with the same `now` if it got none; the attempt
        stays counted.
        """
        subject = str(account_id)
        tried = [(limit, subject) for limit in self._bookings_by_account]
        if caller.limited:
            tried += self._by_place(self._bookings, caller)
            tried += self._by_place(self._places, caller)
        for counted in range(places):
            wait_seconds = self._rates.attempt_all(tried, now)
            if wait_seconds is not None:
                for limit, subject in tried * counted:
                    self._rates.undo(limit, subject, now)
                return wait_seconds
        return None

    def no_place(self, caller: Caller, now: float, places: int = 1) -> None:
        """Uncount the places that `booking` counted at `now`."""
        if caller.limited:
            for limit, subject in self._by_place(self._places, caller) * places:
                self._rates.undo(limit, subject, now)

    def registration(self, account_id: int, caller: Caller, now: float) -> int | None:
        """Count an attempt to register a patient, whether it succeeds or not."""
        tried = [(self._registrations_by_account, str(account_id))]
        if caller.limited:
            tried += self._by_place(self._registrations, caller)
        return self._rates.attempt_all(tried, now)

    def _by_place(self, limits: tuple[Limit, Limit], caller: Caller) -> list[tuple[Limit, str]]:
        of_address, of_network = limits
        if self._shared and is_within(caller.address, self._shared):
            return [(_more(of_address), caller.address)]
        return [(of_address, caller.address), (of_network, network_of(caller.address))]


@lru_cache(maxsize=32)
def _more(limit: Limit) -> Limit:
    return replace(limit, most=limit.most * SHARED_FACTOR)
