//! Every step of a plan on a real file: what the tests of it share, and the way back from each phase to the very schema that was there.

use ledger::plan::{Phase, StepMode};

use super::file::File;
use super::*;

pub(super) const ROWS: &str = "
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

pub(super) async fn planned(changes: &str) -> (File, Plan) {
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
pub(super) async fn to_the_drop(file: &mut File, plan: &Plan) {
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
