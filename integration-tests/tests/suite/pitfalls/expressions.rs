//! Traps 4, 5 and 6: what expressions can do to a migration.

use ledger::commands::Command;
use testbed::database::Role;
use testbed::embedded::{Embedded, faults};

use crate::stages::ground::{Outcome, applied, ask, database, held, sweeps, tracks};

const NUMBER: &str = r#"
name = "code-number"
[[change]]
kind = "add_column"
table = "reading"
column = "number"
type = "integer"
up = "code::integer"
"#;

/// Trap 4: in a WHEN clause this would fail the application's write.
#[tokio::test]
async fn an_expression_that_raises_fails_no_write_of_the_application() -> Outcome {
    let database = database().await?;
    let create = "CREATE TABLE reading (id integer PRIMARY KEY, code text, note text); INSERT INTO reading VALUES (1, '1', 'a'), (2, 'two', 'b')";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["reading"]).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, NUMBER).await?;
    held(&embedded, job).await?;
    for write in [
        "UPDATE reading SET note = 'c'",
        "UPDATE reading SET code = 'three' WHERE id = 1",
        "INSERT INTO reading VALUES (4, 'four', 'd') ON CONFLICT (id) DO UPDATE SET code = excluded.code",
        "UPDATE reading SET id = id + 10",
    ] {
        database.execute_as(Role::App, write).await?;
    }
    let rows = "SELECT string_agg(concat_ws(':', id, code, coalesce(number::text, '-'), note), ' ' ORDER BY id) FROM reading";
    assert_eq!(
        ask::<String>(&database, rows).await?,
        "11:three:-:c 12:two:-:c 14:four:-:d"
    );
    let when =
        "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'reading'::regclass AND tgqual::text LIKE '%{VAR %'";
    assert_eq!(ask::<i64>(&database, when).await?, 0);
    embedded.stop().await
}

/// Trap 4: a generated column is NULL inside BEFORE triggers.
#[tokio::test]
async fn an_expression_over_a_generated_column_is_not_accepted() -> Outcome {
    let database = database().await?;
    let create = "CREATE TABLE reading (id integer PRIMARY KEY, a integer, code text GENERATED ALWAYS AS (a::text) STORED)";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["reading"]).await?;
    let found = faults(&database, NUMBER).await;
    assert!(
        found.contains("generated column") && found.contains("code"),
        "{found}"
    );
    Ok(())
}

/// Trap 5: right under UTC, wrong under the server's own zone: endless rewrites, false mismatches.
#[tokio::test]
async fn what_depends_on_the_session_is_refused_and_what_is_pinned_agrees_everywhere() -> Outcome {
    let database = database().await?;
    let create = "CREATE TABLE reading (id integer PRIMARY KEY, at timestamptz, span interval, raw bytea, size float8);
        INSERT INTO reading SELECT n, '2026-01-01 23:30:00+00'::timestamptz + n * interval '17 minutes', n * interval '1 day 2 hours', sha256(n::text::bytea), n / 7.0
        FROM generate_series(1, 1500) AS n";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["reading"]).await?;
    let spec = |up: &str, type_name: &str| {
        format!(
            "name = \"day\"\n[[change]]\nkind = \"add_column\"\ntable = \"reading\"\ncolumn = \"day\"\ntype = \"{type_name}\"\nup = \"{up}\"\n"
        )
    };
    for up in [
        "at::date",
        "span::text::date",
        "to_char(at, 'YYYY-MM-DD')::text::date",
        "(at::text)::date",
        "date_trunc('day', at)::date",
    ] {
        let found = faults(&database, &spec(up, "date")).await;
        assert!(
            found.contains("test.toml:7") && found.contains("UTC"),
            "{up}: {found}"
        );
    }
    // The server prints these by the session's style; all of ours, and the application's, must give the same bytes.
    let pinned = spec(
        "extract(day FROM at AT TIME ZONE 'UTC')::text || ' ' || raw::text || ' ' || size::text",
        "text",
    );
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &pinned).await?;
    embedded.verified(job).await?;
    assert_eq!(sweeps(&database).await?, 1, "rows were rewritten");
    let write = "SET timezone = 'Asia/Tokyo'; SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex'; SET extra_float_digits = 0; SET datestyle = 'German';
        UPDATE reading SET span = span + interval '3 hours', at = at + interval '1 hour' WHERE id % 3 = 0;
        INSERT INTO reading VALUES (-1, '2026-05-05 23:59:59+00', '5 days', '\\xff', 0.1)";
    database.execute_as(Role::App, write).await?;
    applied(&embedded, job, Command::Verify).await?;
    embedded.verified(job).await?;
    let first: String = ask(&database, "SELECT day FROM reading WHERE id = -1").await?;
    assert_eq!(first, "5 \\xff 0.1");
    embedded.stop().await
}

/// Trap 6: the predicate would never become false, and the sweep never end.
#[tokio::test]
async fn an_expression_that_changes_by_itself_is_never_swept() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    let sequence = format!(
        "CREATE SEQUENCE track_seq; GRANT USAGE ON SEQUENCE track_seq TO {}",
        database.role(Role::Data)
    );
    database.execute_as(Role::Owner, &sequence).await?;
    let before = database.schema_dump().await?;
    for (up, type_name, names) in [
        ("gen_random_uuid()", "uuid", "gen_random_uuid"),
        ("now()", "timestamptz", "now"),
        ("random()", "double precision", "random"),
        ("clock_timestamp()", "timestamptz", "clock_timestamp"),
        ("CURRENT_DATE", "date", "line"),
        ("nextval('track_seq')", "bigint", "nextval"),
        ("'now'::timestamptz", "timestamptz", "now"),
        ("note || current_user", "text", "line"),
    ] {
        let spec = format!(
            "name = \"v\"\n[[change]]\nkind = \"add_column\"\ntable = \"track\"\ncolumn = \"c\"\ntype = \"{type_name}\"\nup = \"{up}\"\n"
        );
        let found = faults(&database, &spec).await;
        assert!(found.contains("test.toml:7"), "{up}: {found}");
        assert!(names == "line" || found.contains(names), "{up}: {found}");
    }
    assert_eq!(database.schema_dump().await?, before);
    Ok(())
}
