"""The command line. Commands are declared here and in one file per group; what they run is imported when they run."""

import click

from broker import __version__
from broker.cli.backup import backup, restore
from broker.cli.check import check
from broker.cli.client import client
from broker.cli.config import config
from broker.cli.demo import demo
from broker.cli.emulate import emulate
from broker.cli.healthcheck import healthcheck
from broker.cli.icons import icons
from broker.cli.importing import import_
from broker.cli.keys import keys
from broker.cli.operators import add_use_cases
from broker.cli.policy import policy
from broker.cli.provider import provider
from broker.cli.reload import reload
from broker.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="broker")
def main() -> None:
    """One OpenID Connect issuer in front of Google, VK, OK, Yandex, Telegram and any other sign-in service.

    Environment: BROKER_CONFIG names the configuration, BROKER_LOG_LEVEL and BROKER_LOG_FORMAT override its `logging`
    section. Nothing else is read from the environment, unless the configuration asks for it with ${NAME}.
    """


for command in (
    serve,
    reload,
    demo,
    emulate,
    check,
    config,
    client,
    import_,
    keys,
    policy,
    provider,
    icons,
    backup,
    restore,
    healthcheck,
):
    main.add_command(command)
add_use_cases(main)
