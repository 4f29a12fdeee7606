//! The order of steps on SQLite, their modes and risks, and what a reader is told.

use ledger::plan::{Phase, RiskLevel, StepMode};

use super::*;

fn titles(plan: &Plan, phase: Phase) -> Vec<&str> {
    plan.steps_of(phase).map(|step| step.title.as_str()).collect()
}

fn codes(plan: &Plan) -> Vec<&str> {
    plan.notices.iter().map(|n| n.code.as_str()).collect()
}

#[tokio::test]
async fn a_column_that_may_not_be_null_is_loosened_first_and_judged_again_at_the_end() {
    let catalog = catalog_of(CHINOOK).await;
    let plan = plan(&add(BOTH_WAYS), &catalog);
    assert_eq!(
        titles(&plan, Phase::Expand),
        [
            "rebuild Track with Seconds; Milliseconds may be NULL meanwhile",
            "mirror every write of Track to Seconds"
        ]
    );
    assert_eq!(titles(&plan, Phase::Finish), [""; 0]);
    assert_eq!(titles(&plan, Phase::Hide), ["soft drop: hide Track.Milliseconds"]);
    assert_eq!(
        titles(&plan, Phase::Drop),
        ["drop Milliseconds by a rebuild of Track"]
    );
    assert_eq!(
        titles(&plan, Phase::Rollback),
        [
            "refuse NULLs in Track.Milliseconds by triggers",
            "stop mirroring Track"
        ]
    );
    assert_eq!(titles(&plan, Phase::Discard), ["rebuild Track as it was"]);
    let gate = plan.gate_before(Phase::Expand).unwrap();
    assert!(
        gate.reasons
            .iter()
            .any(|r| r.contains("busy timeout is shorter fails")),
        "{:?}",
        gate.reasons
    );
    let goes = &plan.gate_before(Phase::Hide).unwrap().reasons;
    assert!(goes.last().unwrap().contains("index `track_length`"), "{goes:?}");
    assert!(plan.gate_before(Phase::Lead).is_none());
}

#[tokio::test]
async fn a_copy_runs_in_a_mode_and_at_a_risk_of_its_own() {
    let catalog = catalog_of(CHINOOK).await;
    let both = add(BOTH_WAYS) + &rename_of("Customer", "Fax", "FaxNumber");
    let plan = plan(&both, &catalog);
    for step in &plan.steps {
        let copies = step.mode == StepMode::Rebuild;
        assert_eq!(copies, step.title.contains("rebuild"), "{}", step.title);
        assert_eq!(step.risk.lock.as_deref(), Some("write lock"), "{}", step.title);
        let drops = step.statements.iter().any(|s| s.contains("DROP COLUMN"));
        assert_eq!(
            copies || drops,
            step.risk.level == RiskLevel::High,
            "{}",
            step.title
        );
        assert_eq!(
            step.risk.rewrites,
            step.risk.level == RiskLevel::High,
            "{}",
            step.title
        );
        assert!(
            step.done
                .as_deref()
                .is_some_and(|done| done.starts_with("SELECT ")),
            "{}",
            step.title
        );
        let table = step.table.as_ref().map(|t| t.name.as_str());
        assert!(matches!(table, Some("Track" | "Customer")), "{}", step.title);
    }
    assert_eq!(plan.steps_of(Phase::Lead).count(), 1, "one authority a job");
}

#[tokio::test]
async fn whatever_is_taken_back_names_the_step_that_made_it() {
    let catalog = catalog_of(CHINOOK).await;
    let raw = "[[change]]\nkind = \"sql\"\nrun = \"CREATE TABLE more (a)\"\nundo = \"DROP TABLE more\"\n";
    let spec = add(BOTH_WAYS)
        + &add("column = \"Rating\"\ntype = \"INT\"")
        + raw
        + &rename_of("Customer", "Fax", "FaxNumber");
    let plan = plan(&spec, &catalog);
    let title = |id: u32| plan.steps[id as usize].title.as_str();
    let undone: Vec<(&str, &str)> = plan
        .steps
        .iter()
        .filter_map(|step| Some((step.title.as_str(), title(step.undoes?))))
        .collect();
    let rebuild = "rebuild Track with Seconds, Rating; Milliseconds may be NULL meanwhile";
    assert_eq!(
        undone,
        [
            (
                "bring back Track.Milliseconds",
                "soft drop: hide Track.Milliseconds"
            ),
            ("bring back Customer.Fax", "soft drop: hide Customer.Fax"),
            ("refuse NULLs in Track.Milliseconds by triggers", rebuild),
            ("drop column Customer.FaxNumber", "add column Customer.FaxNumber"),
            ("undo: run raw SQL of change 3", "run raw SQL of change 3"),
            ("rebuild Track as it was", rebuild),
        ]
    );
}

