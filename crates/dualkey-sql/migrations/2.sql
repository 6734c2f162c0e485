alter table {schema}dualkey_tokens add column first_used_at {time};

-- The first use that is known of.
update {schema}dualkey_tokens set first_used_at = last_used_at;

-- How many changes there were. Whoever changes something holds this row until that is committed, so
-- revisions are in the order of commits.
create table {schema}dualkey_revision (
    row {int} not null primary key check (row = 1),
    revision {int} not null
){strict};

insert into {schema}dualkey_revision (row, revision) values (1, 0);

create table {schema}dualkey_changes (
    revision {int} not null,
    kind text not null, -- 'partner' or 'token'
    key {bytes} not null, -- the partner's key, or the token's digest
    primary key (revision, kind, key)
){strict};

create table {schema}dualkey_audit (
    id {id} not null primary key,
    organization {exact_text}, -- null: to a partner
    done_at {time} not null,
    actor text not null,
    action text not null,
    subject {id} not null,
    detail text not null
){strict};

create index dualkey_audit_by_organization on {schema}dualkey_audit (organization, id);
