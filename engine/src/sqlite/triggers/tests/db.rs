//! A database of its own for every test, in memory, with the ledger's tables and a mirrored table.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::super::{Mirror, MirrorSql, compile};

const LEDGER: &str = include_str!("../../../../../ledger/migrations/sqlite/0001_foundation.sql");

/// What of it the triggers write.
const OURS: [&str; 2] = ["sluice_quarantine", "sluice_counter"];

/// How far the mirror is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Old,
    New,
    Hidden,
}

pub(super) struct Db {
    conn: SqliteConnection,
    pub(super) sql: MirrorSql,
    table: String,
}

/// Runs a test on a mirrored table as it is in this phase, under every setting of the application's connection.
pub(super) async fn everywhere(phase: Phase, table: &str, mirror: &Mirror, test: impl AsyncFn(&mut Db)) {
    for recursive in [false, true] {
        for foreign_keys in [false, true] {
            eprintln!("recursive_triggers = {recursive}, foreign_keys = {foreign_keys}");
            let mut db = Db::open(recursive, foreign_keys, table, mirror, "rowid").await;
            db.reach(phase).await;
            test(&mut db).await;
        }
    }
}

impl Db {
    pub(super) async fn open(
        recursive: bool,
        foreign_keys: bool,
        table: &str,
        mirror: &Mirror,
        row: &str,
    ) -> Self {
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .foreign_keys(foreign_keys)
            .disable_statement_logging();
        let conn = SqliteConnection::connect_with(&options).await.unwrap();
        let mut db = Self {
            conn,
            sql: compile(mirror, row).unwrap(),
            table: mirror.table.name.clone(),
        };
        db.ok(&format!("PRAGMA recursive_triggers = {recursive}")).await;
        for table in LEDGER
            .split_inclusive(";\n")
            .filter(|s| OURS.iter().any(|name| s.contains(name)))
        {
            db.ok(table).await;
        }
        db.ok(table).await;
        db
    }

    /// Installs the mirror and leads it to this phase, as the planner does.
    pub(super) async fn reach(&mut self, phase: Phase) {
        self.transaction(&self.sql.install.clone()).await;
        if phase == Phase::Old {
            return;
        }
        self.transaction(&self.sql.lead.statements.clone()).await;
        if phase == Phase::Hidden {
            self.transaction(&self.sql.hide.clone().unwrap().statements).await;
        }
    }

    pub(super) async fn transaction(&mut self, statements: &[String]) {
        self.ok("BEGIN IMMEDIATE").await;
        for statement in statements {
            self.ok(statement).await;
        }
        self.ok("COMMIT").await;
    }

    /// What SQLite says to a statement.
    #[expect(clippy::disallowed_methods, reason = "tests make their own SQL")]
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), String> {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.conn)
            .await
            .map(drop)
            .map_err(|e| e.into_database_error().unwrap().message().to_owned())
    }

    /// Runs a statement that the connection keeps, compiled, for the next time.
    pub(super) async fn prepared(&mut self, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.conn).await.unwrap();
    }

    pub(super) async fn ok(&mut self, sql: &str) {
        if let Err(message) = self.run(sql).await {
            panic!("{message}\n{sql}");
        }
    }

    /// The only value of a query, as text; `NULL` for none or no row.
    #[expect(clippy::disallowed_methods, reason = "tests make their own SQL")]
    pub(super) async fn one(&mut self, sql: &str) -> String {
        let sql = format!("SELECT coalesce(CAST(({sql}) AS TEXT), 'NULL')");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_one(&mut self.conn)
            .await;
        row.unwrap().get(0)
    }

    /// Columns of the mirrored table, row after row: `1 5000 5, 2 NULL NULL`.
    pub(super) async fn rows(&mut self, columns: &[&str]) -> String {
        let line: Vec<String> = columns.iter().map(|c| format!("quote({c})")).collect();
        let sql = format!(
            "SELECT coalesce(group_concat(line, ', '), '') FROM (SELECT {} AS line FROM \"{}\" ORDER BY 1)",
            line.join(" || ' ' || "),
            self.table
        );
        self.one(&sql).await
    }

    /// Open entries of the quarantine: `conflict seconds {"id":1}`.
    pub(super) async fn notes(&mut self) -> String {
        let sql = "SELECT coalesce(group_concat(line, ', '), '') FROM (
            SELECT kind || ' ' || new_column || ' ' || row_key AS line FROM sluice_quarantine WHERE resolved_at IS NULL ORDER BY 1)";
        self.one(sql).await
    }

    pub(super) async fn counted(&mut self) -> String {
        let sql = self.sql.counted.clone();
        self.one(&sql).await
    }

    /// A question of the mirror, answered.
    pub(super) async fn asks(&mut self, question: &str) -> bool {
        self.one(question).await == "1"
    }
}
