//! What the findings of a whole-table check mean, in words. Pure.

use engine::catalog::TableName;
use ledger::checks::{Mismatch, Outcome, Verdict};
use ledger::quarantine::Quarantined;
use serde_json::Value;

/// Whether a row can be told by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// By its key.
    Key,
    /// The table has no key: its name would be the whole row, which is nobody's to read here.
    None,
}

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) table: TableName,
    pub(super) rows_checked: u64,
    /// Wrong rows, and rows that cannot be computed.
    pub(super) rows_mismatched: u64,
    /// One of them.
    pub(super) first: Option<Mismatch>,
    /// Entries of the quarantine that still stand.
    pub(super) quarantined: Vec<Quarantined>,
    pub(super) naming: Naming,
}

impl Facts {
    /// Proceed only if every row is right.
    pub(super) fn verdict(&self) -> Verdict {
        let table = format!("{}.{}", self.table.schema, self.table.name);
        let mut reasons = Vec::new();
        if self.rows_mismatched > 0 {
            reasons.push(self.wrong_rows(&table));
        }
        if let Some(first) = self.quarantined.first() {
            let rows = counted(self.quarantined.len() as u64);
            reasons.push(format!(
                "{rows} of {table} in quarantine, because {} cannot be computed{}, SQLSTATE {}",
                first.column,
                self.named(&first.key),
                first.sqlstate
            ));
        }
        let (outcome, why) = if reasons.is_empty() {
            (
                Outcome::Proceed,
                format!("all {} rows of {table} are right", self.rows_checked),
            )
        } else {
            (Outcome::Hold, reasons.join("; "))
        };
        Verdict {
            outcome,
            rows_checked: self.rows_checked,
            rows_mismatched: self.rows_mismatched,
            why,
        }
    }

    fn wrong_rows(&self, table: &str) -> String {
        let (rows, are) = (
            counted(self.rows_mismatched),
            if self.rows_mismatched == 1 { "is" } else { "are" },
        );
        let Some(first) = &self.first else {
            return format!("{rows} of {table} {are} wrong");
        };
        let named = self.named(&first.key);
        match first.detail.pointer("/raises/sqlstate").and_then(|s| s.as_str()) {
            Some(state) => format!("{rows} of {table} {are} wrong{named}, which raises SQLSTATE {state}"),
            None => format!("{rows} of {table} {are} wrong{named}"),
        }
    }

    fn named(&self, key: &Value) -> String {
        match self.naming {
            Naming::Key => format!("; first: {key}"),
            Naming::None => String::new(),
        }
    }
}

fn counted(rows: u64) -> String {
    if rows == 1 {
        "1 row".to_owned()
    } else {
        format!("{rows} rows")
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn facts(rows_mismatched: u64, detail: Option<serde_json::Value>, quarantined: usize) -> Facts {
        let table = TableName {
            schema: "public".into(),
            name: "track".into(),
        };
        Facts {
            rows_checked: 3503,
            rows_mismatched,
            first: detail.map(|detail| Mismatch {
                leaf_oid: 1,
                leaf: table.clone(),
                key: json!({ "track_id": 7 }),
                block: 0,
                detail,
            }),
            quarantined: vec![
                Quarantined {
                    id: 1,
                    table: table.clone(),
                    key: json!({ "track_id": 9 }),
                    column: "seconds".into(),
                    kind: "error".into(),
                    sqlstate: "22012".into(),
                    message: "division_by_zero".into(),
                    at: Timestamp::UNIX_EPOCH,
                };
                quarantined
            ],
            table,
            naming: Naming::Key,
        }
    }

    #[test]
    fn a_row_without_a_key_is_never_quoted() {
        let raises = Some(json!({ "raises": { "sqlstate": "22012" } }));
        let unnamed = |rows, detail, quarantined| Facts {
            naming: Naming::None,
            ..facts(rows, detail, quarantined)
        };
        check(
            &unnamed(2, raises, 0),
            Outcome::Hold,
            "2 rows of public.track are wrong, which raises SQLSTATE 22012",
        );
        check(
            &unnamed(0, None, 2),
            Outcome::Hold,
            "2 rows of public.track in quarantine, because seconds cannot be computed, SQLSTATE 22012",
        );
    }

    fn check(facts: &Facts, outcome: Outcome, why: &str) {
        let verdict = facts.verdict();
        assert_eq!((verdict.outcome, verdict.why.as_str()), (outcome, why));
    }

    #[test]
    fn only_a_table_without_any_finding_proceeds() {
        check(
            &facts(0, None, 0),
            Outcome::Proceed,
            "all 3503 rows of public.track are right",
        );
        check(
            &facts(
                3,
                Some(json!({ "seconds": { "found": "1", "expected": "2" } })),
                0,
            ),
            Outcome::Hold,
            "3 rows of public.track are wrong; first: {\"track_id\":7}",
        );
        check(
            &facts(1, Some(json!({ "raises": { "sqlstate": "22012" } })), 0),
            Outcome::Hold,
            "1 row of public.track is wrong; first: {\"track_id\":7}, which raises SQLSTATE 22012",
        );
        check(
            &facts(0, None, 2),
            Outcome::Hold,
            "2 rows of public.track in quarantine, because seconds cannot be computed; first: {\"track_id\":9}, SQLSTATE 22012",
        );
        check(
            &facts(2, None, 0),
            Outcome::Hold,
            "2 rows of public.track are wrong",
        );
    }
}
