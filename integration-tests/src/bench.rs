//! The benchmark: what a fill costs and what it does to an application beside it, ours and others', as ratios from one run.
//!
//! ```text
//!  order ─> ground: a primary with a replica, fsync on ─> rounds: every method once, then again ─> medians ─> tables, JSON, docs
//!             each run: the table as it was, an application at a fixed rate, the replica's lag, /proc, then every row compared
//! ```
//!
//! Methods take turns, so that a machine that gets slower gets slower for all of them; each begins with the same bytes. The figures
//! of two machines, or of two days, cannot be compared; the ratios within one run can. No speed is ever asserted: a run is a failure if
//! a row is wrong or missing at its end, or if it did not come to its end.
//!
//! Reading order: `order` is what was asked for, `session` the sequence, `one` a single run; `method` the ways to fill a column;
//! `application`, `lag` and `usage` look on; `triggers`, `checking` and `planning` are measured apart; `results` is what comes of it,
//! `summary` the medians, `grid` the tables, `text` and `page` how they are told.

mod application;
mod checking;
mod clerk;
mod grid;
mod ground;
mod lag;
mod machine;
mod method;
mod one;
mod order;
mod page;
mod planning;
mod results;
mod session;
mod stats;
mod subject;
mod summary;
mod text;
mod triggers;
mod usage;

pub use order::Order;
pub use page::page;
pub use results::Results;
pub use session::run;
pub use text::text;
