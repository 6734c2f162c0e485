-- The partner of the last use. Null for uses that were recorded before this column.
alter table {schema}dualkey_tokens add column last_used_by {id};
