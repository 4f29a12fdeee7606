//! What earlier statements of a script change.

use super::{check_scripts, last_verdict, short};
use crate::postgres::Session;
use crate::{Phase, Risk};

#[test]
fn what_the_script_created_nobody_waits_for() {
    check_scripts(
        None,
        &[
            (&["CREATE TABLE t (id int)", "CREATE INDEX i ON t (id)"], "expand"),
            (
                &["CREATE TABLE t (id int)", "CREATE INDEX i ON public.t (id)"],
                "expand",
            ),
            (
                &["CREATE TABLE t (id int)", "ALTER TABLE t ADD CHECK (id > 0)"],
                "expand",
            ),
            (
                &[
                    "CREATE TABLE t (id int)",
                    "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES p",
                ],
                "expand p:SRX",
            ),
            (&["CREATE TABLE t (id int)", "UPDATE t SET id = 1"], "data"),
            (&["CREATE TABLE t (id int)", "DROP TABLE t"], "neutral"),
            (
                &[
                    "CREATE TABLE t (id int)",
                    "ALTER TABLE t RENAME TO u",
                    "ALTER TABLE u ALTER id TYPE text",
                ],
                "expand",
            ),
            (
                &["CREATE TEMP TABLE t (id int)", "INSERT INTO t SELECT id FROM p"],
                "data p:AS",
            ),
            (
                &["CREATE TABLE t AS SELECT 1 AS a", "ALTER TABLE t ADD b bigserial"],
                "expand",
            ),
            (
                &[
                    "CREATE TABLE t (id int)",
                    "CREATE INDEX i ON t (id)",
                    "DROP INDEX i",
                ],
                "neutral",
            ),
            (
                &[
                    "CREATE TABLE t (id int)",
                    "DROP TABLE t",
                    "CREATE INDEX i ON t (id)",
                ],
                "expand t:S scan",
            ),
            (
                &["CREATE TABLE s.t (id int)", "CREATE INDEX i ON t (id)"],
                "expand t:S scan",
            ),
            (
                &[
                    "CREATE VIEW v AS SELECT 1",
                    "CREATE OR REPLACE VIEW v AS SELECT 2",
                ],
                "expand",
            ),
            (
                &[
                    "SET search_path = s",
                    "CREATE TABLE t (id int)",
                    "CREATE INDEX i ON s.t (id)",
                ],
                "expand",
            ),
            (
                &[
                    "CREATE TABLE a_new (id int)",
                    "ALTER TABLE a RENAME TO a_old",
                    "ALTER TABLE a_new RENAME TO a",
                    "CREATE INDEX i ON a (id)",
                ],
                "expand",
            ),
            (
                &[
                    "ALTER TABLE a RENAME TO a_old",
                    "CREATE TABLE a (id int)",
                    "CREATE INDEX i ON a (id)",
                ],
                "expand",
            ),
            (
                &[
                    "ALTER TABLE a RENAME TO a_old",
                    "CREATE TABLE a (id int)",
                    "CREATE INDEX i ON a_old (id)",
                ],
                "expand a_old:S scan",
            ),
        ],
    );
}

#[test]
fn what_a_rollback_took_back_is_not_there() {
    check_scripts(
        None,
        &[
            (
                &[
                    "BEGIN",
                    "CREATE TABLE t (id int)",
                    "ROLLBACK",
                    "CREATE INDEX i ON t (id)",
                ],
                "expand t:S scan",
            ),
            (
                &[
                    "BEGIN",
                    "CREATE TABLE t (id int)",
                    "COMMIT",
                    "CREATE INDEX i ON t (id)",
                ],
                "expand",
            ),
            (
                &[
                    "BEGIN",
                    "SAVEPOINT a",
                    "CREATE TABLE t (id int)",
                    "ROLLBACK TO a",
                    "CREATE INDEX i ON t (id)",
                ],
                "expand t:S scan",
            ),
            (
                &[
                    "BEGIN",
                    "CREATE TABLE t (id int)",
                    "SAVEPOINT a",
                    "ROLLBACK TO a",
                    "CREATE INDEX i ON t (id)",
                ],
                "expand",
            ),
        ],
    );
}

