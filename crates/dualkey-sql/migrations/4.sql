-- Identifies the history of the tables up to a revision. A database that is restored from a backup, or a
-- replica that is promoted, can reach a revision again with another change. The ids then differ.
alter table {schema}dualkey_revision add column history_id {id};
alter table {schema}dualkey_revision add column previous_history_id {id};

update {schema}dualkey_revision set history_id = {random_id};

-- The history id of the revision before the change. Null in changes that an older version wrote.
alter table {schema}dualkey_changes add column previous_history_id {id};
