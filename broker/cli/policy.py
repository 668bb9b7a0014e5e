"""`broker policy explain`: what happens when somebody unknown arrives, and why (account linking)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from broker.cli.common import config_option, fail, read_config

if TYPE_CHECKING:
    from broker.core.people.linking import Known, LinkingPolicy, LinkingRule, Outcome, Vouched

_KNOWN = ("nobody", "unverified", "browser", "verified")


@click.group()
def policy() -> None:
    """Say what the configuration means for a login."""


@policy.command()
@config_option
@click.option("--provider", "name", metavar="NAME", required=True, help="The provider somebody arrives through.")
@click.option("--email", "address", metavar="ADDRESS", help="The address it gives. Without: the whole table.")
@click.option("--verified/--unverified", default=True, help="Whether it says that the address was checked.")
@click.option(
    "--known",
    type=click.Choice(_KNOWN),
    default="nobody",
    show_default=True,
    help="What points at an account here: an unproven or a proven address, or another way that the browser used last.",
)
def explain(path: str, name: str, address: str | None, verified: bool, known: str) -> None:
    """Say whether somebody unknown is asked for an account they may have, and why.

    Nothing is looked up: `--known` says what the database would. Whatever the answer, nobody is joined to an account
    without a login at both ways in.
    """
    from broker.core.people.cleaning import plain_email
    from broker.core.people.linking import Known, read_vouched

    providers = read_config(path).config.providers
    if name not in providers:
        fail([f"{name}: there is no such provider; there are {', '.join(providers)}"])
    rule = providers[name].linking_rule
    click.echo(f"policy: {rule.policy}")
    if address is None:
        click.echo("\n".join(_table(rule.policy)))
        return
    plain = plain_email(address)
    if plain is None:
        click.echo(f"{address}: not an address that can be passed on, so it counts as none")
    vouched = read_vouched({"email": plain, "email_verified": verified}, rule.domains)
    outcome, why = explain_cell(rule, vouched, Known(known))
    click.echo(f"the upstream vouches: {vouched}\nknown here: {known}\noutcome: {outcome}\n{why}")


def explain_cell(rule: LinkingRule, vouched: Vouched, known: Known) -> tuple[Outcome, str]:
    """What follows, and one sentence why."""
    from broker.core.people.linking import LinkingPolicy, Outcome, decide_linking

    outcome = decide_linking(rule.policy, vouched, known)
    if rule.policy is LinkingPolicy.EXPLICIT:
        return outcome, "Nobody is asked; people add ways in on their account page."
    if outcome is Outcome.PROVE:
        return outcome, (
            "Both sides proved the address and the upstream answers for its domain, so the page names the ways into"
            " that account; only a login at one of them joins."
        )
    return outcome, _because(vouched, known)


def _because(vouched: Vouched, known: Known) -> str:
    from broker.core.people.linking import Known, Vouched

    if known is Known.NOBODY:
        return "Nothing points at an account of theirs, so they get a new one."
    if known is Known.UNVERIFIED:
        return "An address that nobody proved says nothing about whose account it is, so they get a new one."
    if known is Known.BROWSER:
        return "This browser was last used with another way in, so a page asks whether they have an account."
    if vouched in {Vouched.NOTHING, Vouched.UNVERIFIED}:
        return "The upstream did not prove the address, so no account is looked for by it: they get a new one."
    return "An account has the same proven address, so a page asks whether they have one; it names none."


def _table(chosen: LinkingPolicy) -> list[str]:
    from broker.core.people.linking import TABLE

    rows = [f"{'vouched / known':<16}" + "".join(f"{known:<12}" for known in _KNOWN)]
    return rows + [f"{word:<16}" + "".join(f"{cell:<12}" for cell in row) for word, row in TABLE[chosen].items()]
