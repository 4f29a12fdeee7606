//! What a statement cost, as `EXPLAIN (ANALYZE, WAL, TIMING OFF, FORMAT JSON)` tells it.
//!
//! It counts what this one statement wrote, however much others write meanwhile; a look at the server's position in its log
//! before and after does not.

use serde_json::Value;

/// What goes before a statement. It is run, and answers with its costs instead of its rows.
pub(super) const EXPLAIN: &str =
    "/* sluice:cli.measure */ EXPLAIN (ANALYZE, WAL, BUFFERS OFF, TIMING OFF, FORMAT JSON)";

/// The costs of one or more statements.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cost {
    /// Rows that an UPDATE of the statement changed.
    pub changed: u64,
    pub milliseconds: f64,
    pub wal_bytes: u64,
    /// Pages that were logged in full, because they were written for the first time after a checkpoint.
    pub full_pages: u64,
}

impl Cost {
    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            changed: self.changed + other.changed,
            milliseconds: self.milliseconds + other.milliseconds,
            wal_bytes: self.wal_bytes + other.wal_bytes,
            full_pages: self.full_pages + other.full_pages,
        }
    }
}

/// Reads the answer; None if it is not of that form.
pub(super) fn cost(answer: &Value) -> Option<Cost> {
    let top = answer.get(0)?;
    let plan = top.get("Plan")?;
    let mut cost = Cost {
        milliseconds: top.get("Execution Time")?.as_f64()?,
        ..Cost::default()
    };
    add(plan, &mut cost);
    Some(cost)
}

/// A node's figures hold those of the nodes below it, so the largest is the statement's.
fn add(node: &Value, cost: &mut Cost) {
    cost.wal_bytes = cost.wal_bytes.max(number(node, "WAL Bytes"));
    cost.full_pages = cost.full_pages.max(number(node, "WAL FPI"));
    if node.get("Node Type").and_then(Value::as_str) == Some("ModifyTable") {
        // Without RETURNING the node gives no rows; what it changed are the rows of the node below.
        let below = node.get("Plans").and_then(|plans| plans.get(0));
        cost.changed += below.map_or(0, |below| number(below, "Actual Rows"));
    }
    for below in node.get("Plans").and_then(Value::as_array).into_iter().flatten() {
        add(below, cost);
    }
}

/// Rows are printed with a fraction from PostgreSQL 18 on.
fn number(node: &Value, key: &str) -> u64 {
    // A float beyond u64 saturates, which no count reaches.
    node.get(key)
        .and_then(Value::as_f64)
        .map_or(0, |n| n.max(0.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_costs_of_a_statement_are_those_of_its_largest_node() {
        let answer = json!([{
            "Plan": {"Node Type": "Result", "WAL Bytes": 900, "WAL FPI": 2, "Actual Rows": 1, "Plans": [
                {"Node Type": "ModifyTable", "WAL Bytes": 900, "WAL FPI": 2, "Actual Rows": 7.00, "Plans": [
                    {"Node Type": "Tid Range Scan", "WAL Bytes": 40, "WAL FPI": 1, "Actual Rows": 7.00}]},
                {"Node Type": "Aggregate", "WAL Bytes": 0, "WAL FPI": 0, "Actual Rows": 1}]},
            "Execution Time": 12.5}]);
        let expected = Cost {
            changed: 7,
            milliseconds: 12.5,
            wal_bytes: 900,
            full_pages: 2,
        };
        assert_eq!(cost(&answer), Some(expected));
        assert_eq!(expected.and(expected).changed, 14);
        assert_eq!(cost(&json!([])), None);
    }
}
