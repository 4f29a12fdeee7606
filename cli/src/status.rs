//! What people and programs see of a job: where it is, why it waits and for what, what moves and how fast, and
//! every row that needs somebody's eyes.
//!
//! `model` is the stable object behind `--json`; `read` fills it from ledger rows, `moves` says whether and why not;
//! `text` writes it for people;
//! `keys` asks the table itself which rows a failed range holds, because an operator knows keys, not blocks.

mod keys;
mod list;
mod model;
mod moves;
mod read;
mod text;

pub use list::{JobLine, lines, list_text};
pub use model::Status;
pub use read::{Reader, read};
pub use text::text;
