//! The file itself: syntax, keys, values.

use super::{Outcome, refused, tracks};
use crate::stages::ground::database;

/// Each with the line, and what was expected there.
#[tokio::test]
async fn what_is_wrong_with_the_file_is_said_with_its_line() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let change = "[[change]]\nkind = \"add_column\"\ntable = \"track\"\ncolumn = \"c\"\ntype = \"integer\"\n";
    for (spec, words) in [
        ("name = \"n", &["test.toml:1", "SL1001"][..]),
        (
            &format!("name = \"n\"\n{change}upp = \"milliseconds\"\n"),
            &["test.toml:7", "upp", "`up`"],
        ),
        (
            &format!("name = \"n\"\nfilp = 1\n{change}"),
            &["test.toml:2", "filp", "`flip`"],
        ),
        (
            &format!("name = \"n\"\n{change}[backfill]\nmax_paralel = 2\n"),
            &["test.toml:8", "max_paralel", "max_parallel"],
        ),
        (change, &["name", "SL1003"]),
        ("name = \"n\"\n", &["change", "SL1003"]),
        (
            "name = \"n\"\n[[change]]\nkind = \"add_column\"\ntable = \"track\"\n",
            &["column", "type"],
        ),
        (
            "name = \"n\"\n[[change]]\nkind = \"drop_table\"\n",
            &["test.toml:3", "drop_table", "add_column", "rename_column", "sql"],
        ),
        (
            &format!("name = \"n\"\n{change}[backfill]\nmax_parallel = 0\n"),
            &["test.toml:8", "max_parallel", "from 1"],
        ),
        (
            &format!("name = \"n\"\n{change}[throttle]\nmax_replica_lag = \"soon\"\n"),
            &["test.toml:8", "soon", "2s"],
        ),
        (
            &format!("name = \"Not OK!\"\n{change}"),
            &["test.toml:1", "Not OK!"],
        ),
        (&format!("name = 7\n{change}"), &["test.toml:1", "SL1004"]),
        (
            &format!("name = \"n\"\n{change}down = \"c\"\n"),
            &["test.toml:7", "down", "up"],
        ),
    ] {
        refused(&database, spec, words).await?;
    }
    Ok(())
}

/// An author mends a spec once.
#[tokio::test]
async fn every_fault_is_told_at_once() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let spec = "name = \"n\"
[[change]]
kind = \"add_column\"
table = \"trakc\"
column = \"c\"
type = \"integer\"
[[change]]
kind = \"add_column\"
table = \"track\"
column = \"name\"
type = \"text\"
[[change]]
kind = \"add_column\"
table = \"track\"
column = \"d\"
type = \"intger\"
up = \"now()\"
[[change]]
kind = \"rename_column\"
table = \"track\"
from = \"nmae\"
to = \"title\"
";
    let words = [
        "test.toml:4",
        "track",
        "test.toml:10",
        "test.toml:16",
        "intger",
        "test.toml:21",
        "`name`",
    ];
    refused(&database, spec, &words).await
}

#[tokio::test]
async fn changes_that_are_in_each_others_way_are_refused() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let add = |column: &str, up: &str| {
        format!(
            "[[change]]\nkind = \"add_column\"\ntable = \"track\"\ncolumn = \"{column}\"\ntype = \"integer\"\nup = \"{up}\"\n"
        )
    };
    let twice = format!("name = \"n\"\n{}{}", add("c", "milliseconds"), add("c", "id"));
    refused(&database, &twice, &["test.toml:11", "change 1", "`c`"]).await?;
    let chained = format!("name = \"n\"\n{}{}", add("c", "milliseconds"), add("d", "c + 1"));
    refused(&database, &chained, &["test.toml:13", "c"]).await
}

#[tokio::test]
async fn raw_sql_that_is_no_step_is_refused() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    for (run, words) in [
        ("run = \"BEGIN; SELECT 1; COMMIT\"", &["BEGIN", "transaction"][..]),
        ("run = \"-- nothing\"", &["no statement"]),
        ("run = \"\\\\d track\"", &["psql"]),
        (
            "run = \"SELECT 1; SELECT 2\"\ntransaction = false\ndone = \"SELECT true\"",
            &["2 statements"],
        ),
        ("run = \"SELECT 1\"\ntransaction = false", &["done"]),
        ("run = \"SELECT 1\"\ndone = \"DROP TABLE track\"", &["boolean"]),
    ] {
        let mut all = vec!["test.toml:"];
        all.extend(words);
        refused(
            &database,
            &format!("name = \"n\"\n[[change]]\nkind = \"sql\"\n{run}\n"),
            &all,
        )
        .await?;
    }
    Ok(())
}
