-- The partner of the last use. Null for uses that were recorded before this column.
alter table {schema}dualkey_tokens add column last_used_by {id};

-- The forms that were sent, so that none of them issues a second token. A row outlives its token.
create table {schema}dualkey_nonces (
    organization {exact_text} not null,
    nonce {bytes} not null check (length(nonce) = 16),
    used_at {time} not null,
    token {id} not null,
    primary key (organization, nonce)
){strict};

create index dualkey_nonces_by_time on {schema}dualkey_nonces (used_at);
