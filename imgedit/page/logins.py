"""Slow down who guesses the password of the page: after some wrong ones an address has to wait, and so have all.

What is kept is of a fixed size, however many addresses there are. Who is logged in already is not held up.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from imgedit.page.uploads import App, Receive, Scope, Send

__all__ = ["Limit", "LimitedLogins"]

_PATH = "/login"
_ADDRESSES = 1024
"""How many addresses are remembered; the one that has been quiet for longest is forgotten first."""


@dataclass(frozen=True)
class Limit:
    """How often a wrong password may be given.

    Attributes:
        at_once: so many without waiting.
        seconds: after which one more may be given.
    """

    at_once: int
    seconds: float


class LimitedLogins:
    """Answers logins with 429 and the seconds to wait (`Retry-After`) where too many passwords were wrong.

    The password is not looked at then, so that waiting is what a guess costs.

    Args:
        inner: the page; it answers a wrong password with a status of 400 or more.
        each: for one address; of IPv6 for one network of 64 bits.
        total: for all addresses together.
        clock: seconds from any start.
    """

    def __init__(
        self,
        inner: App,
        *,
        each: Limit = Limit(5, 30.0),
        total: Limit = Limit(100, 5.0),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner, self._each, self._total, self._clock = inner, each, total, clock
        self._paid_total = 0.0  # when all that was given is paid off: a leaky bucket by its virtual schedule
        self._paid: OrderedDict[str, float] = OrderedDict()  # the same for an address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI wants it."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") != _PATH:
            await self._inner(scope, receive, send)
            return
        address = _network(scope.get("client"))
        wait = self._begin(address)
        if wait:
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", str(wait).encode())]
            await send({"type": "http.response.start", "status": 429, "headers": headers})
            await send({"type": "http.response.body", "body": _sentence(wait).encode()})
            return

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self._forgive(address)
            await send(message)

        await self._inner(scope, receive, sent)

    def _begin(self, address: str) -> int:
        """Count an attempt as wrong until it is right; return the seconds that it has to wait, 0 where it may go on."""
        now = self._clock()
        paid, paid_total = max(now, self._paid.get(address, now)), max(now, self._paid_total)
        wait = max(_wait(paid - now, self._each), _wait(paid_total - now, self._total))
        if wait > 0:
            return math.ceil(wait)
        self._paid_total = paid_total + self._total.seconds
        self._paid[address] = paid + self._each.seconds
        self._paid.move_to_end(address)
        if len(self._paid) > _ADDRESSES:
            self._paid.popitem(last=False)
        return 0

    def _forgive(self, address: str) -> None:
        """Forget the wrong passwords of an address that knows the right one."""
        self._paid.pop(address, None)
        self._paid_total -= self._total.seconds


def _wait(debt: float, limit: Limit) -> float:
    """Return how long an attempt has to wait where `debt` seconds are still to be paid off."""
    return debt - (limit.at_once - 1) * limit.seconds


def _network(client: tuple[str, int] | None) -> str:
    """Return what counts as one address."""
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address) >> 64 << 64, 64)))


def _sentence(seconds: int) -> str:
    return f"Too many wrong passwords. Try again in {seconds} second{'s' * (seconds > 1)}."
