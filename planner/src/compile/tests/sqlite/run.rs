//! Every step of a plan on a real file: forward to the drop, and back from each phase to the very schema that was there.

use ledger::plan::{Phase, StepMode};

use super::file::File;
use super::*;

const ROWS: &str = "
    INSERT INTO Artist VALUES (1, 'AC/DC');
    INSERT INTO Album VALUES (1, 'Let There Be Rock', 1);
    INSERT INTO Customer (CustomerId, FirstName, LastName, Fax, Email) VALUES (1, 'a', 'b', '+1', 'a@b'), (2, 'c', 'd', NULL, 'c@d');
    INSERT INTO Track (TrackId, Name, AlbumId, Composer, Milliseconds, Bytes, UnitPrice) VALUES (1, 'Go Down', 1, NULL, 331180, 10, 0.99), (7, 'Overdose', NULL, NULL, 369319, NULL, 0.99);
    INSERT INTO PlaylistTrack VALUES (1, 1), (1, 7);
    INSERT INTO Invoice (Ref, Parent, Total) VALUES ('in1', NULL, 1), ('in2', 1, 2), ('in3', 2, 3);
    DELETE FROM Invoice WHERE Ref = 'in3';
    INSERT INTO Note (rowid, Body) VALUES (3, 'x'), (9, 'y');
";

const ALL_ROWS: &[&str] = &[
    "SELECT json_array(TrackId, Name, AlbumId, Milliseconds, Bytes, UnitPrice) FROM Track ORDER BY 1",
    "SELECT json_array(PlaylistId, TrackId) FROM PlaylistTrack ORDER BY 1",
    "SELECT json_array(CustomerId, Fax, Email) FROM Customer ORDER BY 1",
    "SELECT json_array(InvoiceId, Ref, Parent, Total, Cents) FROM Invoice ORDER BY 1",
    "SELECT json_array(rowid, Body, Author) FROM Note ORDER BY 1",
    "SELECT json_array(name, seq) FROM sqlite_sequence WHERE name NOT LIKE 'sluice%' ORDER BY 1",
];

async fn rows(file: &mut File) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for query in ALL_ROWS {
        all.push(file.rows(query).await);
    }
    all
}

/// What a planner looks at again while the job runs: the columns that the plan relies on are there, as the plan spells them.
async fn relied_on(file: &mut File, plan: &Plan) {
    for table in &plan.tables {
        let found = engine::sqlite::catalog::column_types(&mut file.conn, &table.name)
            .await
            .unwrap()
            .unwrap();
        for relied in &table.relies_on {
            let column = (relied.name.clone(), relied.type_name.clone());
            assert!(found.contains(&column), "{column:?} is not in {found:?}");
        }
    }
}

async fn planned(changes: &str) -> (File, Plan) {
    let mut file = File::with(&format!("{CHINOOK}\n{ROWS}")).await;
    let catalog = file.catalog().await;
    (file, plan(changes, &catalog))
}

/// Goes forward to each phase in turn and back from there; nothing of the job is left, and no row is another.
async fn there_and_back(changes: &str, rebuilds: bool) {
    for last in [Phase::Expand, Phase::Finish, Phase::Lead, Phase::Hide] {
        let (mut file, plan) = planned(changes).await;
        let before = (file.schema().await, rows(&mut file).await);
        file.phase(&plan, Phase::Expand).await;
        relied_on(&mut file, &plan).await;
        if last >= Phase::Finish {
            assert!(file.fill(&plan).await > 0);
            assert_eq!(file.fill(&plan).await, 0);
        }
        for phase in [Phase::Lead, Phase::Hide] {
            if last >= phase {
                file.phase(&plan, phase).await;
            }
        }
        if last == Phase::Hide {
            file.phase(&plan, Phase::Unhide).await;
        }
        file.phase(&plan, Phase::Rollback).await;
        file.phase(&plan, Phase::Discard).await;
        assert_eq!(file.schema().await, before.0, "back from {last:?}");
        assert_eq!(rows(&mut file).await, before.1, "back from {last:?}");
        assert_eq!(file.rows("SELECT name FROM sluice_counter").await, [""; 0]);
        let has_rebuild = plan.steps_of(Phase::Expand).any(|s| s.mode == StepMode::Rebuild);
        assert_eq!(has_rebuild, rebuilds);
    }
}

/// To the drop, with nobody writing.
async fn to_the_drop(file: &mut File, plan: &Plan) {
    file.phase(plan, Phase::Expand).await;
    file.fill(plan).await;
    for phase in [Phase::Lead, Phase::Hide, Phase::Drop] {
        file.phase(plan, phase).await;
    }
}

