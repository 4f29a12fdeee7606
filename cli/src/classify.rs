//! Scripts of somebody else's migrations, judged statement by statement: the way from files to what is printed of them.
//!
//! [`walk`] finds the files in the order in which their tool runs them, which [`layout`] tells by their names and [`alembic`] by what is in them;
//! [`judge`] takes each through the classifier; [`record`] is what is told of a statement, and `human`, `json`, `sarif` and `github` write it,
//! each through [`printer`], while the file is still read: no dump is too large. [`pages`] are the texts behind the codes.
//!
//! Reading and judging are apart from asking a database: what that says comes in as facts, which [`live`] asks for; [`observe`] runs
//! the scripts in a copy of the schema, and [`observed`] tells where that and the rules disagree.

pub mod alembic;
mod github;
mod human;
mod json;
pub mod judge;
pub mod layout;
pub mod live;
pub mod observe;
pub mod observed;
pub mod pages;
pub mod printer;
pub mod record;
mod sarif;
mod session;
pub mod totals;
pub mod walk;
mod words;

pub use judge::{Request, classify};
pub use printer::{Format, Printer};
pub use totals::Totals;
