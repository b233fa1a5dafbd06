"""How often a password may be guessed; without Gradio."""

from __future__ import annotations

import asyncio

import pytest

from imgedit.page.logins import Limit, LimitedLogins


class Door:
    """A page whose password is `right`, and a clock that is set by hand."""

    def __init__(self, **limits):
        self.now, self.n_asked = 0.0, 0
        self.page = LimitedLogins(self._check, clock=lambda: self.now, **limits)

    async def _check(self, scope, receive, send):
        self.n_asked += 1
        status = 200 if await receive() == "right" else 400
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def knock(self, password="wrong", address="192.168.1.5", method="POST", path="/login"):
        """Return the status, the seconds to wait (None where none are named) and the text."""
        sent = []

        async def receive():
            return password

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "client": (address, 1234)}
        asyncio.run(self.page(scope, receive, send))
        wait = dict(sent[0]["headers"]).get(b"retry-after")
        return sent[0]["status"], None if wait is None else int(wait), sent[1]["body"].decode()


def test_after_five_wrong_passwords_an_address_waits_and_then_the_right_one_works():
    door = Door()
    assert [door.knock()[0] for _ in range(5)] == [400] * 5
    assert door.knock() == (429, 30, "Too many wrong passwords. Try again in 30 seconds.")
    assert door.knock("right")[0] == 429  # otherwise waiting would cost nothing
    assert door.n_asked == 5
    door.now += 29.5
    assert door.knock("right", path="/login/") == (429, 1, "Too many wrong passwords. Try again in 1 second.")
    door.now += 0.5
    assert door.knock("right")[0] == 200
    assert [door.knock()[0] for _ in range(6)] == [400] * 5 + [429]  # the wrong ones before are forgotten


def test_another_address_does_not_wait_and_refused_attempts_cost_nothing():
    door = Door()
    for _ in range(20):
        door.knock()
    assert door.knock(address="192.168.1.6")[0] == 400
    door.now += 30.0
    assert door.knock()[0] == 400
    assert door.knock()[:2] == (429, 30)


@pytest.mark.parametrize(("address", "status"), [("fd00::1:2:3:4", 429), ("fd00:0:0:1::1", 400), ("10.0.0.1", 429)])
def test_addresses_of_one_network_of_ipv6_are_one(address, status):
    door = Door()
    for number in range(5):
        door.knock(address=f"fd00::{number}")
        door.knock(address="::ffff:10.0.0.1")
    assert door.knock(address=address)[0] == status


def test_all_addresses_together_have_a_limit_and_few_are_remembered():
    door = Door(each=Limit(5, 30.0), total=Limit(2000, 5.0))
    assert {door.knock(address=f"10.0.{i // 250}.{i % 250}")[0] for i in range(2000)} == {400}
    assert door.knock("right", "10.9.9.9")[:2] == (429, 5)
    assert len(door.page._paid) == 1024
    door.now += 5.0
    assert door.knock("right", "10.9.9.9")[0] == 200
    assert door.knock("right", "10.9.9.9")[0] == 200  # a right one leaves the others their share


def test_what_is_no_login_is_let_through():
    door = Door()
    for _ in range(10):
        door.knock()
    assert door.knock("right", method="GET")[0] == 200
    assert door.knock("right", path="/config")[0] == 200


def test_many_attempts_at_the_same_moment_are_counted_before_they_are_answered():
    statuses = []

    async def slow(scope, receive, send):
        await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 400, "headers": []})

    async def send(message):
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def together():
        page = LimitedLogins(slow)
        scope = {"type": "http", "method": "POST", "path": "/login", "client": ("10.0.0.1", 1)}
        await asyncio.gather(*(page(scope, None, send) for _ in range(8)))

    asyncio.run(together())
    assert sorted(statuses) == [400] * 5 + [429] * 3
