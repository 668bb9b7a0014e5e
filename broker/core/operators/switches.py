"""What operators may switch off and on while the broker runs: providers and clients (ADR 67)."""

from __future__ import annotations

from typing import Final

from broker.core.operators.question import Parameter, UseCase

_PROVIDER = Parameter("provider", "The provider, as the configuration calls it.", required=True, named=False)
_CLIENT = Parameter("client_id", "The app; it may be one that registered itself.", required=True, named=False)

SWITCHES: Final = (
    UseCase(
        "provider.list",
        "List every provider: `on`, `disabled` in the configuration, or `switched_off`, since when, by whom and why.",
        writes=False,
        own=(),
    ),
    UseCase(
        "provider.off",
        "Switch a provider off at once, whatever the configuration says, until it is switched on again. Nobody signs in"
        " by it, whoever is on the way back from it is told so, and what apps hold of people who came by it counts no"
        " more meanwhile. The login page keeps its place and says since when. It outlives a restart.",
        writes=True,
        own=(_PROVIDER,),
    ),
    UseCase(
        "provider.on",
        "Switch a provider on again. Sessions, grants and kept tokens that were not given up meanwhile count again.",
        writes=True,
        own=(_PROVIDER,),
    ),
    UseCase(
        "client.off",
        "Switch an app off at once, until it is switched on again. It starts no login and gets no tokens, and those"
        " that it has open nothing. Its developer is told by the error unauthorized_client, its users by a page. It"
        " outlives a restart.",
        writes=True,
        own=(_CLIENT,),
    ),
    UseCase(
        "client.on",
        "Switch an app on again. Codes and tokens that have not expired count again: change a secret that has leaked"
        " first.",
        writes=True,
        own=(_CLIENT,),
    ),
)
