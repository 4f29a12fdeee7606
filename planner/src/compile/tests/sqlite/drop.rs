//! Forward to the drop: the rows that are left, and the schema.

use ledger::plan::{Phase, StepMode};

use super::file::File;
use super::run::{ROWS, planned, to_the_drop};
use super::*;

/// What a table without a usual key looks like, with rows, through a copy and back, and through one to the drop.
#[tokio::test]
async fn every_kind_of_row_number_survives_a_copy() {
    for (table, rows) in [
        (
            "CREATE TABLE t (rowid TEXT, a TEXT NOT NULL, i AS (rowid || 'x'))",
            "INSERT INTO t (_rowid_, rowid, a) VALUES (5, 'r', 'b'), (9, 's', 'd')",
        ),
        (
            "CREATE TABLE t (k INTEGER PRIMARY KEY, a TEXT NOT NULL) WITHOUT ROWID",
            "INSERT INTO t VALUES (5, 'b'), (9, 'd')",
        ),
        (
            "CREATE TABLE t (k INTEGER PRIMARY KEY DESC, a TEXT NOT NULL)",
            "INSERT INTO t (rowid, k, a) VALUES (5, 1, 'b'), (9, 2, 'd')",
        ),
        (
            "CREATE TABLE t (k BLOB, a TEXT NOT NULL, b, PRIMARY KEY (k, b))",
            "INSERT INTO t (rowid, k, a, b) VALUES (5, x'00', 'b', 1), (9, 'k', 'd', 2)",
        ),
    ] {
        let schema = format!("{table}; {rows};");
        let mut file = File::with(&schema).await;
        let catalog = file.catalog().await;
        let plan = plan(&rename_of("t", "a", "b2"), &catalog);
        let row = plan.fills[0].row.clone().unwrap();
        let keys = format!(
            "SELECT json_array({row}, {}, b2) FROM t ORDER BY 1",
            plan.fills[0].key
        );
        file.phase(&plan, Phase::Expand).await;
        assert_eq!(file.fill(&plan).await, 2, "{table}");
        let before = file.rows(&keys).await;
        assert!(
            before[0].starts_with("[5,") && before[1].starts_with("[9,"),
            "{table}: {before:?}"
        );
        for phase in [Phase::Lead, Phase::Hide, Phase::Drop] {
            file.phase(&plan, phase).await;
        }
        assert_eq!(file.rows(&keys).await, before, "{table}");
        assert!(file.try_run("UPDATE t SET b2 = NULL").await.is_err());
    }
}

/// Whatever a statement does about a conflict, it meets it in the new column as it would in the old one, and the copy at the drop finds no
/// row that it has to refuse.
#[tokio::test]
async fn a_value_that_may_be_there_once_is_judged_by_the_new_column_too() {
    for unique in [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b); CREATE UNIQUE INDEX once ON t (a) WHERE a <> ''",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b, UNIQUE (a, b))",
    ] {
        let both = unique.contains("(a, b)");
        let mut file = File::with(&format!(
            "{unique}; INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 1);"
        ))
        .await;
        let catalog = file.catalog().await;
        let plan = plan(&rename_of("t", "a", "n"), &catalog);
        file.phase(&plan, Phase::Expand).await;
        file.fill(&plan).await;
        file.phase(&plan, Phase::Lead).await;
        for action in ["FAIL", "ABORT", "ROLLBACK"] {
            let refused = file
                .try_run(&format!(
                    "INSERT OR {action} INTO t (id, n, b) VALUES (3, 'z', 1), (4, 'x', 1)"
                ))
                .await;
            assert!(refused.is_err(), "{unique}: {action}");
            let _made = file.try_run("DELETE FROM t WHERE id = 3").await;
        }
        file.try_run("INSERT OR IGNORE INTO t (id, n, b) VALUES (4, 'x', 1)")
            .await
            .unwrap();
        let columns = if both { "n, b" } else { "n" };
        let of_which = if unique.contains("WHERE") {
            " WHERE n <> ''"
        } else {
            ""
        };
        file.try_run(&format!(
            "INSERT INTO t (id, n, b) VALUES (5, 'y', 1) ON CONFLICT ({columns}){of_which} DO UPDATE SET n = 'w'"
        ))
        .await
        .unwrap();
        let rows = file.rows("SELECT json_array(id, a, n) FROM t ORDER BY id").await;
        assert_eq!(rows, ["[1,\"x\",\"x\"]", "[2,\"w\",\"w\"]"], "{unique}");
        for phase in [Phase::Hide, Phase::Drop] {
            file.phase(&plan, phase).await;
        }
        let left = file.schema().await.join("\n");
        assert!(
            !left.contains("sluice_") || !left.contains("INDEX IF NOT EXISTS"),
            "{left}"
        );
        assert!(
            file.try_run("INSERT INTO t (id, n, b) VALUES (9, 'x', 1)")
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn an_index_that_cannot_stand_on_an_empty_column_comes_at_the_drop() {
    for (index, stands) in [
        ("CREATE INDEX i ON t (a)", true),
        ("CREATE INDEX i ON t (lower(a)) WHERE b > 0", true),
        ("CREATE UNIQUE INDEX i ON t (a, b)", true),
        ("CREATE UNIQUE INDEX i ON t (b, a DESC) WHERE a <> ''", true),
        ("CREATE UNIQUE INDEX i ON t (b) WHERE a IS NULL", false),
        ("CREATE UNIQUE INDEX i ON t (coalesce(a, ''))", false),
    ] {
        let mut file = File::with(&format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); {index};"
        ))
        .await;
        let catalog = file.catalog().await;
        let plan = plan(&rename_of("t", "a", "n"), &catalog);
        file.phase(&plan, Phase::Expand).await;
        let found = file
            .rows("SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 't' AND name LIKE 'sluice%'")
            .await;
        assert_eq!(found.len(), usize::from(stands), "{index}: {found:?}");
        // Once new leads nobody could put it back, so nobody asks for it.
        let made = plan
            .steps
            .iter()
            .find(|step| step.statements[0].contains("INDEX IF NOT EXISTS"));
        assert_eq!(
            made.and_then(|step| step.holds_until),
            stands.then_some(Phase::Lead),
            "{index}"
        );
        let named = plan.notices.iter().any(|n| n.code == "SL-INDEX-LATER");
        assert_eq!(named, !stands, "{index}");
    }
}