#[tokio::test]
async fn a_plain_column_comes_back_without_a_copy() {
    there_and_back(&rename_of("customer", "fax", "FaxNumber"), false).await;
}

#[tokio::test]
async fn a_column_that_may_not_be_null_comes_back_to_the_very_text() {
    there_and_back(&add(BOTH_WAYS), true).await;
    there_and_back(&rename_of("main.Track", "Milliseconds", "Duration"), true).await;
}

#[tokio::test]
async fn a_column_with_everything_comes_back_with_it() {
    there_and_back(&rename_of("[Invoice]", "ref", "Reference"), true).await;
}

#[tokio::test]
async fn rows_without_a_key_keep_their_numbers() {
    there_and_back(&rename_of("Note", "Body", "Text"), true).await;
}

#[tokio::test]
async fn several_tables_and_raw_sql_come_back_together() {
    let raw = "[[change]]\nkind = \"sql\"\nrun = \"CREATE TABLE more (a)\"\nundo = \"DROP TABLE more\"\ndone = \"SELECT count(*) FROM sqlite_schema WHERE name = 'more'\"\n";
    let rating = add("column = \"Rating\"\ntype = \"int\"");
    let spec = add(BOTH_WAYS) + &rating + raw + &rename_of("Customer", "Fax", "FaxNumber");
    there_and_back(&spec, true).await;
    let (mut file, plan) = planned(&spec).await;
    to_the_drop(&mut file, &plan).await;
    let schema = file.schema().await.join("\n");
    assert!(
        schema.contains("Seconds INTEGER, Rating INT,\n    CONSTRAINT PK_Track"),
        "{schema}"
    );
    assert!(
        !schema.contains("Milliseconds") && !schema.contains("Fax NVARCHAR"),
        "{schema}"
    );
}

#[tokio::test]
async fn a_derived_column_needs_no_copy_and_is_never_contracted() {
    let spec = add("column = \"Mib\"\ntype = \"integer\"\nup = \"Bytes / 1048576\"");
    let (mut file, plan) = planned(&spec).await;
    let before = file.schema().await;
    file.phase(&plan, Phase::Expand).await;
    relied_on(&mut file, &plan).await;
    assert_eq!(file.fill(&plan).await, 1);
    for phase in [Phase::Lead, Phase::Hide, Phase::Drop] {
        assert_eq!(plan.steps_of(phase).count(), 0);
    }
    file.phase(&plan, Phase::Rollback).await;
    file.phase(&plan, Phase::Discard).await;
    assert_eq!(file.schema().await, before);
}

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
    assert!(
        schema.contains("NOT NULL,\n    UnitPrice") || !schema.contains("Milliseconds"),
        "{schema}"
    );
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
async fn what_somebody_adds_meanwhile_is_not_lost_in_a_copy() {
    let (mut file, plan) = planned(&add(BOTH_WAYS)).await;
    file.phase(&plan, Phase::Expand).await;
    file.fill(&plan).await;
    file.phase(&plan, Phase::Lead).await;
    for (there, gone) in [
        ("CREATE INDEX mine ON Track (Bytes)", "DROP INDEX mine"),
        (
            "ALTER TABLE Track ADD COLUMN mine",
            "ALTER TABLE Track DROP COLUMN mine",
        ),
        (
            "CREATE TRIGGER mine AFTER DELETE ON Track BEGIN SELECT 1; END",
            "DROP TRIGGER mine",
        ),
    ] {
        file.run(there).await;
        for phase in [Phase::Hide, Phase::Drop, Phase::Discard] {
            let step = plan.steps_of(phase).next().unwrap();
            let refused = file.step(step).await.unwrap_err();
            assert!(
                refused.contains("did not have when the plan was made"),
                "{there}: {refused}"
            );
        }
        file.run(gone).await;
    }
    file.phase(&plan, Phase::Hide).await;
}

#[tokio::test]
async fn a_table_that_changed_since_the_plan_is_not_copied() {
    let (mut file, plan) = planned(&add(BOTH_WAYS)).await;
    file.run("ALTER TABLE Track RENAME COLUMN Composer TO Author")
        .await;
    let refused = file.step(&plan.steps[0]).await.unwrap_err();
    assert!(
        refused.contains("not the one that the plan was made from"),
        "{refused}"
    );
}

