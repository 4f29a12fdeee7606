//! A file that is asked itself, instead of a catalog that was saved.

use ledger::plan::Phase;

use super::file::File;
use super::*;

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
