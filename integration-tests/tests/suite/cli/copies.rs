//! `sluice adopt` and `sluice detach`: what becomes of a copy, of a file that was moved, and of the original.

use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::file::File;
use testbed::process::Settings;

use super::{Outcome, lower_email, office};

const RUN: [&str; 6] = ["--target", "main", "--as", "ann", "--until", "verified"];
const ADOPT: [&str; 5] = ["adopt", "--target", "main", "--as", "ann"];
const GO_ON: &str = "--unfinished-jobs-go-on-here";
const DETACH: [&str; 3] = ["detach", "--target", "main"];

/// A database that was made as a copy of another one, and a desk beside it.
struct Copy<'d> {
    of: &'d Database<'d>,
    name: String,
    desk: Desk,
}

impl<'d> Copy<'d> {
    /// Nobody may be connected to the original.
    async fn of(database: &'d Database<'d>) -> anyhow::Result<Self> {
        let name = format!("{}_copy", database.name());
        let mut admin = database.server().superuser("postgres").await?;
        let make = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            database.name()
        );
        engine::sql::execute_script(&mut admin, make).await?;
        engine::sql::execute_script(
            &mut admin,
            format!("CREATE DATABASE {name} TEMPLATE {}", database.name()),
        )
        .await?;
        let url = |role| {
            database
                .url(role)
                .replace(database.name(), &name)
                .replace(&format!("{name}_{}", suffix(role)), &database.role(role))
        };
        let settings = [
            ("URL", Role::Data),
            ("ADMIN_URL", Role::Owner),
            ("MONITOR_URL", Role::Monitor),
            ("LEDGER_URL", Role::Ledger),
        ]
        .into_iter()
        .fold(Settings::default(), |settings, (key, role)| {
            settings.with(&format!("SLUICE__TARGETS__MAIN__{key}"), &url(role))
        });
        Ok(Self {
            of: database,
            name,
            desk: Desk::new(&settings)?,
        })
    }

    async fn execute(&self, statements: &str) -> Outcome {
        let mut conn = self.of.server().superuser(&self.name).await?;
        engine::sql::execute_script(&mut conn, statements).await?;
        Ok(())
    }

    async fn value(&self, question: &str) -> anyhow::Result<i64> {
        let mut conn = self.of.server().superuser(&self.name).await?;
        Ok(engine::sql::scalar(question).fetch_one(&mut conn).await?)
    }

    async fn drop(self) -> Outcome {
        let mut admin = self.of.server().superuser("postgres").await?;
        engine::sql::execute_script(&mut admin, format!("DROP DATABASE {} WITH (FORCE)", self.name)).await?;
        Ok(())
    }
}

fn suffix(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Data => "data",
        Role::Monitor => "monitor",
        Role::Ledger => "ledger",
        Role::App => "app",
    }
}

