//! The lock model against PostgreSQL itself: every statement is run for real and compared field by field.
//!
//! Compared are the strongest lock on each table, view and materialized view, whether a table is rewritten, whether one is scanned, and
//! whether the statement may be in a transaction block (tried). What is not: the phase, which is an opinion, and locks on indexes and
//! sequences. With live facts the model must be exact; without, it must never say less than what happened to the tables that the
//! statement names. Where it is not so, [`exceptions`] says which statement, which field, and why; one that agrees after all must leave the list.

mod compare;
mod exceptions;
mod scripts;

use std::time::Duration;

use anyhow::{Context as _, bail};
use classifier::postgres::Session;
use cli::classify::live::for_classifier;
use engine::postgres::live_facts::{Names, read};
use engine::postgres::observe::{Statement, observe_within};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use secrecy::SecretString;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use testbed::database::{Database, Role};
use testbed::postgres::{Durability, Server};

use super::Outcome;
use compare::{Disagreement, Subject};
use exceptions::EXCEPTIONS;

const SCHEMA: &str = include_str!("oracle/schema.sql");
/// So many statements at least make the comparison worth its name.
const ENOUGH: usize = 120;
/// Scripts at a time: each mostly waits for the server.
const AT_ONCE: usize = 3;

/// What came of a comparison.
#[derive(Debug, Default)]
struct Count {
    statements: usize,
    agreements: usize,
    disagreements: Vec<Disagreement>,
}

impl Count {
    fn with(mut self, other: Self) -> Self {
        self.statements += other.statements;
        self.agreements += other.agreements;
        self.disagreements.extend(other.disagreements);
        self
    }
}

#[tokio::test]
async fn the_model_says_of_every_statement_what_postgresql_does() -> Outcome {
    let server = Server::start_with(Durability::ThrowAway, "allow_in_place_tablespaces = on\n").await?;
    let database = Database::new(&server).await?;
    prepare(&database).await?;
    let scripts = scripts::all();
    let runs = scripts
        .iter()
        .enumerate()
        .map(|(number, script)| on_a_copy(&database, number, script));
    let counts: Vec<Count> = stream::iter(runs).buffered(AT_ONCE).try_collect().await?;
    report(&counts.into_iter().fold(Count::default(), Count::with))
}

/// Runs a script on a copy of its own. Not one of `Template`, whose way to copy flushes the whole server each time.
async fn on_a_copy(database: &Database<'_>, number: usize, script: &[&str]) -> anyhow::Result<Count> {
    let mut conn = database.server().superuser("postgres").await?;
    let name = format!("{}_{number}", database.name());
    let make = format!(
        "CREATE DATABASE {name} TEMPLATE {} OWNER {}",
        database.name(),
        database.role(Role::Owner)
    );
    engine::sql::execute_script(&mut conn, make).await?;
    let url = database.url(Role::Owner);
    let (place, _) = url.rsplit_once('/').context("a URL names a database")?;
    let mut count = Count::default();
    run(&format!("{place}/{name}"), script, &mut count).await?;
    engine::sql::execute_script(&mut conn, format!("DROP DATABASE {name} WITH (FORCE)")).await?;
    conn.close().await?;
    Ok(count)
}

/// The schema, and what only a superuser can make: another place and another access method to move a table to.
async fn prepare(database: &Database<'_>) -> Outcome {
    let owner = database.role(Role::Owner);
    let more = format!(
        "CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;
         ALTER ROLE {owner} SET timezone = 'UTC'"
    );
    let mut conn = database.superuser().await?;
    engine::sql::execute_script(&mut conn, more).await?;
    engine::sql::execute_script(&mut conn, "CREATE TABLESPACE elsewhere LOCATION ''").await?;
    let grant = format!("GRANT CREATE ON TABLESPACE elsewhere TO {owner}");
    engine::sql::execute_script(&mut conn, grant).await?;
    conn.close().await?;
    database.execute_as(Role::Owner, SCHEMA).await?;
    Ok(())
}

async fn run(url: &str, script: &[&str], count: &mut Count) -> Outcome {
    let mut conn = PgConnection::connect(url).await?;
    let words: Vec<String> = script.iter().flat_map(|text| scripts::words(text)).collect();
    let facts = read(&mut conn, Names::Words(&words), Duration::ZERO).await?;
    let kinds = compare::kinds(&mut conn).await?;
    conn.close().await?;
    let statements: Vec<Statement<'_>> = script.iter().map(|text| Statement::from(*text)).collect();
    let seen = observe_within(&SecretString::from(url), &statements).await?;
    let (mut informed, mut blind) = (Session::new(Some(for_classifier(facts))), Session::new(None));
    for (number, (text, seen)) in script.iter().zip(&seen).enumerate() {
        let (informed, blind) = (informed.judge(text), blind.judge(text));
        let subject = Subject {
            before: &script[..number],
            text,
            seen,
            kinds: &kinds,
        };
        let mut found = subject.exact(&informed.effect);
        found.extend(subject.no_less(&blind.effect));
        count.statements += 1;
        count.agreements += usize::from(found.is_empty());
        count.disagreements.extend(found);
    }
    Ok(())
}

/// Prints the count and the exceptions by name; fails if the list of exceptions is not exactly what was found.
#[expect(
    clippy::print_stdout,
    reason = "the count and the exceptions are what this test is for"
)]
fn report(count: &Count) -> Outcome {
    println!(
        "{} of {} statements agree in every field",
        count.agreements, count.statements
    );
    let listed = |one: &Disagreement| EXCEPTIONS.iter().find(|known| known.is(one));
    let (known, unknown): (Vec<_>, Vec<_>) =
        count.disagreements.iter().partition(|one| listed(one).is_some());
    for one in known {
        println!(
            "exception: {one}\n  because {}",
            listed(one).context("it is listed")?.reason
        );
    }
    let settled = EXCEPTIONS
        .iter()
        .filter(|known| !count.disagreements.iter().any(|one| known.is(one)));
    let settled: Vec<_> = settled
        .map(|known| format!("{}: {}", known.script.join("; "), known.field))
        .collect();
    if !unknown.is_empty() || !settled.is_empty() {
        let unknown: Vec<_> = unknown.iter().map(ToString::to_string).collect();
        bail!(
            "not listed:\n{}\n\nlisted and agreeing after all:\n{}",
            unknown.join("\n"),
            settled.join("\n")
        );
    }
    anyhow::ensure!(count.statements >= ENOUGH, "only {} statements", count.statements);
    Ok(())
}
