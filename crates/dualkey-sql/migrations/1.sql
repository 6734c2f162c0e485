-- {id}, {int} … are the column types of the dialect. {schema} is empty, or the name of a schema and a dot.

create table {schema}dualkey_partners (
    id {id} not null primary key,
    name text not null,
    api_key {exact_text} not null unique,
    enabled {bool} not null,
    rate_permits {int} not null,
    rate_period {int} not null, -- in seconds
    burst {int} not null,
    daily {int},
    utc_offset_secs {int} not null, -- the day begins this number of seconds before midnight UTC
    created_at {time} not null
){strict};

create table {schema}dualkey_tokens (
    id {id} not null primary key,
    organization {exact_text} not null,
    digest {bytes} not null unique check (length(digest) = 32),
    name text not null,
    hint text not null,
    scopes text not null, -- names separated by spaces, which a name cannot contain (RFC 6749 §3.3)
    created_at {time} not null,
    expires_at {time},
    last_used_at {time},
    replaces {id},
    replaced_by {id}
){strict};

create index dualkey_tokens_by_organization on {schema}dualkey_tokens (organization, id);

create table {schema}dualkey_usage (
    partner {id} not null primary key,
    day {int} not null, -- days since 1970-01-01
    permits {int} not null
){strict};
