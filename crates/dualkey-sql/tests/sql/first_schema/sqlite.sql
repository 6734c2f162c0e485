-- A database as the first version left it, with two partners and two tokens.

create table dualkey_schema (version integer not null primary key) strict;

create table dualkey_partners (
    id text not null primary key,
    name text not null,
    api_key text not null unique,
    enabled integer not null,
    rate_permits integer not null,
    rate_period integer not null,
    burst integer not null,
    daily integer,
    utc_offset_secs integer not null,
    created_at text not null
) strict;

create table dualkey_tokens (
    id text not null primary key,
    organization text not null,
    digest blob not null unique check (length(digest) = 32),
    name text not null,
    hint text not null,
    scopes text not null,
    created_at text not null,
    expires_at text,
    last_used_at text,
    replaces text,
    replaced_by text
) strict;

create index dualkey_tokens_by_organization on dualkey_tokens (organization, id);

create table dualkey_usage (
    partner text not null primary key,
    day integer not null,
    permits integer not null
) strict;

insert into dualkey_schema values (1);

insert into dualkey_partners values
    ('01890a5d-ac96-774b-bcce-b302099a8001', 'One', 'key-number-1', 1, 5, 1, 10, 10000, 0, '2026-01-01T00:00:00.000000Z'),
    ('01890a5d-ac96-774b-bcce-b302099a8002', 'Two', 'key-number-2', 0, 100, 60, 7, null, -3600, '2026-01-02T00:00:00.000000Z');

insert into dualkey_tokens values
    ('01890a5d-ac96-774b-bcce-b302099a9001', 'acme', x'1111111111111111111111111111111111111111111111111111111111111111', 'used', 'abc', 'a:read b:read',
        '2026-01-01T00:00:00.000000Z', '2026-01-09T00:00:00.000000Z', '2026-01-03T00:00:00.000000Z', null, null),
    ('01890a5d-ac96-774b-bcce-b302099a9002', 'acme', x'2222222222222222222222222222222222222222222222222222222222222222', 'never used', 'xyz', 'a:read',
        '2026-01-02T00:00:00.000000Z', null, null, null, null);

insert into dualkey_usage values ('01890a5d-ac96-774b-bcce-b302099a8001', 20454, 17);
