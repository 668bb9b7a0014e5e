"""Sign in with Apple through the whole broker: by a form from another site, with a name that comes once."""

from __future__ import annotations

from broker.demo.background import running_in_background
from broker.demo.upstreams import EMULATORS


def test_b18_the_name_of_the_first_sign_in_is_there_at_the_next_ones() -> None:
    settings = {**EMULATORS["apple"].settings, "type": "apple"}
    with running_in_background({}, providers={"apple": settings}) as broker:
        first, apple = broker.login("apple", "ada").claims, broker.emulators["apple"]
        assert (first["name"], first["email_verified"]) == ("Ada Lovelace", True)
        apple.claims("ada", email=None, email_verified=None, is_private_email=None)
        again = broker.login("apple", "ada", prompt="login").claims
        assert again["sub"] == first["sub"]
        assert [again[name] for name in ("name", "given_name", "email")] == [
            first[name] for name in ("name", "given_name", "email")
        ]
        apple.claims("ada", email="new@example.org", email_verified="false")
        moved = broker.login("apple", "ada", prompt="login").claims
        assert (moved["email"], moved["email_verified"], moved["name"]) == ("new@example.org", False, "Ada Lovelace")