#[test]
fn a_valid_check_spares_the_scan() {
    let add = "ALTER TABLE t ADD CONSTRAINT k CHECK (c IS NOT NULL) NOT VALID";
    check_scripts(
        None,
        &[
            (
                &[
                    add,
                    "ALTER TABLE t VALIDATE CONSTRAINT k",
                    "ALTER TABLE t ALTER c SET NOT NULL",
                ],
                "contract t:AX",
            ),
            (&[add, "ALTER TABLE t ALTER c SET NOT NULL"], "contract t:AX scan"),
            (
                &[
                    add,
                    "ALTER TABLE t VALIDATE CONSTRAINT k",
                    "ALTER TABLE t ALTER d SET NOT NULL",
                ],
                "contract t:AX scan",
            ),
            (
                &[
                    add,
                    "ALTER TABLE t VALIDATE CONSTRAINT k",
                    "ALTER TABLE t DROP CONSTRAINT k",
                    "ALTER TABLE t ALTER c SET NOT NULL",
                ],
                "contract t:AX scan",
            ),
            (
                &[
                    "ALTER TABLE t ADD CHECK (c IS NOT NULL AND d > 0)",
                    "ALTER TABLE t ALTER c SET NOT NULL",
                ],
                "contract t:AX",
            ),
            (
                &[
                    "ALTER TABLE t ADD CHECK (c IS NOT NULL OR d > 0)",
                    "ALTER TABLE t ALTER c SET NOT NULL",
                ],
                "contract t:AX scan",
            ),
            (
                &[
                    "ALTER TABLE t ADD CONSTRAINT k NOT NULL c NOT VALID",
                    "ALTER TABLE t VALIDATE CONSTRAINT k",
                    "ALTER TABLE t ALTER c SET NOT NULL",
                ],
                "contract t:AX",
            ),
        ],
    );
}

#[test]
fn a_constraint_of_the_script_is_known_by_its_name() {
    let add = "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES p NOT VALID";
    check_scripts(
        None,
        &[
            (
                &[add, "ALTER TABLE t VALIDATE CONSTRAINT k"],
                "neutral t:SUX p:RS scan",
            ),
            (
                &[
                    add,
                    "ALTER TABLE t VALIDATE CONSTRAINT k",
                    "ALTER TABLE t VALIDATE CONSTRAINT k",
                ],
                "neutral t:SUX",
            ),
            (&[add, "ALTER TABLE t DROP CONSTRAINT k"], "expand t:AX p:AX"),
            (
                &[
                    add,
                    "ALTER TABLE t RENAME CONSTRAINT k TO l",
                    "ALTER TABLE t DROP CONSTRAINT l",
                ],
                "expand t:AX p:AX",
            ),
            (
                &[
                    "ALTER TABLE t ADD FOREIGN KEY (a, b) REFERENCES p",
                    "ALTER TABLE t DROP CONSTRAINT t_a_b_fkey",
                ],
                "expand t:AX p:AX",
            ),
            (&[add, "DROP TABLE t"], "contract t:AX p:AX"),
            (&["CREATE INDEX i ON t (a)", "DROP INDEX i"], "contract t:AX"),
            (
                &["CREATE INDEX i ON s.t (a)", "REINDEX INDEX s.i"],
                "neutral s.t:S s.i:AX scan",
            ),
        ],
    );
}

