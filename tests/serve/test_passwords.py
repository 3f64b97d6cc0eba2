"""Basic authentication, and what it costs."""

from __future__ import annotations

import asyncio
import base64

import bcrypt
import pytest

from vfioguard.serve.web_config.passwords import Match, Passwords

HASHES = {"admin": bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def know(passwords: Passwords, *headers: str) -> list[tuple[Match, str]]:
    async def go() -> list[tuple[Match, str]]:
        return await asyncio.gather(*(passwords.match(header) for header in headers))

    return asyncio.run(go())


def test_only_the_right_password_of_a_user_is_known() -> None:
    passwords = Passwords(HASHES)
    headers = [
        basic("admin", "secret"),
        basic("admin", "wrong"),
        basic("admin", ""),
        basic("nobody", "secret"),
        basic("", ""),
    ]
    found = [known for known, _ in know(passwords, *headers)]
    assert found == [Match.YES, Match.NO, Match.NO, Match.NO, Match.NO]


def test_a_password_that_was_right_is_not_right_for_another_user_or_a_longer_one() -> None:
    passwords = Passwords(HASHES)
    assert know(passwords, basic("admin", "secret")) == [(Match.YES, "admin")]
    assert know(passwords, basic("admin", "secret"))[0][0] is Match.YES
    assert know(passwords, basic("admin", "secrets"))[0][0] is Match.NO
    assert know(passwords, basic("other", "secret"))[0][0] is Match.NO


def test_what_is_no_basic_authentication_is_nobody() -> None:
    headers = ["", "Basic", "Basic !", "Bearer x", "Basic eA==", "Basic /zo=", "basic  eDp5\x00"]
    assert [known for known, _ in know(Passwords(HASHES), *headers)] == [Match.NO] * len(headers)


def test_a_user_whose_hash_htpasswd_made_is_known() -> None:
    hashed = HASHES["admin"].replace("$2b$", "$2y$")
    assert know(Passwords({"a": hashed}), basic("a", "secret")) == [(Match.YES, "a")]


def test_a_password_longer_than_bcrypt_looks_at_is_cut_as_go_cuts_it() -> None:
    long = "x" * 80
    hashed = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    assert know(Passwords({"a": hashed}), basic("a", long)) == [(Match.YES, "a")]


def test_a_crowd_of_wrong_passwords_is_told_to_come_again_and_who_is_known_passes() -> None:
    async def go() -> None:
        passwords = Passwords(HASHES)
        await passwords.match(basic("admin", "secret"))
        crowd = [asyncio.create_task(passwords.match(basic("admin", str(n)))) for n in range(50)]
        await asyncio.sleep(0)
        assert await passwords.match(basic("admin", "secret")) == (Match.YES, "admin")
        found = [known for known, _ in await asyncio.gather(*crowd)]
        assert found.count(Match.NO) == 33  # one is being checked, and 32 wait
        assert found.count(Match.BUSY) == 17

    asyncio.run(go())


def guess(passwords: Passwords, number: int, address: str, user: str) -> asyncio.Task[object]:
    header = basic(user, f"guess {number}")
    return asyncio.create_task(passwords.match(header, address))


@pytest.mark.parametrize(
    ("address", "user"),
    [("192.0.2.1", "admin"), ("192.0.2.1", "nobody{}"), ("192.0.2.9", "nobody"), ("{}", "admin")],
)
def test_who_is_right_gets_in_while_others_guess(address: str, user: str) -> None:
    async def go() -> None:
        passwords = Passwords(HASHES)
        crowd = [guess(passwords, n, address.format(n), user.format(n)) for n in range(20)]
        await asyncio.sleep(0)
        assert await passwords.match(basic("admin", "secret"), "192.0.2.9") == (Match.YES, "admin")
        for task in crowd:
            await task

    asyncio.run(go())


def test_who_comes_behind_their_own_right_password_does_not_pay_for_it_again() -> None:
    async def go() -> None:
        passwords = Passwords(HASHES)
        first = passwords.match(basic("admin", "secret"))
        second = passwords.match(basic("admin", "secret"))
        assert await asyncio.gather(first, second) == [(Match.YES, "admin")] * 2

    asyncio.run(go())
