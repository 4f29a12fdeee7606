//! The server's judgement over expressions, and quoting as the server reads it.

use engine::postgres::expression::{ColumnWanted, Fault, check};
use engine::postgres::ident;
use sqlx::postgres::PgConnection;
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, connect, named};

async fn prepared<'s>() -> anyhow::Result<(Database<'s>, PgConnection)>
where
    'static: 's,
{
    let database = Database::new(Server::shared().await?).await?;
    let create = "CREATE TABLE t (id int PRIMARY KEY, ms int NOT NULL, name varchar(20), made timestamptz,
        twice int GENERATED ALWAYS AS (ms * 2) STORED)";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["t"]).await?;
    let conn = connect(&database, Role::Data).await?;
    Ok((database, conn))
}

async fn judged(
    conn: &mut PgConnection,
    type_name: &str,
    text: &str,
) -> Result<(String, Vec<String>), Fault> {
    let wanted = ColumnWanted {
        type_name: type_name.to_owned(),
    };
    let extra = [("seconds".to_owned(), "integer".to_owned())];
    check(conn, &named("t"), &wanted, text, &extra)
        .await
        .map(|e| (e.type_name, e.reads))
}

#[tokio::test]
async fn what_is_immutable_passes_with_the_columns_it_reads() -> Outcome {
    let (_database, mut conn) = prepared().await?;
    for (type_name, text, spelled, reads) in [
        ("int", "ms / 1000", "integer", vec!["ms"]),
        (
            "varchar(24)",
            "lower(t.name) || t.id",
            "character varying(24)",
            vec!["id", "name"],
        ),
        ("date", "(made AT TIME ZONE 'UTC')::date", "date", vec!["made"]),
        ("numeric(6,2)", "5", "numeric(6,2)", vec![]),
        ("text", "'now'", "text", vec![]),
        ("int", "seconds * 1000", "integer", vec!["seconds"]),
    ] {
        let found = judged(&mut conn, type_name, text).await?;
        assert_eq!(
            (found.0.as_str(), found.1),
            (spelled, reads.into_iter().map(str::to_owned).collect()),
            "{text}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_would_never_end_a_sweep_is_refused_with_its_reason() -> Outcome {
    let (_database, mut conn) = prepared().await?;
    for (type_name, text, expected) in [
        ("int", "ms * random()", "because of random() (volatile)"),
        (
            "uuid",
            "gen_random_uuid()",
            "because of gen_random_uuid() (volatile)",
        ),
        (
            "timestamptz",
            "current_timestamp",
            "because of CURRENT_TIMESTAMP (stable)",
        ),
        ("date", "made::date", "AT TIME ZONE 'UTC'"),
        ("date", "'now'::date", "the literal 'now'"),
        ("int", "name", "another type than integer"),
        ("int", "nosuch + 1", "it has id, ms, name, made, twice, seconds"),
        ("int", "frob(ms)", "a function or operator that does not exist"),
        ("int", "twice", "the generated column \"twice\""),
        ("int", "(SELECT 1)", "the server refuses"),
        ("int", "sum(ms)", "the server refuses"),
        ("int", "ms 5", "at character 4"),
        (
            "int",
            "ms) STORED, ADD COLUMN x int GENERATED ALWAYS AS (1",
            "has no partner",
        ),
        ("int DEFAULT 5", "ms", "is not a type"),
        ("serial", "ms", "is not a type"),
    ] {
        let fault = judged(&mut conn, type_name, text)
            .await
            .expect_err(text)
            .to_string();
        assert!(fault.contains(expected), "{text}: {fault}");
    }
    Ok(())
}

#[tokio::test]
async fn a_check_leaves_nothing_behind_and_the_surrounding_transaction_alive() -> Outcome {
    let (_database, mut conn) = prepared().await?;
    engine::sql::execute_script(&mut conn, "BEGIN").await?;
    for text in ["ms / 1000", "random()", "nosuch", "1 +"] {
        let _ = judged(&mut conn, "int", text).await;
    }
    let left = "SELECT count(*) FROM pg_class WHERE relpersistence = 't'";
    assert_eq!(engine::sql::scalar::<i64>(left).fetch_one(&mut conn).await?, 0);
    Ok(())
}

/// Names that random text rarely hits, then random ones.
fn nasty_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "select", "a b", "\"", "\"\"", "a\"b", "'", "\\", "é", "𝄞", "a\nb", "$1", "--", "/*", "%", "U&", " ",
    ]
    .map(str::to_owned)
    .to_vec();
    let seed = fastrand::u64(..);
    // libtest shows it when the test fails.
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    while names.len() < 200 {
        let name: String = (0..random.usize(1..20))
            .map(|_| random.char('\u{1}'..'\u{2fff}'))
            .collect();
        if name.len() <= ident::MAX_BYTES {
            names.push(name);
        }
    }
    names
}

#[tokio::test]
async fn the_server_reads_quoted_names_and_literals_as_what_they_were() -> Outcome {
    let (_database, mut conn) = prepared().await?;
    for setting in ["on", "off"] {
        engine::sql::execute_script(&mut conn, format!("SET standard_conforming_strings = {setting}"))
            .await?;
        for name in nasty_names() {
            let text = format!(
                "SELECT {} FROM (SELECT 1 AS {}) AS t",
                ident::literal(&name),
                ident::quote(&name)?
            );
            let row = engine::sql::query(text).fetch_one(&mut conn).await?;
            use sqlx::{Column as _, Row as _};
            assert_eq!(row.get::<String, _>(0), name);
            let text = format!("SELECT * FROM (SELECT 1 AS {}) AS t", ident::quote(&name)?);
            assert_eq!(
                engine::sql::query(text).fetch_one(&mut conn).await?.columns()[0].name(),
                name
            );
        }
    }
    Ok(())
}
