//! What the triggers do to rows, on SQLite itself. Every rule holds with `recursive_triggers` on and off.

mod db;
mod pairs;

mod bytes;
mod closed;
mod hidden;
mod history;
mod in_place;
mod new;
mod old;
mod oracle;
mod others;
mod refused;
mod together;
mod writers;
