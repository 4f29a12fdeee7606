//! Where the model differs from PostgreSQL, by name, each with its reason.

use super::compare::{Disagreement, Field};

/// One field of one statement.
#[derive(Debug)]
pub(super) struct Exception {
    /// The script up to the statement.
    pub(super) script: &'static [&'static str],
    /// Which field.
    pub(super) field: Field,
    /// Why it stays.
    pub(super) reason: &'static str,
}

impl Exception {
    pub(super) fn is(&self, found: &Disagreement) -> bool {
        self.field == found.field && self.script == found.script.as_slice()
    }
}

pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        script: &["ALTER TABLE item ADD c int DEFAULT inlined()"],
        field: Field::Rewrites,
        reason: "a volatile function in SQL is inlined to the constant that it is; nobody knows without its body",
    },
    Exception {
        script: &["ALTER TABLE item ADD c int DEFAULT inlined()"],
        field: Field::Scans,
        reason: "a volatile function in SQL is inlined to the constant that it is; nobody knows without its body",
    },
    Exception {
        script: &["ALTER TABLE item ADD c positive"],
        field: Field::WithoutFacts,
        reason: "that the type is a domain with a constraint is in the catalog only",
    },
    Exception {
        script: &["ALTER TABLE item ADD c positive DEFAULT 1"],
        field: Field::WithoutFacts,
        reason: "that the type is a domain with a constraint is in the catalog only",
    },
    Exception {
        script: &["ALTER TABLE base ADD c int"],
        field: Field::Locks,
        reason: "the facts have partitions, not the children of plain inheritance",
    },
    Exception {
        script: &["ALTER TABLE base RENAME COLUMN v TO w"],
        field: Field::Locks,
        reason: "the facts have partitions, not the children of plain inheritance",
    },
    Exception {
        script: &["ALTER TABLE customer DROP COLUMN email CASCADE"],
        field: Field::Locks,
        reason: "a view goes with what it reads; the model names tables",
    },
    Exception {
        script: &["ALTER TABLE customer DROP COLUMN id CASCADE"],
        field: Field::Locks,
        reason: "a view goes with what it reads; the model names tables",
    },
    Exception {
        script: &["DROP TABLE customer CASCADE"],
        field: Field::Locks,
        reason: "a view goes with what it reads; the model names tables",
    },
    Exception {
        script: &["ALTER TABLE customer ALTER plain TYPE text"],
        field: Field::Rewrites,
        reason: "the facts have names of domains, not the types below them: taken for the worst",
    },
    Exception {
        script: &["ALTER TABLE customer ALTER plain TYPE text"],
        field: Field::Scans,
        reason: "the facts have names of domains, not the types below them: taken for the worst",
    },
    Exception {
        script: &["ALTER TABLE customer ALTER name TYPE plain"],
        field: Field::Rewrites,
        reason: "the facts have names of domains, not the types below them: taken for the worst",
    },
    Exception {
        script: &["ALTER TABLE customer ALTER name TYPE plain"],
        field: Field::Scans,
        reason: "the facts have names of domains, not the types below them: taken for the worst",
    },
    Exception {
        script: &[
            "CREATE INDEX event_id ON ONLY event (id)",
            "CREATE INDEX CONCURRENTLY event_1_id ON event_1 (id)",
            "ALTER INDEX event_id ATTACH PARTITION event_1_id",
        ],
        field: Field::Locks,
        reason: "the model tells locks on the indexes that the script itself has made",
    },
    Exception {
        script: &["DROP INDEX event_v"],
        field: Field::Locks,
        reason: "an index of a partitioned table is dropped from each partition: the model names the parent",
    },
    Exception {
        script: &["ALTER INDEX item_n SET TABLESPACE elsewhere"],
        field: Field::Rewrites,
        reason: "the index gets a new file; the model counts it as its table's",
    },
    Exception {
        script: &["DROP INDEX IF EXISTS nosuch"],
        field: Field::Locks,
        reason: "the facts are not asked whether a table that is not among them is there",
    },
    Exception {
        script: &["DROP TABLE IF EXISTS nosuch"],
        field: Field::Locks,
        reason: "the facts are not asked whether a table that is not among them is there",
    },
    Exception {
        script: &["DROP STATISTICS audited_stats"],
        field: Field::Locks,
        reason: "which table extended statistics are of is not in the facts",
    },
    Exception {
        script: &["ALTER TYPE pair ADD ATTRIBUTE c int CASCADE"],
        field: Field::Locks,
        reason: "which tables are of a composite type is not in the facts",
    },
    Exception {
        script: &["REFRESH MATERIALIZED VIEW totals"],
        field: Field::Locks,
        reason: "what a materialized view reads is not in the facts; a reader's lock",
    },
    Exception {
        script: &["REFRESH MATERIALIZED VIEW CONCURRENTLY totals"],
        field: Field::Locks,
        reason: "what a materialized view reads is not in the facts; a reader's lock",
    },
    Exception {
        script: &["DROP FUNCTION touch() CASCADE"],
        field: Field::Locks,
        reason: "which triggers call a function is not in the facts",
    },
    Exception {
        script: &["INSERT INTO item (id, n) SELECT id, id FROM tag"],
        field: Field::Scans,
        reason: "a query's plan decides it; the model tells scans of statements that change a schema",
    },
    Exception {
        script: &["INSERT INTO item (id, n) SELECT id, id FROM tag"],
        field: Field::WithoutFacts,
        reason: "a query's plan decides it; the model tells scans of statements that change a schema",
    },
    Exception {
        script: &["SELECT * FROM item"],
        field: Field::Scans,
        reason: "a query's plan decides it; the model tells scans of statements that change a schema",
    },
    Exception {
        script: &["SELECT * FROM item"],
        field: Field::WithoutFacts,
        reason: "a query's plan decides it; the model tells scans of statements that change a schema",
    },
    Exception {
        script: &["DELETE FROM event WHERE day = '2020-06-01'"],
        field: Field::Scans,
        reason: "a query's plan decides it; the model tells scans of statements that change a schema",
    },
    Exception {
        script: &["DELETE FROM event WHERE day = '2020-06-01'"],
        field: Field::Locks,
        reason: "which partitions the value of the condition leaves is the planner's to say",
    },
    Exception {
        script: &["INSERT INTO purchase (id, customer_id) VALUES (1001, 1)"],
        field: Field::Locks,
        reason: "a foreign key locks rows of the other table: a reader's lock there that waits for nobody but DDL",
    },
];
