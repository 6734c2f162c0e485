-- Only the digests of codes and session tokens are stored. Without an organization, the operators sign in.
CREATE TABLE guestway_links (
    digest       TEXT PRIMARY KEY,
    actor        TEXT NOT NULL,
    organization TEXT,
    may_edit     BIGINT NOT NULL, -- 0 or 1: what both databases have
    expires_at   BIGINT NOT NULL -- in seconds since 1970
);

CREATE TABLE guestway_sessions (
    digest       TEXT PRIMARY KEY,
    actor        TEXT NOT NULL,
    organization TEXT,
    may_edit     BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
