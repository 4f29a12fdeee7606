//! `rename_column` carries everything, and takes everything back.

use ledger::commands::Command;
use testbed::database::Role;
use testbed::embedded::Embedded;
use testbed::traffic::{Column, Table};

use super::ground::{Outcome, Trip, applied, ask, database, there_and_back};

const SPEC: &str = r#"
name = "fax-to-fax-number"
[[change]]
kind = "rename_column"
table = "customer"
from = "fax"
to = "fax_number"
"#;

async fn customers(database: &testbed::database::Database<'_>) -> Outcome {
    let app = database.role(Role::App);
    let create = "CREATE TABLE line (number varchar(24) COLLATE \"C\" PRIMARY KEY);
         INSERT INTO line SELECT n::text FROM generate_series(0, 9) AS n;
         CREATE TABLE customer (
             id bigint PRIMARY KEY,
             fax varchar(24) COLLATE \"C\" NOT NULL DEFAULT '0' CHECK (fax <> ''),
             name text,
             CONSTRAINT fax_by_id UNIQUE (fax, id),
             CONSTRAINT fax_not_name CHECK (customer.fax <> name OR length(fax) < 20),
             CONSTRAINT fax_line FOREIGN KEY (fax) REFERENCES line ON UPDATE CASCADE
         );
         CREATE INDEX fax_plain ON customer (fax);
         CREATE INDEX fax_some ON customer (id, fax DESC) INCLUDE (name) WHERE fax > '5';
         CREATE INDEX fax_lower ON customer (lower(fax), (fax || '!'));
         COMMENT ON COLUMN customer.fax IS 'It''s a number';
         COMMENT ON INDEX fax_plain IS 'plain';
         ALTER TABLE customer ALTER COLUMN fax SET STATISTICS 250;
         INSERT INTO customer SELECT n, (n % 10)::text, repeat('x', 200) FROM generate_series(1, 2000) AS n;";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["customer"]).await?;
    database
        .execute_as(
            Role::Owner,
            &format!("GRANT SELECT (fax), UPDATE (fax) ON customer TO {app}"),
        )
        .await
        .map(drop)
}

/// Everything that hangs on a column, with the column's name and the objects' own taken out, in order.
fn hanging_on(column: &str) -> String {
    format!(
        "SELECT string_agg(what, E'\\n' ORDER BY what) FROM (
            SELECT concat_ws(' ', 'column', format_type(atttypid, atttypmod), attcollation::regcollation, attnotnull,
                attstattarget, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(attacl) AS a), col_description(attrelid, attnum)) AS what
            FROM pg_attribute WHERE attrelid = 'customer'::regclass AND attname = '{column}'
            UNION ALL
            SELECT concat_ws(' ', 'constraint', contype, convalidated, regexp_replace(pg_get_constraintdef(c.oid), '\\m{column}\\M', 'COLUMN', 'g'))
            FROM pg_constraint AS c JOIN pg_attribute AS a ON a.attrelid = conrelid AND a.attnum = ANY (conkey)
            WHERE conrelid = 'customer'::regclass AND attname = '{column}' AND contype <> 'u'
            UNION ALL
            SELECT concat_ws(' ', 'index', indisvalid, obj_description(indexrelid),
                regexp_replace(regexp_replace(pg_get_indexdef(indexrelid), 'INDEX \\S+ ON', 'INDEX ON'), '\\m{column}\\M', 'COLUMN', 'g'))
            FROM pg_index WHERE indrelid = 'customer'::regclass AND pg_get_indexdef(indexrelid) ~ '\\m{column}\\M'
        ) AS found"
    )
}

fn traffic() -> Table {
    let old = Column {
        value: |rng| rng.u32(0..10).to_string(),
        ..Column::text("fax")
    };
    Table::new("customer", "id", old, Column::text("name"))
}

