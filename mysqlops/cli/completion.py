"""mysqlops completion"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from mysqlops.cli import output


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script with which SHELL completes commands, clusters, members, backups, targets and namespaces.

    \b
    Examples:
      source <(mysqlops completion bash)
      mysqlops completion fish > ~/.config/fish/completions/mysqlops.fish
    """
    found = get_completion_class(shell)
    if found is not None:
        root = click.get_current_context().find_root().command
        output.document(found(root, {}, "mysqlops", "_MYSQLOPS_COMPLETE").source())