#[tokio::test]
async fn an_index_goes_with_a_nullable_column_that_another_replaces() {
    let keys = "column = \"Kib\"\ntype = \"INT\"\nup = \"Bytes / 1024\"\ndown = \"Kib * 1024\"\nreplaces = \"Bytes\"";
    let mut file = File::with(&format!(
        "{CHINOOK}\n{ROWS}\nCREATE INDEX big ON Track (Bytes, Name)"
    ))
    .await;
    let catalog = file.catalog().await;
    let plan = plan(&add(keys), &catalog);
    assert!(
        plan.gate_before(Phase::Hide)
            .unwrap()
            .reasons
            .last()
            .unwrap()
            .contains("index `big`")
    );
    to_the_drop(&mut file, &plan).await;
    assert!(plan.steps.iter().all(|step| step.mode == StepMode::Short));
    assert!(!file.schema().await.join("\n").contains("Bytes"));
}

#[tokio::test]
async fn both_paths_write_until_the_drop_and_no_write_is_lost() {
    let (mut file, plan) = planned(&add(BOTH_WAYS)).await;
    file.phase(&plan, Phase::Expand).await;
    let seconds = "SELECT json_array(TrackId, Milliseconds, Seconds) FROM Track ORDER BY 1";
    file.run("INSERT INTO Track (TrackId, Name, Milliseconds, UnitPrice) VALUES (10, 'old', 5432, 1)")
        .await;
    file.run("INSERT INTO Track (TrackId, Name, Seconds, UnitPrice) VALUES (11, 'new', 7, 1)")
        .await;
    let refused = file
        .try_run("INSERT INTO Track (TrackId, Name, UnitPrice) VALUES (12, 'none', 1)")
        .await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("NOT NULL constraint failed: Track.Milliseconds")
    );
    assert_eq!(file.fill(&plan).await, 2);
    assert_eq!(
        file.rows(seconds).await,
        ["[1,331180,331]", "[10,5432,5]", "[11,7000,7]", "[7,369319,369]"]
    );
    file.phase(&plan, Phase::Lead).await;
    file.run("UPDATE Track SET Seconds = 8 WHERE TrackId = 11").await;
    file.phase(&plan, Phase::Hide).await;
    file.run("INSERT INTO Track (TrackId, Name, Seconds, UnitPrice) VALUES (12, 'late', 9, 1)")
        .await;
    file.phase(&plan, Phase::Drop).await;
    assert_eq!(
        file.rows("SELECT json_array(TrackId, Seconds) FROM Track ORDER BY TrackId")
            .await,
        ["[1,331]", "[7,369]", "[10,5]", "[11,8]", "[12,9]"]
    );
    let schema = file.schema().await.join("\n");
    assert!(!schema.contains("Milliseconds"), "{schema}");
    assert!(
        !schema.contains("track_length") && schema.contains("IFK_TrackAlbumId"),
        "{schema}"
    );
    assert!(
        schema.contains("UnitPrice NUMERIC(10,2)  NOT NULL, Seconds INTEGER,\n    CONSTRAINT PK_Track"),
        "{schema}"
    );
    // Foreign keys in and out still hold.
    file.run("DELETE FROM Track WHERE TrackId = 1").await;
    assert_eq!(file.rows("SELECT TrackId FROM PlaylistTrack").await, ["7"]);
    assert!(file.try_run("UPDATE Track SET AlbumId = 99").await.is_err());
}

