//! The steps of a plan for SQLite, in order.
//!
//! As on PostgreSQL, but constraints are carried at the drop only. Forward: a copy of each table whose old column has to be nullable
//! meanwhile, or the plain columns, with raw SQL where the spec has it; then indexes over
//! renamed columns, and the mirrors. Back: NOT NULL is judged by triggers once the mirror, which judged it, is gone; `--discard` copies the table to what it was, or drops what was added.
//!
//! What would break it: two steps that each copy the same table. A copy is made from one text, so everything that a phase does to a
//! table is in it.

mod back;
mod cutover;
mod forward;

use engine::mirror::MirrorSql;
use engine::postgres::ident::IdentError;

use super::step::Steps;
use crate::compile::draft::Draft;

pub(super) use cutover::reasons;

/// Every step, in the order of execution within its phase.
pub(super) fn steps(draft: &Draft<'_>, mirrors: &[Option<MirrorSql>]) -> Result<Steps, IdentError> {
    let mut steps = Steps::default();
    forward::expand(draft, mirrors, &mut steps)?;
    cutover::steps(draft, mirrors, &mut steps)?;
    back::rollback(draft, mirrors, &mut steps)?;
    back::discard(draft, &mut steps)?;
    Ok(steps)
}
