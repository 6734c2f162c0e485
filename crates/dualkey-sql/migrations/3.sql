-- One row per partner and day, so that permits which a wrong clock counted on another day do not displace
-- those of the current day.
create table {schema}dualkey_usage_new (
    partner {id} not null,
    day {int} not null, -- days since 1970-01-01
    permits {int} not null,
    primary key (partner, day)
){strict};

insert into {schema}dualkey_usage_new select partner, day, permits from {schema}dualkey_usage;

drop table {schema}dualkey_usage;

alter table {schema}dualkey_usage_new rename to dualkey_usage;

create index dualkey_usage_by_day on {schema}dualkey_usage (day);

-- Tokens that still work are counted, and expired ones are found, by these.
create index dualkey_tokens_by_organization_and_expiry
    on {schema}dualkey_tokens (organization, expires_at);
create index dualkey_tokens_by_expiry
    on {schema}dualkey_tokens (expires_at, id) where expires_at is not null;

-- The id of the pepper under which the token was digested, 'none', or null if the row is older than this
-- column.
alter table {schema}dualkey_tokens add column pepper text;

create index dualkey_tokens_without_pepper
    on {schema}dualkey_tokens (id) where pepper is null or pepper = 'none';
