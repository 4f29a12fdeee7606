//! Databases that cannot be reached, and roles that may not enough: refused before anything is touched.

use sqlx::PgConnection;
use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::ports;
use testbed::postgres::Server;
use testbed::process::Settings;

use super::{Outcome, TABLE, lower_email, office};

#[tokio::test]
async fn an_unreachable_database_is_named_without_its_password() -> Outcome {
    let port = ports::free()?;
    let desk = Desk::new(&Settings::default())?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    let url = format!("postgres://ann:s3cr3t@127.0.0.1:{port}/music");
    for args in [
        &[
            "run",
            &spec,
            "--until",
            "verified",
            "--as",
            "ann",
            "--database-url",
            &url,
        ][..],
        &["plan", &spec, "--database-url", &url],
        &["status", "--database-url", &url],
    ] {
        let said = desk
            .run(args)
            .await?
            .exits(1)?
            .says(&[&format!("127.0.0.1:{port}"), "music"])?;
        assert!(
            !said.err.contains("s3cr3t") && !said.out.contains("s3cr3t"),
            "{said:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_database_are_told_apart() -> Outcome {
    let (database, desk) = office().await?;
    let url = database.url(Role::Owner);
    let wrong = url.replace(database.server().password(), "not-the-password");
    desk.run(&["status", "--database-url", &wrong])
        .await?
        .exits(1)?
        .says(&["check user and password", "password authentication failed"])?;
    let (server, _) = url.rsplit_once('/').unwrap_or_default();
    let missing = format!("{server}/no_such_database");
    desk.run(&["status", "--database-url", &missing])
        .await?
        .exits(1)?
        .says(&["check the name of the database", "no_such_database"])?;
    let port = ports::free()?;
    let deaf = desk
        .run(&[
            "status",
            "--database-url",
            &format!("postgres://ann@127.0.0.1:{port}/music"),
        ])
        .await?
        .exits(1)?
        .says(&["nobody answers there"])?;
    assert!(!deaf.err.contains("password"), "{deaf:?}");
    Ok(())
}

/// As with every client of PostgreSQL: PGUSER first, then the user of the operating system; never one that is made up.
#[tokio::test]
async fn a_url_without_a_user_connects_as_the_one_who_types() -> Outcome {
    let port = ports::free()?;
    let url = format!("postgres://127.0.0.1:{port}/music");
    let desk = Desk::new(&Settings::default().with("PGUSER", "eve"))?;
    desk.run(&["status", "--database-url", &url])
        .await?
        .exits(1)?
        .says(&["user \"eve\""])?;
    let desk = Desk::new(&Settings::default().with("PGUSER", ""))?;
    let said = desk.run(&["status", "--database-url", &url]).await?.exits(1)?;
    assert!(!said.err.contains("anonymous"), "{said:?}");
    Ok(())
}

/// Everything that the four roles may is taken away; what is printed, pasted by an administrator, makes it work.
#[tokio::test]
async fn missing_privileges_are_printed_as_statements_that_make_it_work() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database.execute_as(Role::Owner, TABLE).await?;
    let mut admin = database.superuser().await?;
    let [owner, data, monitor, ledger] =
        [Role::Owner, Role::Data, Role::Monitor, Role::Ledger].map(|role| database.role(role));
    let name = database.name();
    let strip = format!(
        "ALTER TABLE customer OWNER TO CURRENT_USER;
         REVOKE ALL ON SCHEMA public FROM {owner}, {data};
         REVOKE TEMPORARY, CREATE ON DATABASE {name} FROM {owner}, {data}, {ledger};
         REVOKE pg_monitor FROM {monitor}"
    );
    engine::sql::execute_script(&mut admin, strip).await?;
    let desk = Desk::new(&Settings::of(&database))?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    let run = [
        "run",
        spec.as_str(),
        "--target",
        "main",
        "--as",
        "ann",
        "--until",
        "verified",
    ];
    let first = desk.run(&run).await?.exits(1)?;
    let made: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'sluice')")
        .fetch_one(&mut admin)
        .await?;
    assert!(
        !made,
        "a ledger was made although privileges are missing:\n{first:?}"
    );
    paste_until_it_works(&desk, &run, &mut admin).await?;
    Ok(())
}

/// Lets an administrator paste what a command prints until it ends with 0; gives what was pasted.
pub(super) async fn paste_until_it_works(
    desk: &Desk,
    command: &[&str],
    admin: &mut PgConnection,
) -> anyhow::Result<Vec<String>> {
    let mut pasted = Vec::new();
    for round in 0..4 {
        let said = desk.run(command).await?;
        if said.code == Some(0) {
            assert!(round > 0, "nothing was missing: {said:?}");
            return Ok(pasted);
        }
        let said = said.exits(1)?;
        let lines = said.err.lines().map(str::trim);
        let statements: Vec<String> = lines
            .filter(|line| is_statement(line))
            .map(str::to_owned)
            .collect();
        assert!(
            !statements.is_empty(),
            "nothing to paste in round {round}, after {pasted:#?}:\n{}",
            said.err
        );
        for statement in statements {
            engine::sql::execute_script(admin, statement.as_str()).await?;
            pasted.push(statement);
        }
    }
    anyhow::bail!("it still does not work after {pasted:#?}")
}

fn is_statement(line: &str) -> bool {
    ["GRANT ", "ALTER "].iter().any(|word| line.starts_with(word))
}

/// One URL is enough on a laptop: every role is that one.
#[tokio::test]
async fn one_url_of_an_owner_is_enough() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let mut admin = database.superuser().await?;
    let owner = database.role(Role::Owner);
    let grants = format!(
        "GRANT CREATE ON DATABASE {} TO {owner}; GRANT pg_monitor TO {owner}",
        database.name()
    );
    engine::sql::execute_script(&mut admin, grants).await?;
    database.execute_as(Role::Owner, TABLE).await?;
    let before = database.schema_dump().await?;
    let desk = Desk::new(&Settings::default())?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    let url = database.url(Role::Owner);
    desk.run(&[
        "run",
        &spec,
        "--database-url",
        &url,
        "--as",
        "ann",
        "--until",
        "verified",
    ])
    .await?
    .exits(0)?;
    desk.run(&[
        "rollback",
        "lower-email",
        "--discard",
        "--database-url",
        &url,
        "--as",
        "ann",
    ])
    .await?
    .exits(0)?;
    assert_eq!(database.schema_dump().await?, before);
    Ok(())
}
