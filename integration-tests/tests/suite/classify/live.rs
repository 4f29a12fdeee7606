//! `sluice classify` with a database: what it knows of the tables, and what it does in a copy of them.

use serde_json::{Value, json};
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::ground::Folder;
use super::{Outcome, may_create};

const SCHEMA: &str = "
    CREATE TABLE kind (id int PRIMARY KEY, name varchar(50) NOT NULL);
    CREATE TABLE item (id bigint PRIMARY KEY, kind int REFERENCES kind, note varchar(50), body text);
    INSERT INTO kind SELECT n, 'kind ' || n FROM generate_series(1, 10) AS n;
    INSERT INTO item SELECT n, 1 + n % 10, 'note', repeat('x', 600) FROM generate_series(1, 40000) AS n";

const WIDER: &str = "SET lock_timeout = '2s';\nALTER TABLE item ALTER COLUMN note TYPE varchar(80);\n";

async fn shop() -> anyhow::Result<Database<'static>> {
    let database = Database::new(Server::shared().await?).await?;
    database.execute_as(Role::Owner, SCHEMA).await?;
    database.execute_as(Role::Owner, "ANALYZE kind, item").await?;
    Ok(database)
}

/// The flag that names the database, as its owner.
fn owner(database: &Database<'_>) -> String {
    format!("--database-url={}", database.url(Role::Owner))
}

/// The statement that begins so.
fn of<'a>(statements: &'a [Value], begins: &str) -> &'a Value {
    let found = statements.iter().find(|one| {
        one["statement"]
            .as_str()
            .is_some_and(|text| text.starts_with(begins))
    });
    found.unwrap_or_else(|| panic!("no {begins} in {statements:#?}"))
}

#[tokio::test]
async fn what_the_catalog_knows_decides_what_is_rewritten_and_how_bad_it_is() -> Outcome {
    let database = shop().await?;
    let script = format!(
        "{WIDER}CREATE INDEX kind_name ON kind (name);\nCREATE INDEX item_body ON item (body);\nALTER TABLE missing ADD COLUMN c int;\n"
    );
    let folder = Folder::of(&[("1_wider.sql", script.as_str())])?;
    let blind = folder.statements(&["1_wider.sql"])?;
    let live = folder.statements(&["1_wider.sql", &owner(&database)])?;
    let wider = "ALTER TABLE item ALTER";
    assert_eq!(
        of(&blind, wider)["rewrites_table"],
        json!(true),
        "nobody knows the old type"
    );
    assert_eq!(
        of(&live, wider)["rewrites_table"],
        json!(false),
        "varchar(50) before"
    );
    assert_eq!(of(&blind, wider)["expected_lock_seconds"], Value::Null);

    // Ten rows, and 40,000 that fill 26 MB.
    let (small, large) = (of(&live, "CREATE INDEX kind"), of(&live, "CREATE INDEX item"));
    assert_eq!(small["risk"], "low", "{small:#}");
    assert_eq!(of(&blind, "CREATE INDEX kind")["risk"], "high");
    let most = |one: &Value| one["expected_lock_seconds"]["high"].as_f64().unwrap_or(f64::NAN);
    assert!(most(large) > most(small), "{small:#} {large:#}");
    Ok(())
}

#[tokio::test]
async fn what_a_copy_shows_is_told_beside_the_rules() -> Outcome {
    let database = shop().await?;
    may_create(&database).await?;
    let script = format!(
        "{WIDER}DO $$ BEGIN LOCK TABLE kind; END $$;\nCREATE INDEX CONCURRENTLY item_note ON item (note);\n"
    );
    let folder = Folder::of(&[("1_wider.sql", script.as_str())])?;
    let seen = folder.statements(&["1_wider.sql", &owner(&database), "--observe"])?;
    let wider = &of(&seen, "ALTER TABLE item")["observed"];
    assert_eq!(wider["differences"], json!([]), "{wider:#}");
    assert_eq!(
        wider["locks"],
        json!([{ "table": "public.item", "mode": "AccessExclusiveLock" }])
    );
    assert_eq!(wider["rewrites"], json!([]));
    // The rules do not read a body; the server runs it.
    let body = &of(&seen, "DO")["observed"];
    assert_eq!(
        body["locks"],
        json!([{ "table": "public.kind", "mode": "AccessExclusiveLock" }])
    );
    assert!(
        body["differences"].to_string().contains("public.kind"),
        "{body:#}"
    );
    let index = &of(&seen, "CREATE INDEX CONCURRENTLY")["observed"];
    assert_eq!(index["transactional"], json!(false), "{index:#}");
    // By hand, from standard input, and as a person reads it.
    let said = folder.classify_fed(&["-", &owner(&database), "--observe"], script.as_bytes())?;
    said.is(0, &["observed: it takes AccessExclusiveLock on public.kind"]);
    // Nothing of it happened to the live tables, and the copy is gone.
    let live = "SELECT (SELECT count(*) FROM pg_indexes WHERE indexname = 'item_note')
        + (SELECT count(*) FROM pg_database WHERE datname LIKE 'sluice\\_scratch\\_%'
            AND shobj_description(oid, 'pg_database') LIKE '%of ' || current_database() || ',%')";
    assert_eq!(database.value::<i64>(Role::Owner, live).await?, 0);
    Ok(())
}

/// The copy is on the live server, and the owner might.
#[tokio::test]
async fn what_a_body_would_do_to_the_live_server_is_not_done() -> Outcome {
    let database = shop().await?;
    may_create(&database).await?;
    let mut conn = database.superuser().await?;
    let may = format!("ALTER ROLE {} CREATEROLE", database.role(Role::Owner));
    engine::sql::execute_script(&mut conn, may).await?;
    let role = format!("{}_never", database.name());
    let script = format!("DO $$ BEGIN CREATE ROLE {role}; END $$;\nALTER TABLE kind ADD COLUMN c int;\n");
    let folder = Folder::of(&[("1_role.sql", script.as_str())])?;
    let seen = folder.statements(&["1_role.sql", &owner(&database), "--observe"])?;
    let body = &of(&seen, "DO")["observed"];
    assert!(
        body["differences"].to_string().contains("whole server"),
        "{body:#}"
    );
    let after = &of(&seen, "ALTER TABLE kind")["observed"];
    assert_eq!(after["differences"], json!([]), "the rest is run: {after:#}");
    let made = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{role}'");
    assert_eq!(database.value::<i64>(Role::Owner, &made).await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_and_nothing_is_judged() -> Outcome {
    let database = shop().await?;
    let folder = Folder::of(&[("1_wider.sql", WIDER), ("nothing.db", "")])?;
    let url = owner(&database);
    let refused = [
        (&["--observe"][..], 2, "--database-url"),
        (&["--dialect", "mysql", &url], 2, "PostgreSQL"),
        (&["--database-url=sqlite:nothing.db"], 2, "--dialect sqlite"),
        (
            &["--database-url=postgres://nobody@127.0.0.1:1/d"],
            1,
            "127.0.0.1:1",
        ),
        // The owner of a test may not create databases unless it is allowed to.
        (&["--observe", &url], 1, "CREATEDB"),
    ];
    for (flags, code, text) in refused {
        let said = folder.classify(&[&["1_wider.sql"], flags].concat())?;
        said.is(code, &[text]);
        assert_eq!(said.out, "", "{flags:?}");
    }
    Ok(())
}