#[test]
fn a_type_that_the_script_gave_is_known() {
    check_scripts(
        None,
        &[
            (
                &[
                    "ALTER TABLE t ADD c varchar(10)",
                    "ALTER TABLE t ALTER c TYPE varchar(20)",
                ],
                "expand t:AX",
            ),
            (
                &[
                    "ALTER TABLE t ADD c varchar(10)",
                    "ALTER TABLE t ALTER c TYPE varchar(5)",
                ],
                "contract t:AX rewrite scan",
            ),
            (
                &[
                    "ALTER TABLE t ADD c timestamp",
                    "ALTER TABLE t ALTER c TYPE timestamptz",
                ],
                "contract t:AX rewrite scan",
            ),
            (
                &[
                    "SET timezone TO 'UTC'",
                    "ALTER TABLE t ADD c timestamp",
                    "ALTER TABLE t ALTER c TYPE timestamptz",
                ],
                "expand t:AX",
            ),
            (
                &[
                    "SET LOCAL timezone TO 'UTC'",
                    "ALTER TABLE t ADD c timestamp",
                    "ALTER TABLE t ALTER c TYPE timestamptz",
                ],
                "contract t:AX rewrite scan",
            ),
            (
                &[
                    "BEGIN",
                    "SET LOCAL timezone TO 'UTC'",
                    "ALTER TABLE t ADD c timestamp",
                    "ALTER TABLE t ALTER c TYPE timestamptz USING c",
                ],
                "expand t:AX",
            ),
            (
                &[
                    "SET timezone TO 'UTC'",
                    "ALTER TABLE t ADD c timestamp",
                    "ALTER TABLE t ALTER c TYPE timestamptz USING c AT TIME ZONE 'CET'",
                ],
                "contract t:AX rewrite scan",
            ),
        ],
    );
}

#[test]
fn an_instant_is_low_if_it_gives_up_and_medium_if_not() {
    let add = "ALTER TABLE t ADD c int";
    let risk = |script: &[&str]| last_verdict(None, script).risk;
    assert_eq!(risk(&[add]), Risk::Medium);
    assert_eq!(risk(&["SET lock_timeout = '2s'", add]), Risk::Low);
    assert_eq!(risk(&["SET lock_timeout = 0", add]), Risk::Medium);
    assert_eq!(
        risk(&["SET lock_timeout = '2s'", "RESET lock_timeout", add]),
        Risk::Medium
    );
    assert_eq!(risk(&["BEGIN", "SET LOCAL lock_timeout = '2s'", add]), Risk::Low);
    assert_eq!(
        risk(&["BEGIN", "SET LOCAL lock_timeout = '2s'", "COMMIT", add]),
        Risk::Medium
    );
    assert_eq!(
        risk(&["SELECT set_config('lock_timeout', '2s', false)", add]),
        Risk::Low
    );
}

#[test]
fn risk_grows_with_what_waits_and_for_how_long() {
    let risk = |sql: &str| last_verdict(None, &["SET lock_timeout = '2s'", sql]).risk;
    assert_eq!(risk("CREATE TABLE u (id int)"), Risk::None);
    assert_eq!(risk("COMMENT ON TABLE t IS 'x'"), Risk::None);
    assert_eq!(risk("CREATE INDEX CONCURRENTLY i ON t (a)"), Risk::Low);
    assert_eq!(risk("ALTER TABLE t VALIDATE CONSTRAINT k"), Risk::Low);
    assert_eq!(risk("CREATE INDEX i ON t (a)"), Risk::High);
    assert_eq!(risk("REINDEX TABLE t"), Risk::Critical);
    assert_eq!(risk("ALTER TABLE t ALTER c TYPE bigint"), Risk::Critical);
    assert_eq!(risk("ALTER TABLE t RENAME COLUMN a TO b"), Risk::High);
}

#[test]
fn a_statement_that_fails_to_parse_changes_nothing_that_is_known() {
    let mut session = Session::new(None);
    session.judge("CREATE TABLE t (id int)");
    assert_eq!(
        session.judge("CREATE TABEL u (id int)").effect.phase,
        Phase::Unknown
    );
    assert_eq!(short(&session.judge("CREATE INDEX i ON t (id)").effect), "expand");
}
