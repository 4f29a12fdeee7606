//! Tables of every shape: several at once, partitioned, without a key, empty, with names that need quoting.

use ledger::JobState;
use testbed::database::Role;
use testbed::embedded::Embedded;
use testbed::traffic::{Column, Table};

use super::ground::{Outcome, SECONDS, Trip, WRONG, ask, database, there_and_back, track_traffic, tracks};

const ALBUM: &str = r#"
[[change]]
kind = "rename_column"
table = "album"
from = "title"
to = "name"
"#;

#[tokio::test]
async fn several_changes_on_one_table_are_one_trigger_and_one_sweep() -> Outcome {
    let database = database().await?;
    tracks(&database, 2000).await?;
    let spec = format!(
        "{SECONDS}
[[change]]
kind = \"add_column\"
table = \"track\"
column = \"note_lower\"
type = \"text\"
up = \"lower(track.note)\"
[[change]]
kind = \"rename_column\"
table = \"track\"
from = \"note\"
to = \"remark\"
"
    );
    let trip = Trip {
        spec: &spec,
        traffic: track_traffic(),
        wrong: &[
            ("track", WRONG),
            (
                "track",
                "note_lower IS DISTINCT FROM lower(note) OR remark IS DISTINCT FROM note",
            ),
        ],
        afterwards: &["INSERT INTO track (id, milliseconds) VALUES (-1, 5)"],
    };
    there_and_back(&database, trip).await?;
    assert_eq!(
        ask::<i64>(&database, "SELECT count(DISTINCT fill) FROM sluice.sweep").await?,
        1
    );
    Ok(())
}

#[tokio::test]
async fn several_tables_are_one_job() -> Outcome {
    let database = database().await?;
    tracks(&database, 1500).await?;
    let album = "CREATE TABLE album (id integer PRIMARY KEY, title text);
        INSERT INTO album SELECT n, 'Title ' || n FROM generate_series(1, 1500) AS n";
    database.execute_as(Role::Owner, album).await?;
    database.grant_data_privileges(&["album"]).await?;
    let trip = Trip {
        spec: &format!("{SECONDS}{ALBUM}"),
        traffic: track_traffic(),
        wrong: &[("track", WRONG), ("album", "name IS DISTINCT FROM title")],
        afterwards: &[
            "INSERT INTO album VALUES (-1, 'a')",
            "UPDATE album SET title = 'b' WHERE id = 5",
        ],
    };
    there_and_back(&database, trip).await
}

/// Two levels, and the traffic's key updates move rows from one partition to another.
#[tokio::test]
async fn a_partitioned_table_is_filled_leaf_by_leaf() -> Outcome {
    let database = database().await?;
    let create = "CREATE TABLE track (id bigint PRIMARY KEY, milliseconds integer NOT NULL, note text NOT NULL DEFAULT '') PARTITION BY RANGE (id);
        CREATE TABLE track_low PARTITION OF track FOR VALUES FROM (MINVALUE) TO (1000000) PARTITION BY HASH (id);
        CREATE TABLE track_low_0 PARTITION OF track_low FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE track_low_1 PARTITION OF track_low FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE track_high PARTITION OF track FOR VALUES FROM (1000000) TO (MAXVALUE);
        INSERT INTO track SELECT n, n * 977 % 400000, repeat('x', 300) FROM generate_series(1, 3000) AS n;
        INSERT INTO track SELECT 1000000 + n, n * 977 % 400000, repeat('x', 300) FROM generate_series(1, 1000) AS n";
    database.execute_as(Role::Owner, create).await?;
    database
        .grant_data_privileges(&["track", "track_low_0", "track_low_1", "track_high"])
        .await?;
    let trip = Trip {
        spec: SECONDS,
        traffic: track_traffic(),
        wrong: &[("track", WRONG)],
        afterwards: &[
            "INSERT INTO track (id, milliseconds) VALUES (-1, 5), (2000000000, 6)",
            "UPDATE track SET id = 1999999999 WHERE id = -1",
        ],
    };
    there_and_back(&database, trip).await?;
    let leaves = "SELECT string_agg(DISTINCT leaf_name, ' ' ORDER BY leaf_name) FROM sluice.chunk";
    assert_eq!(
        ask::<String>(&database, leaves).await?,
        "track_high track_low_0 track_low_1"
    );
    Ok(())
}