#[tokio::test]
async fn a_renamed_column_has_everything_that_the_old_one_has() -> Outcome {
    let database = database().await?;
    customers(&database).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SPEC).await?;
    applied(&embedded, job, Command::Approve { gate: None }).await?;
    embedded.verified(job).await?;
    let old: String = ask(&database, &hanging_on("fax")).await?;
    let new: String = ask(&database, &hanging_on("fax_number")).await?;
    assert_eq!(new, old);
    assert_eq!(old.matches("index").count(), 4, "{old}");
    assert_eq!(old.matches("constraint").count(), 3, "{old}");
    // Both ways: an old release writes fax, a new one fax_number.
    let writes = "INSERT INTO customer (id, fax) VALUES (-1, '3');
        UPDATE customer SET fax_number = '9' WHERE id = 10;
        INSERT INTO customer (id, fax_number) VALUES (-2, '4')";
    database.execute_as(Role::App, writes).await?;
    let both = "SELECT string_agg(id || ':' || fax || ':' || fax_number, ' ' ORDER BY id) FROM customer WHERE id IN (-2, -1, 10)";
    // The default of the old column hides that it was not given: old wins, and it is told.
    assert_eq!(ask::<String>(&database, both).await?, "-2:0:0 -1:3:3 10:9:9");
    let told = "SELECT string_agg(row_key::text || ' ' || kind, ', ') FROM sluice.quarantine";
    assert_eq!(ask::<String>(&database, told).await?, "{\"id\": -2} conflict");
    embedded.stop().await
}

#[tokio::test]
async fn a_rename_is_filled_under_traffic_and_taken_back_with_all_it_carried() -> Outcome {
    let database = database().await?;
    customers(&database).await?;
    let trip = Trip {
        spec: SPEC,
        traffic: traffic(),
        wrong: &[("customer", "fax_number IS DISTINCT FROM fax")],
        // Nothing of what was carried may be in the way once nobody fills the column.
        afterwards: &[
            "INSERT INTO customer (id, fax) VALUES (-1, '3')",
            "UPDATE customer SET fax = '4' WHERE id = -1",
            "DELETE FROM customer WHERE id = -1",
        ],
    };
    there_and_back(&database, trip).await
}

#[tokio::test]
async fn what_cannot_be_carried_is_refused_by_name_and_nothing_is_touched() -> Outcome {
    let database = database().await?;
    customers(&database).await?;
    let more = "CREATE VIEW fax_list AS SELECT fax FROM customer;
        ALTER TABLE customer ADD COLUMN fax_upper text GENERATED ALWAYS AS (upper(fax)) STORED";
    database.execute_as(Role::Owner, more).await?;
    let before = database.schema_dump().await?;
    for (from, why) in [
        ("fax", "fax_upper"),
        ("id", "primary key"),
        ("fax_upper", "generated"),
        ("phone", "phone"),
    ] {
        let spec = SPEC.replace("from = \"fax\"", &format!("from = \"{from}\""));
        let faults = testbed::embedded::faults(&database, &spec).await;
        assert!(
            faults.contains(why) && faults.contains("test.toml:6"),
            "{from}: {faults}"
        );
    }
    assert_eq!(database.schema_dump().await?, before);
    assert!(ask::<bool>(&database, "SELECT to_regnamespace('sluice') IS NULL").await?);
    Ok(())
}

#[tokio::test]
async fn a_rollback_gets_its_turn_when_the_new_column_was_dropped_by_hand() -> Outcome {
    let database = database().await?;
    customers(&database).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SPEC).await?;
    applied(&embedded, job, Command::Approve { gate: None }).await?;
    embedded.verified(job).await?;
    database
        .execute_as(Role::Owner, "ALTER TABLE customer DROP COLUMN fax_number")
        .await?;
    let write = "INSERT INTO customer (id, fax) VALUES (-1, '3')";
    assert!(
        database.execute_as(Role::App, write).await.is_err(),
        "the mirror writes a column that is gone"
    );
    embedded.roll_back(job, false).await?;
    database.execute_as(Role::App, write).await?;
    embedded.stop().await
}
