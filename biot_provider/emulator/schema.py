"""The tables of the platform's database, version by version."""

from __future__ import annotations

SCHEMAS = (
    """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE switches (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE service_users (
    id TEXT PRIMARY KEY,
    secret_key TEXT NOT NULL,
    permissions TEXT NOT NULL,
    locked INTEGER NOT NULL DEFAULT 0,
    token_seconds REAL NOT NULL,
    plugin TEXT
) WITHOUT ROWID;
CREATE TABLE tokens (digest TEXT PRIMARY KEY, service_user TEXT NOT NULL, expires REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE plugins (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL,
    code_digest TEXT
);
CREATE TABLE code (digest TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE hooks (
    plugin TEXT NOT NULL,
    type TEXT NOT NULL,
    target TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (plugin, type, target)
) WITHOUT ROWID;
CREATE TABLE faults (id INTEGER PRIMARY KEY AUTOINCREMENT, spec TEXT NOT NULL, seen INTEGER NOT NULL DEFAULT 0);
CREATE TABLE requests (id INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL);
""",
    """
ALTER TABLE service_users ADD COLUMN key_expires REAL;
CREATE TABLE people (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    permissions TEXT NOT NULL,
    locked INTEGER NOT NULL,
    locked_until REAL,
    mfa INTEGER NOT NULL,
    token_seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE sessions (
    digest TEXT PRIMARY KEY, person TEXT NOT NULL, kind TEXT NOT NULL, expires REAL NOT NULL
) WITHOUT ROWID;
""",
    """
CREATE TABLE accounts (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT UNIQUE,
    type TEXT NOT NULL DEFAULT 'INTERNAL_SERVICE',
    role TEXT NOT NULL,
    permissions TEXT,
    active INTEGER NOT NULL DEFAULT 1,
    locked INTEGER NOT NULL DEFAULT 0,
    organization TEXT,
    token_seconds REAL,
    key_minutes INTEGER,
    plugin TEXT
);
CREATE TABLE secret_keys (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    service_user TEXT NOT NULL,
    secret_key TEXT NOT NULL,
    created REAL NOT NULL,
    expires REAL
);
INSERT INTO accounts (id, role, permissions, locked, token_seconds, plugin)
    SELECT id, '5f3a6c1e-0000-4000-8000-00000000000' || CASE WHEN plugin IS NULL THEN '1' ELSE '2' END,
        CASE WHEN id IN (SELECT value FROM facts WHERE name = 'built-in service user') THEN NULL ELSE permissions END,
        locked, token_seconds, plugin
    FROM service_users;
INSERT INTO secret_keys (id, service_user, secret_key, created, expires)
    SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-8'
        || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
        id, secret_key, strftime('%s', 'now'), key_expires
    FROM service_users;
DROP TABLE service_users;
ALTER TABLE accounts RENAME TO service_users;
CREATE TABLE interceptors (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    target TEXT NOT NULL,
    plugin TEXT,
    endpoint TEXT,
    path_filters TEXT NOT NULL DEFAULT '{}',
    position INTEGER NOT NULL,
    record TEXT
);
INSERT INTO interceptors (type, target, plugin, position) SELECT type, target, plugin, position FROM hooks;
DROP TABLE hooks;
CREATE TABLE listeners (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    entity TEXT NOT NULL,
    action TEXT NOT NULL,
    template TEXT,
    endpoint TEXT NOT NULL
);
""",
    """
CREATE TABLE patients (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL
);
CREATE TABLE logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    time REAL NOT NULL,
    kind TEXT NOT NULL,
    line TEXT NOT NULL
);
CREATE INDEX logs_by_source ON logs (source, id);
""",
    """
CREATE TABLE variants (id INTEGER PRIMARY KEY AUTOINCREMENT, spec TEXT NOT NULL, shown INTEGER NOT NULL DEFAULT 0);
""",
    # Keys of an earlier form: new ones are made when they are needed.
    """
DELETE FROM facts WHERE name IN ('key pair', 'previous key pair');
""",
    """
CREATE TABLE invocations (id INTEGER PRIMARY KEY AUTOINCREMENT, summary TEXT NOT NULL, log TEXT NOT NULL);
""",
)
"""What each version of the database adds to the one before; a file of an earlier one is brought up to date."""
SCHEMA_VERSION = len(SCHEMAS)
