//! Reading a range where another place can be asked as well: right as a whole, or to be read there.
//!
//! A replica may lack what was written since, and its collations may be of another version; so what it finds wrong is a reason to look
//! at the primary and no finding, and nothing is narrowed, named or tried again here.

use std::ops::Range;

use engine::error::{Class, classify, message, sqlstate};

use super::{Fault, Found, Reader, STATEMENT_TIMEOUT, STEP};

impl Reader<'_> {
    /// The rows of a range of which each is right; None if one is wrong or cannot be computed, or the leaf is not what it was.
    /// Err: it could not be read, and why.
    pub(crate) async fn clean(&self, range: &Range<u64>) -> Result<Option<Found>, String> {
        let mut found = Found::default();
        let mut at = range.start;
        while at < range.end {
            let piece = at..(at + STEP).min(range.end);
            match self.piece(&piece, STATEMENT_TIMEOUT).await {
                Ok(more) if more.wrong == 0 => found.add(more),
                Ok(_) | Err(Fault::Drifted) => return Ok(None),
                Err(Fault::Database(error)) if classify(&error) == Class::Data => return Ok(None),
                Err(Fault::Database(error)) => return Err(words(&error)),
                Err(Fault::Other(why)) => return Err(why),
            }
            at = piece.end;
        }
        Ok(Some(found))
    }
}

/// Without the name of the table: what is wrong with a place is told once, not once a table.
fn words(error: &sqlx::Error) -> String {
    match sqlstate(error) {
        Some(state) => format!("it cannot be read (SQLSTATE {state}): {}", message(error)),
        None => format!("it cannot be read: {}", message(error)),
    }
}
