-- A database as the first version left it, with two partners and two tokens.

create table "public".dualkey_schema (version bigint not null primary key);

create table "public".dualkey_partners (
    id uuid not null primary key,
    name text not null,
    api_key text collate "C" not null unique,
    enabled boolean not null,
    rate_permits bigint not null,
    rate_period bigint not null,
    burst bigint not null,
    daily bigint,
    utc_offset_secs bigint not null,
    created_at timestamptz not null
);

create table "public".dualkey_tokens (
    id uuid not null primary key,
    organization text collate "C" not null,
    digest bytea not null unique check (length(digest) = 32),
    name text not null,
    hint text not null,
    scopes text not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    last_used_at timestamptz,
    replaces uuid,
    replaced_by uuid
);

create index dualkey_tokens_by_organization on "public".dualkey_tokens (organization, id);

create table "public".dualkey_usage (
    partner uuid not null primary key,
    day bigint not null,
    permits bigint not null
);

insert into dualkey_schema values (1);

insert into dualkey_partners values
    ('01890a5d-ac96-774b-bcce-b302099a8001', 'One', 'key-number-1', true, 5, 1, 10, 10000, 0, '2026-01-01T00:00:00.000000Z'),
    ('01890a5d-ac96-774b-bcce-b302099a8002', 'Two', 'key-number-2', false, 100, 60, 7, null, -3600, '2026-01-02T00:00:00.000000Z');

insert into dualkey_tokens values
    ('01890a5d-ac96-774b-bcce-b302099a9001', 'acme', '\x1111111111111111111111111111111111111111111111111111111111111111', 'used', 'abc', 'a:read b:read',
        '2026-01-01T00:00:00.000000Z', '2026-01-09T00:00:00.000000Z', '2026-01-03T00:00:00.000000Z', null, null),
    ('01890a5d-ac96-774b-bcce-b302099a9002', 'acme', '\x2222222222222222222222222222222222222222222222222222222222222222', 'never used', 'xyz', 'a:read',
        '2026-01-02T00:00:00.000000Z', null, null, null, null);

insert into dualkey_usage values ('01890a5d-ac96-774b-bcce-b302099a8001', 20454, 17);