#[tokio::test]
async fn a_table_without_a_primary_key_is_filled_too() -> Outcome {
    let database = database().await?;
    let create = "CREATE TABLE track (id bigint, milliseconds integer, note text);
        CREATE UNIQUE INDEX track_id ON track (id);
        INSERT INTO track SELECT n, n * 977 % 400000, repeat('x', 300) FROM generate_series(1, 2000) AS n";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["track"]).await?;
    let trip = Trip {
        spec: SECONDS,
        traffic: track_traffic(),
        wrong: &[("track", WRONG)],
        // Twice the same row, told apart by nothing.
        afterwards: &[
            "INSERT INTO track (milliseconds) VALUES (5), (5)",
            "DELETE FROM track WHERE id IS NULL",
        ],
    };
    there_and_back(&database, trip).await
}

#[tokio::test]
async fn an_empty_table_is_verified_and_stays_right() -> Outcome {
    let database = database().await?;
    tracks(&database, 0).await?;
    let trip = Trip {
        spec: SECONDS,
        traffic: track_traffic(),
        wrong: &[("track", WRONG)],
        afterwards: &["INSERT INTO track (id, milliseconds) VALUES (-1, 5)"],
    };
    there_and_back(&database, trip).await
}

#[tokio::test]
async fn a_table_that_nobody_writes_to_and_that_has_no_row_is_verified() -> Outcome {
    let database = database().await?;
    tracks(&database, 0).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    assert_eq!(embedded.verified(job).await?.state, JobState::Verified);
    embedded.stop().await
}

/// 63 bytes, one of them half a letter too many if cut.
const LONGEST: &str = "üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüx";

#[tokio::test]
async fn names_that_need_quoting_work_everywhere() -> Outcome {
    assert_eq!(LONGEST.len(), 63);
    let database = database().await?;
    database.create_schema("\"My Schema's\"").await?;
    let table = "\"My Schema's\".\"Select \"\"Odd\"\" Tablé\"";
    let create = format!(
        "CREATE TABLE {table} (\"Key; --\" bigint PRIMARY KEY, \"order\" integer NOT NULL CHECK (\"order\" >= 0), \"{LONGEST}\" text);
         CREATE INDEX \"An Index\" ON {table} (\"order\");
         CREATE INDEX \"Another %s\" ON {table} (\"order\") WHERE \"order\" > 5;
         INSERT INTO {table} SELECT n, n, repeat('Ä', 200) FROM generate_series(1, 1500) AS n"
    );
    database.execute_as(Role::Owner, &create).await?;
    database.grant_data_privileges(&[table]).await?;
    let longer = format!("{}y", &LONGEST[..LONGEST.len() - 1]);
    let spec = format!(
        r#"
name = "odd-names"
[[change]]
kind = "rename_column"
table = '''{table}'''
from = "order"
to = "Group 'by' \"all\""
[[change]]
kind = "add_column"
table = '''{table}'''
column = "{longer}"
type = "text"
up = 'lower("{LONGEST}")'
"#
    );
    let wrong = format!(
        "\"Group 'by' \"\"all\"\"\" IS DISTINCT FROM \"order\" OR \"{longer}\" IS DISTINCT FROM lower(\"{LONGEST}\")"
    );
    let trip = Trip {
        spec: &spec,
        traffic: Table::new(
            table,
            "\"Key; --\"",
            Column::integer("\"order\""),
            Column::text(&format!("\"{LONGEST}\"")),
        ),
        wrong: &[(table, &wrong)],
        afterwards: &[&format!("INSERT INTO {table} VALUES (-1, 5, 'Ä')")],
    };
    there_and_back(&database, trip).await
}
