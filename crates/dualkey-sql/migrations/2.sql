alter table {schema}dualkey_tokens add column first_used_at {time};

-- The only recorded use of existing tokens.
update {schema}dualkey_tokens set first_used_at = last_used_at;

-- One row: the number of changes so far. Each change locks the row until it commits, so that the order
-- of revisions is the order of commits.
create table {schema}dualkey_revision (
    row {int} not null primary key check (row = 1),
    revision {int} not null
){strict};

insert into {schema}dualkey_revision (row, revision) values (1, 0);

create table {schema}dualkey_changes (
    revision {int} not null,
    kind text not null, -- 'partner' or 'token'
    key {bytes} not null, -- the API key of the partner, or the digest of the token
    primary key (revision, kind, key)
){strict};

create table {schema}dualkey_audit (
    id {id} not null primary key,
    organization {exact_text}, -- null if the subject is a partner
    done_at {time} not null,
    actor text not null,
    action text not null,
    subject {id} not null,
    detail text not null
){strict};

create index dualkey_audit_by_organization on {schema}dualkey_audit (organization, id);
