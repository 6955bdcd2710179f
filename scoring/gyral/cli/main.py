"""``gyral``: the group of commands, their errors and exit codes.

Exit status: 0 done; 1 something the caller can mend; 2 wrong usage; 70 our own fault; 130 interrupted.
"""

import secrets
import sys
import traceback
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import click

from gyral import __version__
from gyral.errors import UserError

if TYPE_CHECKING:
    from gyral.isolation.spare import Spare

# name -> (module:object, one line for --help); nothing is imported before a command runs.
_COMMANDS = {
    "list": ("gyral.cli.list:list_names", "Benchmarks, models, readouts and metrics."),
    "score": ("gyral.cli.score:score", "Score a model on a benchmark."),
    "rerun": ("gyral.cli.rerun:rerun", "Make a record again and compare every number."),
    "show": ("gyral.cli.show:show", "Show a record as a table, bars or HTML."),
    "init": ("gyral.cli.init:init", "Write a model card from what a file says of itself."),
    "check": ("gyral.cli.check:check", "Say what is wrong with an upload or a pack, and how to mend it."),
    "overlap": ("gyral.cli.overlap:overlap", "Look for a benchmark's stimuli in training data."),
    "retrieve": ("gyral.cli.retrieve:retrieve", "Find what was seen or heard from M/EEG, in a model's features."),
    "extract": ("gyral.cli.extract:extract", "Write a model's features for a benchmark's stimuli."),
    "stimuli": ("gyral.cli.stimuli:stimuli", "Write a benchmark's stimuli with their ids and hashes."),
    "audit": ("gyral.cli.audit:audit", "Look for leaks in a dataset's split, and print its ceilings."),
    "decode": ("gyral.cli.decode:decode", "Decode a dataset's categories from its responses."),
    "holdout": ("gyral.cli.holdout:holdout", "Keep a part of a benchmark's data back (operators)."),
    "data": ("gyral.cli.data:data", "Fetch and list datasets; make, check and install your own."),
    "models": ("gyral.cli.models:models", "Fetch and list reference models."),
    "login": ("gyral.cli.login:login", "Log in to a site with an API token."),
    "submit": ("gyral.cli.submit:submit", "Send a model to a site and have it scored there."),
    "status": ("gyral.cli.status:status", "Say how your runs on a site stand; save a record."),
    "logs": ("gyral.cli.logs:logs", "Print the log of a run on a site."),
    "board": ("gyral.cli.board:board", "Print a site's board."),
}
_HIDDEN = {"standby": "gyral.cli.standby:standby"}
_SITE_COMMANDS = {"serve": "Start the site, a worker and the sweeper."}


class LazyGroup(click.Group):
    """A group that imports a command only when it is called, and suggests the nearest name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, without importing any."""
        return [*_COMMANDS, *_plugins()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command; None for an unknown name."""
        if cmd_name in _COMMANDS or cmd_name in _HIDDEN:
            module, _, attribute = (_HIDDEN.get(cmd_name) or _COMMANDS[cmd_name][0]).partition(":")
            return _command(getattr(import_module(module), attribute))
        entry = _plugins().get(cmd_name)
        if entry is None:
            return None
        try:
            return _command(entry.load())
        except ModuleNotFoundError as error:
            raise UserError(
                f"`gyral {cmd_name}` needs the package {error.name!r}, which is not installed.",
                mend="Install the site: pip install 'gyral[site]'",
                code="extra-missing",
            ) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.format_message()} Did you mean {near[0]!r}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List names with their summaries, importing nothing."""
        rows = [(name, text) for name, (_, text) in _COMMANDS.items()]
        rows += [(name, _SITE_COMMANDS.get(name, "")) for name in _plugins()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gyral")
def cli() -> None:
    """Score vision and language models against brain recordings, region by region."""


def main(arguments: list[str] | None = None, *, spare: "Spare | None" = None) -> None:
    """Run the command line and exit with its status; ``spare`` is a guest for `gyral score --isolated`."""
    try:
        # Outside standalone mode click returns the code of an Exit, and what a command returned.
        returned = cli.main(args=arguments, prog_name="gyral", standalone_mode=False, obj=spare)
        status = returned if isinstance(returned, int) else 0
    except click.exceptions.Abort:
        click.echo("interrupted; the same command goes on after what is finished", err=True)
        status = 130
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except UserError as error:
        click.echo(f"gyral: {error}", err=True)
        status = 1
    except BrokenPipeError:
        status = 0
    except Exception:  # noqa: BLE001 - the outermost frame: anything else would lose the exit status
        reference = secrets.token_hex(4)
        traceback.print_exc()
        click.echo(f"gyral: this is our fault, not yours (reference {reference}); please report it.", err=True)
        status = 70
    sys.exit(status)


def _plugins() -> dict[str, Any]:
    return {entry.name: entry for entry in entry_points(group="gyral.commands")}


def _command(found: Any) -> click.Command:
    if not isinstance(found, click.Command):
        raise TypeError(f"{found!r} is no click command")
    return found


if __name__ == "__main__":
    main()