#[tokio::test]
async fn a_reader_is_told_what_the_second_write_shows_and_which_triggers_it_fires() {
    let catalog = catalog_of(CHINOOK).await;
    let mut text = rename_of("Invoice", "Ref", "Reference");
    text.push_str("[backfill]\nmax_parallel = 4\n");
    let plan = plan(&text, &catalog);
    assert_eq!(
        codes(&plan),
        [
            "SL-CHECK-SEES-NULL",
            "SL-PREPARED-STAR",
            "SL-SECOND-UPDATE",
            "SL-USER-TRIGGER",
            "SL-NOT-NULL-BY-TRIGGER",
            "SL-ONE-WRITER"
        ]
    );
    assert!(
        plan.notices
            .iter()
            .any(|n| n.needs_approval && n.message.contains("Trigger `invoice_log`"))
    );
    assert_eq!(plan.budget.max_parallel, 1);
    assert_eq!(plan.budget.target_batch.as_millis(), 50);
}

#[tokio::test]
async fn rows_are_named_and_cut_by_what_the_table_has() {
    let catalog = catalog_of(
        "CREATE TABLE plain (a); CREATE TABLE hidden (rowid TEXT, a); CREATE TABLE two (x, y BLOB, a, PRIMARY KEY (x, y)); \
         CREATE TABLE without (k INTEGER PRIMARY KEY, a) WITHOUT ROWID;",
    )
    .await;
    for (table, row, key) in [
        ("plain", "rowid", "json_object('rowid', \"plain\".rowid)"),
        ("hidden", "_rowid_", "json_object('rowid', \"hidden\"._rowid_)"),
        (
            "two",
            "rowid",
            "json_object('x', CASE typeof(\"two\".\"x\") WHEN 'blob' THEN hex(\"two\".\"x\") ELSE \"two\".\"x\" END, \
             'y', CASE typeof(\"two\".\"y\") WHEN 'blob' THEN hex(\"two\".\"y\") ELSE \"two\".\"y\" END)",
        ),
        (
            "without",
            "\"k\"",
            "json_object('k', CASE typeof(\"without\".\"k\") WHEN 'blob' THEN hex(\"without\".\"k\") ELSE \"without\".\"k\" END)",
        ),
    ] {
        let plan = plan(&rename_of(table, "a", "b"), &catalog);
        assert_eq!(plan.fills[0].row.as_deref(), Some(row), "{table}");
        assert_eq!(plan.fills[0].key, key, "{table}");
    }
}

#[tokio::test]
async fn raw_sql_is_cut_where_sqlite_cuts_it() {
    let catalog = catalog_of(CHINOOK).await;
    let trigger = "CREATE TRIGGER t AFTER INSERT ON Artist BEGIN SELECT 1; SELECT 2; END";
    let change = format!(
        "[[change]]\nkind = \"sql\"\nrun = \"{trigger}; CREATE INDEX i ON Artist (Name)\"\ndone = \"SELECT 1;\"\n"
    );
    let plan = plan(&change, &catalog);
    assert_eq!(
        plan.steps[0].statements,
        [trigger, "CREATE INDEX i ON Artist (Name)"]
    );
    assert_eq!(
        plan.steps[0].done.as_deref(),
        Some("SELECT COALESCE((SELECT 1), false)")
    );
    assert_eq!(plan.steps[0].mode, StepMode::Short);
    assert!(plan.gate_before(Phase::Expand).is_some());
}

#[tokio::test]
async fn a_plan_is_the_same_whatever_is_in_the_table() {
    let catalog = catalog_of(CHINOOK).await;
    let before = plan(&add(BOTH_WAYS), &catalog);
    let filled = format!(
        "{CHINOOK}; INSERT INTO Artist VALUES (9, 'x'); INSERT INTO Track (TrackId, Name, Milliseconds, UnitPrice) VALUES (1, 'a', 5, 7); ANALYZE;"
    );
    let mut catalog = catalog_of(&filled).await;
    catalog.tables.retain(|t| !t.name.name.starts_with("sqlite_"));
    assert_eq!(plan(&add(BOTH_WAYS), &catalog).hash(), before.hash());
}
