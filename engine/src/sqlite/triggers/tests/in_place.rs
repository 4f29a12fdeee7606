//! The statements, and the questions whether they already happened.

use super::super::compile;
use super::db::Phase::{Hidden, New, Old};
use super::db::{Db, everywhere};
use super::pairs::{TRACK, derived, mail, mirror, seconds};
use crate::mirror::Error;

#[tokio::test]
async fn each_question_answers_for_one_phase_alone() {
    let mirror = mirror(vec![seconds(), mail(), derived()]);
    for (phase, answers) in [(Old, "10000"), (New, "01010"), (Hidden, "00100")] {
        everywhere(phase, TRACK, &mirror, async |db| {
            let sql = db.sql.clone();
            let questions = [
                sql.installed,
                sql.lead.done,
                sql.hide.unwrap().done,
                sql.unhide.unwrap().done,
                sql.removed,
            ];
            let mut found = String::new();
            for question in &questions {
                found.push(if db.asks(question).await { '1' } else { '0' });
            }
            assert_eq!(found, answers, "{phase:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn sqlite_keeps_the_text_as_it_was_written() {
    everywhere(Old, TRACK, &mirror(vec![seconds()]), async |db| {
        let kept = db
            .one("SELECT sql FROM sqlite_schema WHERE name = 'sluice_0123456789_1_u'")
            .await;
        assert!(db.sql.install.contains(&kept), "{kept}");
    })
    .await;
}

#[tokio::test]
async fn what_somebody_took_away_or_changed_is_not_taken_for_ours() {
    let drifts = [
        "DROP TRIGGER sluice_0123456789_1_i",
        "DROP TRIGGER sluice_0123456789_1_u",
        "DROP TRIGGER sluice_0123456789_1_u; \
         CREATE TRIGGER sluice_0123456789_1_u AFTER UPDATE ON track BEGIN SELECT 1; END",
        "DELETE FROM sluice_counter",
        "ALTER TABLE track RENAME COLUMN milliseconds TO ms; ALTER TABLE track ADD COLUMN milliseconds INTEGER",
        "ALTER TABLE track RENAME TO song; CREATE TABLE track AS SELECT * FROM song",
    ];
    for (n, drift) in drifts.iter().enumerate() {
        for phase in [Old, New] {
            everywhere(phase, TRACK, &mirror(vec![seconds()]), async |db| {
                db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432)")
                    .await;
                db.ok(drift).await;
                let (statements, done) = match phase {
                    Old => (db.sql.install.clone(), db.sql.installed.clone()),
                    _ => (db.sql.lead.statements.clone(), db.sql.lead.done.clone()),
                };
                assert!(!db.asks(&done).await, "{drift}");
                // The same statements put it right.
                db.transaction(&statements).await;
                assert!(db.asks(&done).await, "{drift}");
                if n < 4 {
                    db.ok("UPDATE track SET milliseconds = 6000").await;
                    assert_eq!(db.rows(&["seconds"]).await, "6");
                }
            })
            .await;
        }
    }
}

#[tokio::test]
async fn nothing_is_left_after_removal_whatever_the_authority() {
    for phase in [Old, New, Hidden] {
        everywhere(phase, TRACK, &mirror(vec![seconds()]), async |db| {
            let (remove, removed) = (db.sql.remove.clone(), db.sql.removed.clone());
            assert!(!db.asks(&removed).await);
            db.transaction(&remove).await;
            assert!(db.asks(&removed).await);
            let left = "SELECT count(*) FROM sqlite_schema WHERE tbl_name = 'track' AND type = 'trigger'";
            assert_eq!(db.one(left).await, "0");
            // A second time does no harm.
            db.transaction(&remove).await;
        })
        .await;
    }
}

#[tokio::test]
async fn the_count_survives_every_swap_and_its_loss_is_not_silence() {
    everywhere(Old, TRACK, &mirror(vec![seconds()]), async |db| {
        db.ok("INSERT INTO track (id, seconds) VALUES (1, 5)").await;
        let sql = db.sql.clone();
        for (n, swap) in [sql.lead, sql.hide.unwrap(), sql.unhide.unwrap()]
            .iter()
            .enumerate()
        {
            db.transaction(&swap.statements).await;
            assert_eq!(db.counted().await, (n + 1).to_string());
            db.ok("UPDATE track SET seconds = seconds + 1").await;
        }
        db.ok("DELETE FROM sluice_counter").await;
        db.ok("UPDATE track SET seconds = 9").await;
        assert_eq!(db.counted().await, "NULL");
    })
    .await;
}

#[tokio::test]
async fn a_prepared_statement_meets_the_new_triggers() {
    let mut db = Db::open(false, true, TRACK, &mirror(vec![mail()]), "rowid").await;
    db.reach(Old).await;
    let update = "UPDATE track SET mail = 'Bob'";
    db.ok("INSERT INTO track (id, email) VALUES (1, 'a')").await;
    db.prepared(update).await;
    assert_eq!(db.rows(&["email", "mail"]).await, "'Bob' 'bob'");
    let lead = db.sql.lead.statements.clone();
    db.transaction(&lead).await;
    db.prepared(update).await;
    assert_eq!(db.rows(&["email", "mail"]).await, "'Bob' 'Bob'");
}

#[test]
fn where_nothing_is_to_be_hidden_there_is_no_soft_drop() {
    let mut mirror = mirror(vec![seconds()]);
    mirror.hidden.clear();
    let sql = compile(&mirror, "rowid").unwrap();
    assert_eq!((sql.hide, sql.unhide, sql.drop), (None, None, None));
}

#[test]
fn a_mirror_without_pairs_is_refused() {
    assert_eq!(
        compile(&mirror(vec![]), "rowid"),
        Err(Error::Empty {
            table: "track".into()
        })
    );
}

#[test]
fn two_authorities_never_have_the_same_text() {
    let sql = compile(&mirror(vec![derived()]), "rowid").unwrap();
    assert_ne!(sql.installed, sql.lead.done);
}
