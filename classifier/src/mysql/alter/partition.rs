//! Operations on partitions. What they read is not told apart further: the server does not accept an ALGORITHM or LOCK in front of most of
//! them, so all are taken as a copy behind which everybody waits.

use super::super::action::Clause;
use crate::tokens::Cursor;

/// The words of each, what is said of it, and whether rows go away with it.
const OPERATIONS: &[(&[&str], &str, bool)] = &[
    (&["PARTITION", "BY"], "PARTITION BY", false),
    (&["REMOVE", "PARTITIONING"], "REMOVE PARTITIONING", false),
    (&["ADD", "PARTITION"], "ADD PARTITION", false),
    (&["DROP", "PARTITION"], "DROP PARTITION", true),
    (&["TRUNCATE", "PARTITION"], "TRUNCATE PARTITION", true),
    (&["COALESCE", "PARTITION"], "COALESCE PARTITION", false),
    (&["REORGANIZE", "PARTITION"], "REORGANIZE PARTITION", false),
    (&["EXCHANGE", "PARTITION"], "EXCHANGE PARTITION", false),
    (&["CONVERT", "PARTITION"], "CONVERT PARTITION", false),
    (&["CONVERT", "TABLE"], "CONVERT TABLE", false),
    (&["ANALYZE", "PARTITION"], "ANALYZE PARTITION", false),
    (&["CHECK", "PARTITION"], "CHECK PARTITION", false),
    (&["OPTIMIZE", "PARTITION"], "OPTIMIZE PARTITION", false),
    (&["REBUILD", "PARTITION"], "REBUILD PARTITION", false),
    (&["REPAIR", "PARTITION"], "REPAIR PARTITION", false),
    (&["DISCARD", "PARTITION"], "DISCARD PARTITION", true),
    (&["IMPORT", "PARTITION"], "IMPORT PARTITION", false),
];

/// Some(None): it is none of them. It is the last clause of its statement, so the rest belongs to it.
pub(crate) fn clause(cursor: &mut Cursor<'_>) -> Option<Option<Clause>> {
    let Some((_, words, loses_rows)) = OPERATIONS.iter().find(|(words, ..)| cursor.eat_all(words)) else {
        return Some(None);
    };
    let mut read = 0;
    while !cursor.at_end() {
        match cursor.sees("(") {
            true => cursor.group().map(|_| ())?,
            false => cursor.next().map(|_| ())?,
        }
        read += 1;
    }
    let alone = *words == "REMOVE PARTITIONING";
    (alone == (read == 0)).then_some(Some(Clause::Partition {
        words,
        loses_rows: *loses_rows,
    }))
}
