//! A file of SQLite, with the ledger in it, on which steps are run as a backfiller would.

use engine::catalog::{Catalog, TableName};
use ledger::plan::{Phase, Plan, Step, StepMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow, SqliteSynchronous};
use sqlx::{Connection as _, Row as _};

const LEDGER: &str = include_str!("../../../../../ledger/migrations/sqlite/0001_foundation.sql");

pub(super) struct File {
    pub(super) conn: SqliteConnection,
    _folder: tempfile::TempDir,
}

impl File {
    pub(super) async fn with(schema: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("chinook.db"))
            .create_if_missing(true)
            .synchronous(SqliteSynchronous::Off)
            .foreign_keys(true);
        let mut file = Self {
            conn: SqliteConnection::connect_with(&options).await.unwrap(),
            _folder: folder,
        };
        file.run(LEDGER).await;
        file.run(schema).await;
        file
    }

    /// Every table but the ledger's.
    pub(super) async fn catalog(&mut self) -> Catalog {
        let names = self
            .rows("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sluice@_%' ESCAPE '@' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'")
            .await;
        let tables: Vec<TableName> = names
            .into_iter()
            .map(|name| TableName {
                schema: "main".into(),
                name,
            })
            .collect();
        engine::sqlite::catalog::read(&mut self.conn, &tables)
            .await
            .unwrap()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test runs the statements of a plan as they are"
    )]
    pub(super) async fn try_run(&mut self, sql: &str) -> Result<u64, sqlx::Error> {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.conn)
            .await?;
        Ok(done.rows_affected())
    }

    pub(super) async fn run(&mut self, sql: &str) -> u64 {
        self.try_run(sql)
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    /// The first column of every row, as text.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test asks the questions of a plan as they are"
    )]
    pub(super) async fn rows(&mut self, sql: &str) -> Vec<String> {
        let text =
            format!("WITH answer_(x) AS ({sql}) SELECT coalesce(CAST(x AS TEXT), 'NULL') FROM answer_");
        let rows: Vec<SqliteRow> = sqlx::raw_sql(sqlx::AssertSqlSafe(text))
            .fetch_all(&mut self.conn)
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub(super) async fn is_true(&mut self, question: &str) -> bool {
        let answer = self.rows(question).await;
        assert!(answer == ["0"] || answer == ["1"], "{question}: {answer:?}");
        answer == ["1"]
    }

    /// Names, types and texts of everything but the ledger, without quotes around names.
    pub(super) async fn schema(&mut self) -> Vec<String> {
        let all = self
            .rows(
                "SELECT type || ' ' || name || ' on ' || tbl_name || ': ' || coalesce(sql, '') FROM sqlite_schema \
                 WHERE substr(tbl_name, 1, 7) NOT IN ('sluice_', 'sqlite_') ORDER BY 1",
            )
            .await;
        all.iter()
            .map(|text| text.replace(['"', '[', ']', '`'], ""))
            .collect()
    }

    /// The steps of a phase, each asked before and after whether it happened.
    pub(super) async fn phase(&mut self, plan: &Plan, phase: Phase) {
        for step in plan.steps_of(phase) {
            let done = step
                .done
                .as_deref()
                .expect("every step that we generate has a question");
            assert!(!self.is_true(done).await, "before it: {}", step.title);
            self.step(step)
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", step.title));
            assert!(self.is_true(done).await, "after it: {}: {done}", step.title);
        }
    }

    /// One step as its mode says.
    pub(super) async fn step(&mut self, step: &Step) -> Result<(), String> {
        let rebuilds = step.mode == StepMode::Rebuild;
        if rebuilds {
            self.run("PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON")
                .await;
        }
        self.run("BEGIN IMMEDIATE").await;
        let happened = self.in_transaction(step).await;
        self.run(if happened.is_ok() { "COMMIT" } else { "ROLLBACK" })
            .await;
        if rebuilds {
            self.run("PRAGMA foreign_keys = ON; PRAGMA legacy_alter_table = OFF")
                .await;
        }
        happened
    }

    async fn in_transaction(&mut self, step: &Step) -> Result<(), String> {
        const VIOLATIONS: &str = "SELECT count(*) FROM pragma_foreign_key_check";
        for refused in &step.refuse_if {
            if self.is_true(&refused.query).await {
                return Err(refused.message.clone());
            }
        }
        let before = self.rows(VIOLATIONS).await;
        for (at, statement) in (0..).zip(&step.statements) {
            let mut wanted = true;
            for condition in step.only_if.iter().filter(|c| c.statement == at) {
                wanted &= self.is_true(&condition.query).await;
            }
            if !wanted {
                continue;
            }
            self.try_run(statement)
                .await
                .map_err(|error| format!("{error}: {statement}"))?;
        }
        assert_eq!(self.rows(VIOLATIONS).await, before, "{}", step.title);
        Ok(())
    }

    /// Every fill, in one go; how many rows were wrong.
    pub(super) async fn fill(&mut self, plan: &Plan) -> u64 {
        let mut rows = 0;
        for fill in &plan.fills {
            let row = fill.row.as_deref().expect("a fill of SQLite has a row column");
            rows += self
                .run(&format!(
                    "UPDATE {} SET {} WHERE {row} >= 0 AND ({})",
                    fill.alias, fill.set, fill.wrong
                ))
                .await;
            let wrong = format!("SELECT count(*) FROM {} WHERE {}", fill.alias, fill.wrong);
            assert_eq!(self.rows(&wrong).await, ["0"]);
            let keys = self
                .rows(&format!("SELECT {} FROM {}", fill.key, fill.alias))
                .await;
            assert!(keys.iter().all(|key| key.starts_with('{')), "{keys:?}");
        }
        rows
    }
}
