-- An operator may cancel a callback: callback.why may be 'operator'.
--
-- SQLite cannot alter a CHECK, and to copy the table would take the foreign
-- keys to it along. What is stored does not change, so the schema's text is
-- changed in place, as https://www.sqlite.org/lang_altertable.html (7) says;
-- the new schema_version has every connection read it anew.
--
-- contact.due may be below 0 from now on: ahead of those due at once, because
-- an operator said so.

-- +goose Up

PRAGMA writable_schema = ON;

UPDATE sqlite_schema
  SET sql = replace(sql, 'IN (''window_closed'', ''stopped'', ''excluded'')', 'IN (''window_closed'', ''stopped'', ''excluded'', ''operator'')')
  WHERE type = 'table' AND name = 'callback';

PRAGMA writable_schema = RESET;