#[tokio::test]
async fn everything_of_a_renamed_column_has_its_new_name_after_the_drop() {
    let (mut file, plan) = planned(&rename_of("Invoice", "Ref", "Reference")).await;
    let before = file.schema().await;
    to_the_drop(&mut file, &plan).await;
    let renamed: Vec<String> = before.iter().map(|text| renamed(text)).collect();
    assert_eq!(file.schema().await, renamed);
    assert_eq!(
        file.rows("SELECT json_array(InvoiceId, Reference, Parent, Cents) FROM Invoice ORDER BY 1")
            .await,
        ["[1,\"in1\",null,100]", "[2,\"in2\",1,200]"]
    );
    // What AUTOINCREMENT remembers, the column's own rules, and the trigger.
    file.run("INSERT INTO Invoice (Reference, Total) VALUES ('in4', 1)")
        .await;
    assert_eq!(
        file.rows("SELECT InvoiceId FROM Invoice WHERE Reference = 'IN4'")
            .await,
        ["4"]
    );
    for refused in ["NULL", "'x'"] {
        let insert = format!("INSERT INTO Invoice (Reference, Total) VALUES ({refused}, 1)");
        assert!(file.try_run(&insert).await.is_err(), "{refused}");
    }
    let logged = file.rows("SELECT count(*) FROM Log").await;
    file.run("UPDATE Invoice SET Reference = 'in5' WHERE InvoiceId = 4")
        .await;
    assert_ne!(file.rows("SELECT count(*) FROM Log").await, logged);
    assert_eq!(
        file.rows("SELECT Text FROM Log ORDER BY LogId DESC LIMIT 1")
            .await,
        ["in4 > in5"]
    );
}

fn renamed(text: &str) -> String {
    let (head, rest) = text.split_once(": ").unwrap();
    let words = rest.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let rest: String = words
        .map(|w| {
            if w.starts_with("Ref") && w.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()) == "Ref" {
                w.replacen("Ref", "Reference", 1)
            } else {
                w.to_owned()
            }
        })
        .collect();
    format!("{head}: {rest}")
}

#[tokio::test]
async fn a_plain_column_is_dropped_without_a_copy() {
    let (mut file, plan) = planned(&rename_of("Customer", "Fax", "FaxNumber")).await;
    to_the_drop(&mut file, &plan).await;
    assert!(plan.steps.iter().all(|step| step.mode == StepMode::Short));
    let schema = file.schema().await.join("\n");
    assert!(
        !schema.contains("Fax N") && schema.contains("FaxNumber NVARCHAR(24)"),
        "{schema}"
    );
    assert_eq!(
        file.rows("SELECT FaxNumber FROM Customer ORDER BY CustomerId")
            .await,
        ["+1", "NULL"]
    );
}

#[tokio::test]
async fn an_index_over_a_renamed_and_a_replaced_column_goes() {
    let replace = add("column = \"n\"\ntype = \"INT\"\nup = \"b + 1\"\ndown = \"n - 1\"\nreplaces = \"b\"");
    let spec = rename_of("t", "a", "x") + &replace.replace("\"track\"", "\"t\"");
    let mut file =
        File::with("CREATE TABLE t (a, b NOT NULL); CREATE INDEX i ON t (a, b); INSERT INTO t VALUES (1, 2)")
            .await;
    let catalog = file.catalog().await;
    to_the_drop(&mut file, &plan(&spec, &catalog)).await;
    assert_eq!(file.rows("SELECT json_array(x, n) FROM t").await, ["[1,3]"]);
    assert_eq!(file.schema().await, ["table t on t: CREATE TABLE t (x, n INT)"]);
}