#[tokio::test]
async fn a_copy_is_adopted_only_by_whoever_says_that_its_unfinished_jobs_go_on_there() -> Outcome {
    let (database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.ok(&[&["run", &spec][..], &RUN].concat()).await?;
    let copy = Copy::of(&database).await?;
    copy.desk
        .run(&["status", "--target", "main"])
        .await?
        .exits(1)?
        .says(&["made elsewhere", "sluice adopt", "sluice detach"])?;
    let spec = copy.desk.write("spec.toml", &lower_email(""))?;
    copy.desk
        .run(&[&["run", &spec][..], &RUN].concat())
        .await?
        .exits(1)?
        .says(&["sluice adopt"])?;
    copy.desk.run(&ADOPT).await?.exits(1)?.says(&[
        "lower-email",
        "verified",
        GO_ON,
        "Nothing was changed",
    ])?;
    copy.desk
        .run(&[&ADOPT[..], &[GO_ON]].concat())
        .await?
        .exits(0)?
        .says(&["adopted", "lower-email", "new id"])?;
    copy.desk
        .run(&ADOPT)
        .await?
        .exits(0)?
        .says(&["at home here", "nothing to adopt", "--snapshot"])?;
    copy.desk
        .ok(&["verify", "lower-email", "--target", "main", "--as", "ann"])
        .await?;
    let adopted = "SELECT count(*) FROM sluice.event WHERE kind = 'ledger.adopted' AND actor = 'ann'";
    assert_eq!(copy.value(adopted).await?, 1);
    // The original is what it was.
    desk.run(&["status", "--target", "main"])
        .await?
        .exits(0)?
        .says(&["lower-email"])?;
    copy.drop().await
}

#[tokio::test]
async fn a_detached_copy_is_an_ordinary_database_and_keeps_the_columns_that_were_added() -> Outcome {
    let (database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.ok(&[&["run", &spec][..], &RUN].concat()).await?;
    let copy = Copy::of(&database).await?;
    copy.desk.run(&DETACH).await?.exits(1)?.says(&[
        "would be taken away",
        "add column customer.email_lower",
        "nothing was changed",
        "--confirm",
    ])?;
    copy.execute("CREATE VIEW switches AS SELECT name FROM sluice.flag")
        .await?;
    let confirmed = [&DETACH[..], &["--confirm"]].concat();
    copy.desk
        .run(&confirmed)
        .await?
        .exits(1)?
        .says(&["view ", "switches", "Nothing was changed"])?;
    copy.execute("DROP VIEW switches").await?;
    copy.desk.run(&confirmed).await?.exits(0)?.says(&[
        "taken away",
        "on public.customer",
        "follows nothing any more",
        "add column customer.email_lower",
    ])?;
    let left = "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'sluice')
        + (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'sluice%') + (SELECT count(*) FROM pg_proc WHERE proname LIKE 'sluice%')";
    assert_eq!(copy.value(left).await?, 0);
    copy.execute("INSERT INTO customer (id, email) VALUES (9001, 'Zed@x'); UPDATE customer SET email = 'A@b' WHERE id = 1")
        .await?;
    let stale = "SELECT count(*) FROM customer WHERE id = 1 AND email_lower = 'name1@example.com'";
    assert_eq!(
        copy.value(stale).await?,
        1,
        "the column is there, and follows nothing"
    );
    copy.desk
        .run(&["status", "--target", "main"])
        .await?
        .exits(1)?
        .says(&["no ledger"])?;
    copy.drop().await
}

#[tokio::test]
async fn the_original_is_detached_only_by_whoever_says_that_it_is_the_original() -> Outcome {
    let (database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.ok(&[&["run", &spec][..], &RUN].concat()).await?;
    let confirmed = [&DETACH[..], &["--confirm"]].concat();
    desk.run(&confirmed)
        .await?
        .exits(1)?
        .says(&["is at home here", "--original", "Nothing was changed"])?;
    desk.ok(&[&confirmed[..], &["--original"]].concat()).await?;
    let gone = "SELECT count(*) FROM pg_namespace WHERE nspname = 'sluice'";
    assert_eq!(database.value::<i64>(Role::App, gone).await?, 0);
    Ok(())
}

/// A table whose old column is NOT NULL is copied for the time of a job on SQLite; that is not taken back by leaving.
const PLAIN: &str = "CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT NOT NULL, note TEXT);
    INSERT INTO customer SELECT value, 'Name' || value || '@Example.COM', 'note' FROM generate_series(1, 300)";

async fn file_with_a_job() -> anyhow::Result<(File, Desk, String)> {
    let file = File::new().await?;
    let rows = PLAIN.replace(
        "generate_series(1, 300)",
        "(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 300) SELECT value FROM n)",
    );
    file.execute(&rows).await?;
    let desk = Desk::new(&Settings::default())?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.ok(&[
        "run",
        &spec,
        "--database-url",
        &file.url(),
        "--as",
        "ann",
        "--until",
        "verified",
    ])
    .await?;
    Ok((file, desk, spec))
}

#[tokio::test]
async fn a_file_that_was_moved_is_adopted_at_its_new_place() -> Outcome {
    let (file, desk, _) = file_with_a_job().await?;
    let moved = file.folder().join("moved.db");
    // What was committed last may still be in the write-ahead log.
    for part in ["", "-wal", "-shm"] {
        let named = |path: &std::path::Path| format!("{}{part}", path.display());
        if std::path::Path::new(&named(&file.path())).exists() {
            std::fs::rename(named(&file.path()), named(&moved))?;
        }
    }
    let url = format!("sqlite:{}", moved.display());
    desk.run(&["status", "--database-url", &url])
        .await?
        .exits(1)?
        .says(&["sluice adopt"])?;
    let adopt = ["adopt", "--database-url", &url, "--as", "ann"];
    desk.run(&adopt).await?.exits(1)?.says(&["lower-email", GO_ON])?;
    desk.run(&[&adopt[..], &[GO_ON]].concat())
        .await?
        .exits(0)?
        .says(&["adopted"])?;
    desk.ok(&["verify", "lower-email", "--database-url", &url, "--as", "ann"])
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_copied_file_is_detached_and_the_original_goes_on() -> Outcome {
    let (file, desk, spec) = file_with_a_job().await?;
    let copy = File::new().await?;
    file.execute(&format!(
        "VACUUM INTO '{}'",
        copy.folder().join("copy.db").display()
    ))
    .await?;
    let url = format!("sqlite:{}", copy.folder().join("copy.db").display());
    desk.run(&["run", &spec, "--database-url", &url, "--as", "ann"])
        .await?
        .exits(1)?
        .says(&["sluice adopt"])?;
    let detach = ["detach", "--database-url", &url];
    desk.run(&detach)
        .await?
        .exits(1)?
        .says(&["would be taken away"])?;
    desk.run(&[&detach[..], &["--confirm"]].concat())
        .await?
        .exits(0)?
        .says(&["taken away", "on customer"])?;
    let mut conn = engine::db::connect_alone(&url, "test").await?;
    let left: i64 = engine::db::scalar("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sluice%'")
        .fetch_one(&mut conn)
        .await?;
    assert_eq!(left, 0);
    conn.execute_script("INSERT INTO customer (id, email) VALUES (9001, 'Zed@x'); UPDATE customer SET email = 'A@b' WHERE id = 1")
        .await?;
    conn.close().await?;
    desk.ok(&[
        "verify",
        "lower-email",
        "--database-url",
        &file.url(),
        "--as",
        "ann",
    ])
    .await?;
    Ok(())
}
