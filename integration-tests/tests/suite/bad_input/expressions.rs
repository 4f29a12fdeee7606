//! Expressions that do not parse, have the wrong type, are volatile or depend on the session.

use super::{Outcome, adding, refused, tracks};
use crate::stages::ground::{ask, database};

#[tokio::test]
async fn an_expression_that_is_not_one_immutable_value_is_refused_with_its_line() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    for (up, words) in [
        ("milliseconds +", &["test.toml:7"][..]),
        ("milliseconds / 1000)", &["bracket", "balance"]),
        ("(milliseconds / 1000", &["bracket", "balance"]),
        (
            "milliseconds; DROP TABLE track",
            &["cannot be part of an expression"],
        ),
        ("milliseconds -- c", &["comment"]),
        ("milliseconds /* c */", &["comment"]),
        ("$1", &["cannot be part"]),
        ("name", &["another type", "integer"]),
        ("name::date::text::integer + 0", &["same result"]),
        ("millisecond / 1000", &["names a column", "milliseconds"]),
        ("lengthen(name)", &["function"]),
        ("(SELECT 1)", &["same row"]),
        ("max(milliseconds)", &["same row"]),
        ("row_number() OVER ()", &["same row"]),
        ("random()::integer", &["random", "immutable", "other rows"]),
        ("extract(hour FROM at)::integer", &["same result", "time zone"]),
        ("to_char(at, 'HH24')::integer", &["to_char", "time zone"]),
        (
            "current_setting('my.app')::integer",
            &["current_setting", "session"],
        ),
        ("pg_backend_pid()", &["pg_backend_pid"]),
        ("track.ctid::text::integer", &["test.toml:7"]),
        ("", &["empty"]),
    ] {
        let up = up.replace('\\', "\\\\").replace('"', "\\\"");
        let spec = adding(
            "track",
            &format!("column = \"c\"\ntype = \"integer\"\nup = \"{up}\"\n"),
        );
        let mut all = vec!["test.toml:7", "up"];
        all.extend(words);
        refused(&database, &spec, &all).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_way_back_that_does_not_fit_is_refused_with_its_line() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    for (rest, words) in [
        ("down = \"c || 'x'\"", &["test.toml:8", "down"][..]),
        ("down = \"c * random()\"", &["test.toml:8", "random"]),
        (
            "down = \"c * 1000\"\nreplaces = \"lenght\"",
            &["test.toml:9", "lenght"],
        ),
        (
            "down = \"c * 1000\"\nreplaces = \"name\"",
            &["test.toml:9", "does not read"],
        ),
    ] {
        let spec = adding(
            "track",
            &format!("column = \"c\"\ntype = \"integer\"\nup = \"milliseconds / 1000\"\n{rest}\n"),
        );
        refused(&database, &spec, words).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_type_that_a_column_cannot_have_is_refused_with_its_line() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let domain = "CREATE DOMAIN positive AS integer CHECK (VALUE > 0)";
    database
        .execute_as(testbed::database::Role::Owner, domain)
        .await?;
    for (type_name, words) in [
        ("intger", &["intger"][..]),
        ("integer NOT NULL", &["NOT NULL"]),
        ("integer DEFAULT 5", &["DEFAULT"]),
        ("serial", &["serial"]),
        ("record", &["record"]),
        ("positive", &["domain", "base type"]),
        ("integer); DROP TABLE track; --", &["type"]),
        ("", &["type"]),
    ] {
        let spec = adding("track", &format!("column = \"c\"\ntype = \"{type_name}\"\n"));
        let mut all = vec!["test.toml:6"];
        all.extend(words);
        refused(&database, &spec, &all).await?;
    }
    assert_eq!(ask::<i64>(&database, "SELECT count(*) FROM track").await?, 20);
    Ok(())
}
