"""What the rules of the emulated Microsoft rest on (read 2026-11)."""

from __future__ import annotations

from typing import Final

from broker.demo.rules import Rule, documented, guessed

WORKS: Final = (
    "code flow with PKCE by query, form or fragment, at `common`, `organizations`, `consumers` and two tenants (Ada"
    " works in one, Zoe in the other, Boris has a personal account); keys that name issuers, refresh, kits;"
    " `me` of Microsoft Graph"
)
RULES: Final[tuple[Rule, ...]] = (
    documented(
        "the issuer in discovery is a template at `common` and `organizations`; tokens name the tenant, in `iss` and"
        " `tid`"
    ),
    documented("keys name the issuer that they sign for; `sub` differs by client id, `oid` by tenant"),
    documented("errors at the token endpoint carry `error_codes`; cancelling is `access_denied` with `error_subcode`"),
    documented(
        "`xms_edov` is an optional claim; here Ada's tenant has proved the domain of her address, Zoe's has not"
    ),
    documented("Graph's `me` wants `User.Read`, nulls what it does not know, and gives `$select` and no more"),
    guessed("Graph's `id` is `oid`, without the zeros of a personal account"),
    guessed("the numbers of errors; two words in `prompt` are `invalid_request`"),
)
