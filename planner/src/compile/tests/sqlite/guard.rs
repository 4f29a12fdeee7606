//! What keeps a copy or a drop from losing something.

use ledger::plan::Phase;

use super::run::planned;
use super::*;

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

/// The rename would put the hidden name into its text, and the drop would leave it there as a string.
#[tokio::test]
async fn a_view_or_a_trigger_that_came_meanwhile_and_names_the_old_column_is_found_before_it_is_hidden() {
    for (changes, column) in [
        (rename_of("Customer", "Fax", "FaxNumber"), "Customer.Fax"),
        (add(BOTH_WAYS), "Track.Milliseconds"),
    ] {
        let (mut file, plan) = planned(&changes).await;
        for phase in [Phase::Expand, Phase::Lead] {
            file.phase(&plan, phase).await;
        }
        let hide = plan.steps_of(Phase::Hide).next().unwrap();
        let (table, name) = column.split_once('.').unwrap();
        for (there, gone) in [
            (
                format!("CREATE VIEW seen AS SELECT \"{name}\" FROM {table}"),
                "DROP VIEW seen",
            ),
            (
                format!(
                    "CREATE TRIGGER seen AFTER DELETE ON Artist BEGIN UPDATE {table} SET {name} = {name}; END"
                ),
                "DROP TRIGGER seen",
            ),
        ] {
            file.run(&there).await;
            let refused = file.step(hide).await.unwrap_err();
            assert!(
                refused.contains("was not there when the plan was made"),
                "{there}: {refused}"
            );
            file.run(gone).await;
        }
        // One that names neither is nobody's business.
        file.run("CREATE VIEW seen AS SELECT Title FROM Album").await;
        file.phase(&plan, Phase::Hide).await;
    }
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
