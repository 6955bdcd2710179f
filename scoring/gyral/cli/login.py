"""``gyral login``: keep a site's token, so that the other commands can ask it."""

import sys

import click

from gyral.client.access import TOKEN, Access, as_address, find_access, forget, keep
from gyral.client.site import Site
from gyral.errors import UserError

_MAY = {"read": "read", "submit": "read and submit", "manage": "read, submit and manage"}


@click.command()
@click.argument("site", required=False)
@click.option("--forget", "leave", is_flag=True, help="Forget the token of SITE instead.")
@click.option("--who", is_flag=True, help="Only say who you are there, and what the token may do.")
def login(site: str | None, leave: bool, who: bool) -> None:
    """Log in to SITE with a token from its page "API tokens".

    The token is asked for without showing it, or read from standard input where that is no terminal. It is kept in a
    file that only you may read; the variable GYRAL_TOKEN goes before it.
    """
    if who:
        _say_who(find_access(site))
        return
    if site is None:
        raise click.UsageError("Missing argument 'SITE', such as https://board.example.org.")
    address = as_address(site)
    if leave:
        known = forget(address)
        click.echo(f"The token of {address} is forgotten." if known else f"No token of {address} was kept.")
        return
    access = Access(address, _ask(address))
    _say_who(access)
    click.echo(f"Kept in {keep(access)}.")


def _ask(address: str) -> str:
    if sys.stdin.isatty():
        click.echo(f"Make a token at {address}/account/tokens/")
        token = str(click.prompt("Token", hide_input=True))
    else:
        token = sys.stdin.readline()
    token = token.strip()
    if not token.startswith("gyral_") or not token.isascii() or len(token.split()) != 1:
        raise UserError(
            "this is no token: one begins with gyral_.",
            where="standard input",
            mend=f"Copy it whole from {address}/account/tokens/ (or set {TOKEN}).",
            code="token-form",
        )
    return token


def _say_who(access: Access) -> None:
    me = Site(access).get("me")
    until = f", until {me['expires'][:10]}" if me["expires"] else ""
    click.echo(
        f"You are {me['username']} at {access.address}; the token {me['token']!r} may {_MAY[me['scope']]}{until}."
    )