#[tokio::test]
async fn not_null_holds_from_the_rollback_to_the_discard() {
    let (mut file, plan) = planned(&add(BOTH_WAYS)).await;
    file.phase(&plan, Phase::Expand).await;
    file.phase(&plan, Phase::Rollback).await;
    for refused in [
        "INSERT INTO Track (TrackId, Name, UnitPrice) VALUES (12, 'none', 1)",
        "UPDATE Track SET Milliseconds = NULL",
    ] {
        let error = file.try_run(refused).await.unwrap_err().to_string();
        assert!(
            error.contains("NOT NULL constraint failed: Track.Milliseconds"),
            "{error}"
        );
    }
    file.run("UPDATE Track SET Bytes = 1").await;
    file.phase(&plan, Phase::Discard).await;
}

#[tokio::test]
async fn the_only_copy_of_a_value_is_not_discarded() {
    let (mut file, plan) = planned(&rename_of("Customer", "Fax", "FaxNumber")).await;
    file.phase(&plan, Phase::Expand).await;
    file.phase(&plan, Phase::Rollback).await;
    file.run("ALTER TABLE Customer RENAME COLUMN Fax TO Elsewhere")
        .await;
    let discard = plan.steps_of(Phase::Discard).next().unwrap();
    assert!(file.step(discard).await.unwrap_err().contains("only copy"));

    let (mut file, plan) = planned(&add(BOTH_WAYS)).await;
    file.phase(&plan, Phase::Expand).await;
    file.phase(&plan, Phase::Rollback).await;
    file.run("DROP TRIGGER IF EXISTS sluice_any").await;
    for step in plan.steps_of(Phase::Rollback) {
        for name in step
            .statements
            .iter()
            .filter_map(|s| s.strip_prefix("CREATE TRIGGER IF NOT EXISTS "))
        {
            file.run(&format!("DROP TRIGGER {}", name.split(' ').next().unwrap()))
                .await;
        }
    }
    file.run("UPDATE Track SET Milliseconds = NULL WHERE TrackId = 1")
        .await;
    let discard = plan.steps_of(Phase::Discard).next().unwrap();
    assert!(
        file.step(discard)
            .await
            .unwrap_err()
            .contains("way back was closed")
    );
}

/// The spec compiled as a planner does, against the file itself.
async fn live(schema: &str, changes: &str) -> Result<Plan, Vec<Fault>> {
    let mut file = File::with(schema).await;
    compile_live_sqlite(&mut file.conn, &spec(changes), &Acknowledged::default()).await
}

#[tokio::test]
async fn a_live_file_is_asked_about_names_and_expressions() {
    let plan = live(CHINOOK, &add(BOTH_WAYS)).await.unwrap();
    assert!(plan.notices.iter().all(|n| n.code != "SL-UNCHECKED"));
    let mut file = File::with(CHINOOK).await;
    let catalog = file.catalog().await;
    let saved = self::plan(&add(BOTH_WAYS), &catalog);
    assert_eq!(
        (plan.steps, plan.fills),
        (saved.steps, saved.fills),
        "a guess that is right compiles to the same"
    );
    for (changes, part) in [
        (rename_of("Trak", "a", "b"), "did you mean Track?"),
        (
            add("column = \"n\"\ntype = \"INT\"\nup = \"Millisecond / 1000\""),
            "names Millisecond, which is no column of the table",
        ),
        (
            add("column = \"n\"\ntype = \"INT\"\nup = \"random()\""),
            "the function random",
        ),
        (
            add("column = \"n\"\ntype = \"INT NOT NULL\"\nup = \"Bytes\""),
            "is not a type",
        ),
        (
            rename_of("Log", "Text", "Body"),
            "trigger invoice_log on Invoice names it",
        ),
    ] {
        let faults = shown(&live(CHINOOK, &changes).await.unwrap_err());
        assert!(faults.contains(part), "{faults}");
    }
}

#[tokio::test]
async fn what_an_older_sqlite_does_not_know_waits_for_an_approval() {
    let changes = add("column = \"n\"\ntype = \"TEXT\"\nup = \"concat(Name, Bytes)\"");
    let plan = live(CHINOOK, &changes).await.unwrap();
    let gate = plan.gate_before(Phase::Expand).unwrap();
    assert!(
        gate.reasons.iter().any(|r| r.contains("concat (3.44)")),
        "{:?}",
        gate.reasons
    );
}

#[tokio::test]
async fn too_many_rows_without_a_number_of_their_own_are_refused() {
    let many = "CREATE TABLE t (k INTEGER PRIMARY KEY, a); \
                WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i - 1 FROM n LIMIT 10001) INSERT INTO t SELECT i, 1 FROM n;";
    let faults = shown(&live(many, &rename_of("t", "a", "b")).await.unwrap_err());
    assert!(faults.contains("number them from 1 first"), "{faults}");
}
