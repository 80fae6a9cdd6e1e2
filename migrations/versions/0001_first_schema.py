"""The first schema."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE session (
        id TEXT NOT NULL,
        input_path TEXT,
        input_format TEXT NOT NULL,
        input_sha256 TEXT NOT NULL,
        input_other TEXT NOT NULL,
        options TEXT NOT NULL,
        output TEXT,
        status TEXT NOT NULL,
        revision INTEGER NOT NULL,
        run_id INTEGER,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        version TEXT NOT NULL,
        CONSTRAINT pk_session PRIMARY KEY (id),
        CONSTRAINT ck_session_status CHECK (status IN ('loading', 'pending', 'running', 'interrupted', 'failed', 'completed'))
    )
     STRICT
    """,
    """
    CREATE TABLE event (
        id INTEGER NOT NULL,
        session_id TEXT NOT NULL,
        run_id INTEGER,
        at TEXT NOT NULL,
        kind TEXT NOT NULL,
        message TEXT NOT NULL,
        CONSTRAINT pk_event PRIMARY KEY (id),
        CONSTRAINT fk_event_session_id FOREIGN KEY(session_id) REFERENCES session (id)
    )
     STRICT
    """,
    "CREATE INDEX ix_event_session_id ON event (session_id)",
    """
    CREATE TABLE paper (
        id INTEGER NOT NULL,
        session_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        "key" TEXT NOT NULL,
        title TEXT NOT NULL,
        authors TEXT NOT NULL,
        year INTEGER,
        venue TEXT NOT NULL,
        unusable TEXT,
        given TEXT NOT NULL,
        CONSTRAINT pk_paper PRIMARY KEY (id),
        CONSTRAINT uq_paper_session_id_position UNIQUE (session_id, position),
        CONSTRAINT fk_paper_session_id FOREIGN KEY(session_id) REFERENCES session (id)
    )
     STRICT
    """,
    "CREATE INDEX ix_paper_unusable ON paper (session_id) WHERE unusable IS NOT NULL",
    """
    CREATE TABLE run (
        id INTEGER NOT NULL,
        session_id TEXT NOT NULL,
        pid INTEGER NOT NULL,
        host TEXT NOT NULL,
        version TEXT NOT NULL,
        started_at TEXT NOT NULL,
        ended_at TEXT,
        ending TEXT,
        reason TEXT,
        CONSTRAINT pk_run PRIMARY KEY (id),
        CONSTRAINT ck_run_ending CHECK (ending IN ('completed', 'interrupted', 'failed', 'crashed')),
        CONSTRAINT fk_run_session_id FOREIGN KEY(session_id) REFERENCES session (id)
    )
     STRICT
    """,
    "CREATE INDEX ix_run_session_id ON run (session_id)",
    """
    CREATE TABLE snapshot (
        id INTEGER NOT NULL,
        session_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        path TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        papers INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        reason TEXT NOT NULL,
        seconds REAL NOT NULL,
        created_at TEXT NOT NULL,
        CONSTRAINT pk_snapshot PRIMARY KEY (id),
        CONSTRAINT uq_snapshot_session_id_number UNIQUE (session_id, number),
        CONSTRAINT fk_snapshot_session_id FOREIGN KEY(session_id) REFERENCES session (id)
    )
     STRICT
    """,
    """
    CREATE TABLE source_state (
        id INTEGER NOT NULL,
        session_id TEXT NOT NULL,
        name TEXT NOT NULL,
        ordinal INTEGER NOT NULL,
        status TEXT NOT NULL,
        error TEXT,
        not_before TEXT,
        updated_at TEXT NOT NULL,
        CONSTRAINT pk_source_state PRIMARY KEY (id),
        CONSTRAINT uq_source_state_session_id_name UNIQUE (session_id, name),
        CONSTRAINT ck_source_state_status CHECK (status IN ('active', 'stopped', 'dropped')),
        CONSTRAINT fk_source_state_session_id FOREIGN KEY(session_id) REFERENCES session (id)
    )
     STRICT
    """,
    """
    CREATE TABLE batch (
        id INTEGER NOT NULL,
        source_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        kind TEXT NOT NULL,
        run_id INTEGER NOT NULL,
        papers INTEGER NOT NULL,
        enriched INTEGER NOT NULL,
        not_found INTEGER NOT NULL,
        ambiguous INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        passed_on INTEGER NOT NULL,
        requests INTEGER NOT NULL,
        retries INTEGER NOT NULL,
        cost_micros INTEGER NOT NULL,
        fields TEXT NOT NULL,
        started_at TEXT NOT NULL,
        committed_at TEXT NOT NULL,
        CONSTRAINT pk_batch PRIMARY KEY (id),
        CONSTRAINT uq_batch_source_id_number UNIQUE (source_id, number),
        CONSTRAINT ck_batch_kind CHECK (kind IN ('lookup', 'search', 'review')),
        CONSTRAINT ck_batch_adds_up CHECK (papers = enriched + not_found + ambiguous + failed + passed_on),
        CONSTRAINT fk_batch_source_id FOREIGN KEY(source_id) REFERENCES source_state (id),
        CONSTRAINT fk_batch_run_id FOREIGN KEY(run_id) REFERENCES run (id)
    )
     STRICT
    """,
    "CREATE INDEX ix_batch_run_id ON batch (run_id)",
    """
    CREATE TABLE identifier (
        paper_id INTEGER NOT NULL,
        scheme TEXT NOT NULL,
        value TEXT NOT NULL,
        origin TEXT NOT NULL,
        ordinal INTEGER NOT NULL,
        CONSTRAINT pk_identifier PRIMARY KEY (paper_id, scheme, value, origin),
        CONSTRAINT fk_identifier_paper_id FOREIGN KEY(paper_id) REFERENCES paper (id)
    )
     WITHOUT ROWID,
     STRICT
    """,
    """
    CREATE TABLE lookup_miss (
        paper_id INTEGER NOT NULL,
        source_id INTEGER NOT NULL,
        batch_id INTEGER NOT NULL,
        CONSTRAINT pk_lookup_miss PRIMARY KEY (paper_id, source_id),
        CONSTRAINT fk_lookup_miss_paper_id FOREIGN KEY(paper_id) REFERENCES paper (id),
        CONSTRAINT fk_lookup_miss_batch_id FOREIGN KEY(batch_id) REFERENCES batch (id)
    )
     WITHOUT ROWID,
     STRICT
    """,
    "CREATE INDEX ix_lookup_miss_batch_id ON lookup_miss (batch_id)",
    """
    CREATE TABLE record (
        id INTEGER NOT NULL,
        source_id INTEGER NOT NULL,
        paper_id INTEGER NOT NULL,
        batch_id INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        "match" TEXT,
        retrieved_at TEXT NOT NULL,
        error TEXT,
        data TEXT,
        CONSTRAINT pk_record PRIMARY KEY (id),
        CONSTRAINT uq_record_paper_id_source_id UNIQUE (paper_id, source_id),
        CONSTRAINT ck_record_outcome CHECK (outcome IN ('enriched', 'not_found', 'ambiguous', 'failed')),
        CONSTRAINT fk_record_paper_id FOREIGN KEY(paper_id) REFERENCES paper (id),
        CONSTRAINT fk_record_batch_id FOREIGN KEY(batch_id) REFERENCES batch (id)
    )
     STRICT
    """,
    "CREATE INDEX ix_record_batch_id ON record (batch_id)",
    """
    CREATE TABLE retired_record (
        id INTEGER NOT NULL,
        source_id INTEGER NOT NULL,
        paper_id INTEGER NOT NULL,
        batch_id INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        "match" TEXT,
        retrieved_at TEXT NOT NULL,
        error TEXT,
        data TEXT,
        retired_at TEXT NOT NULL,
        CONSTRAINT pk_retired_record PRIMARY KEY (id),
        CONSTRAINT ck_retired_record_outcome CHECK (outcome IN ('enriched', 'not_found', 'ambiguous', 'failed', 'passed_on')),
        CONSTRAINT fk_retired_record_paper_id FOREIGN KEY(paper_id) REFERENCES paper (id),
        CONSTRAINT fk_retired_record_batch_id FOREIGN KEY(batch_id) REFERENCES batch (id)
    )
     STRICT
    """,
    "CREATE INDEX ix_retired_record_batch_id ON retired_record (batch_id)",
    "CREATE INDEX ix_retired_record_paper_id ON retired_record (paper_id, source_id)",
    "CREATE INDEX ix_retired_record_source_id ON retired_record (source_id, outcome)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    # 'JRUN': see jobrunner.store.database.APPLICATION_ID.
    op.execute("PRAGMA application_id = 1246909774")
