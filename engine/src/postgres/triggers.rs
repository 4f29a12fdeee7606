//! Compiles the two-way mirror of one table into a trigger function, its triggers, and every change they go through.
//!
//! The rules are argued in ARCHITECTURE.md, "Dual-write". This file turns a [`Mirror`] into SQL text;
//! the text goes into the plan and is never derived again. One function a table lives through up to three bodies:
//! *old* is the truth ([`MirrorSql::install`]), *new* is ([`MirrorSql::lead`]), new is and the old columns bear hidden names
//! ([`MirrorSql::hide`]). A body is never dropped before the next one is there: they replace each other inside one
//! transaction that holds the table's lock.

mod alone;
mod body;
mod questions;
mod statements;
mod versions;

pub use crate::mirror::{Authority, Down, Error, Hidden, Mirror, MirrorSql, OnDownError, Pair, Swap};

pub use alone::declare as declare_alone;
pub use versions::{Versions, versions};

/// The schema of the ledger and of every function we install.
const SCHEMA: &str = "sluice";

/// Turns a mirror into the SQL that installs it, changes its authority, hides what it replaces, removes it, and asks
/// how far that is.
///
/// The function's name begins with the tag of the plan, which is also what it writes to the quarantine.
///
/// # Errors
/// [`Error`] for a name that PostgreSQL cannot have, or a mirror without pairs.
pub fn compile(mirror: &Mirror) -> Result<MirrorSql, Error> {
    if mirror.pairs.is_empty() {
        return Err(Error::Empty {
            table: mirror.table.name.clone(),
        });
    }
    let old = body::compile(mirror, Authority::Old, &[])?;
    let new = body::compile(mirror, Authority::New, &[])?;
    let mut sql = MirrorSql {
        install: statements::install(mirror, &old)?,
        installed: questions::installed(mirror, &old),
        remove: statements::remove(mirror)?,
        removed: questions::removed(mirror),
        lead: Swap {
            statements: statements::lead(mirror, &new)?,
            done: questions::installed(mirror, &new),
        },
        hide: None,
        unhide: None,
        drop: None,
        counted: statements::counted(mirror)?,
    };
    if !mirror.hidden.is_empty() {
        let hidden = body::compile(mirror, Authority::New, &mirror.hidden)?;
        sql.hide = Some(Swap {
            statements: statements::hide(mirror, &hidden)?,
            done: questions::hidden(mirror, &hidden),
        });
        sql.unhide = Some(Swap {
            statements: statements::unhide(mirror, &new)?,
            done: questions::unhidden(mirror, &new),
        });
        sql.drop = Some(Swap {
            statements: statements::drop(mirror)?,
            done: questions::dropped(mirror),
        });
    }
    Ok(sql)
}

#[cfg(test)]
mod tests;
