"""Loaded by a child's Python: its writing connections execute one pragma more than they would."""

import os
import sqlite3
from typing import Any


class _Weakened(sqlite3.Connection):
    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        cursor = super().execute(sql, *parameters)
        if sql == "PRAGMA synchronous=FULL":
            super().execute(os.environ["POWER_PRAGMA"]).fetchall()
        return cursor


_connect = sqlite3.connect


def _connect_weakened(*arguments: Any, **options: Any) -> sqlite3.Connection:
    connection: sqlite3.Connection = _connect(*arguments, factory=_Weakened, **options)
    return connection


sqlite3.connect = _connect_weakened  # type: ignore[assignment]
