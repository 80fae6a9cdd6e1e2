"""Run the migrations in one IMMEDIATE transaction, on a connection with jobrunner's pragmas."""

from contextlib import ExitStack
from functools import partial

from alembic import command, context
from sqlalchemy import Connection

from jobrunner.files.path_queries import real_path
from jobrunner.store import migrations
from jobrunner.store.database import connect, default_path
from jobrunner.store.schema import metadata


def upgrade(connection: Connection) -> None:
    # The transaction must begin before Alembic reads the revision. Otherwise two processes that
    # start at the same time could both find an empty database.
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,
        render_as_batch=True,
    )
    context.run_migrations()
    migrations.check_foreign_keys(connection)


def is_by_hand() -> bool:
    called = getattr(context.config.cmd_opts, "cmd", [None])[0]
    return called in (command.upgrade, command.downgrade)


given = context.config.attributes.get("connection")
if given is not None:
    upgrade(given)
else:
    path = default_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    open_ = partial(connect, create=True)
    with ExitStack() as stack:
        if is_by_hand():  # lock and back up, as `jobrunner db upgrade` does
            stack.enter_context(migrations.alone(real_path(path), open_))
        upgrade(stack.enter_context(migrations.engine(real_path(path), open_).begin()))
