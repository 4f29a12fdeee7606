//! `sluice plan --measure`: figures from a copy that nobody ever sees.

use serde_json::Value;
use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::postgres::Server;
use testbed::process::Settings;

use super::{Outcome, lower_email, office};

const MEASURE: [&str; 4] = ["--target", "main", "--measure", "--json"];

async fn measured(desk: &Desk, spec: &str) -> anyhow::Result<Value> {
    desk.json(&[&["plan", spec][..], &MEASURE].concat()).await
}

/// Where every row lies and who wrote it: whatever touches the table changes this.
async fn rows(database: &Database<'_>) -> anyhow::Result<String> {
    let rows = "SELECT md5(string_agg(concat_ws(' ', xmin, ctid, c), ',' ORDER BY id)) FROM customer AS c";
    database.value(Role::Owner, rows).await
}

/// Relations and functions of ours, and triggers of anybody.
async fn left(database: &Database<'_>) -> anyhow::Result<i64> {
    let left = "SELECT (SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE relname LIKE 'sluice%' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'sluice')
        + (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)
        + (SELECT count(*) FROM pg_proc WHERE proname LIKE 'sluice\\___________\\_%')";
    database.value(Role::Owner, left).await
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

#[tokio::test]
async fn figures_come_from_a_copy_and_the_live_table_is_not_touched() -> Outcome {
    let (database, desk) = office().await?;
    database.execute_as(Role::Owner, "ANALYZE customer").await?;
    let spec = desk.write(
        "spec.toml",
        &lower_email("[backfill]\nmax_rows_per_second = 100\n"),
    )?;
    let (schema, before) = (database.schema_dump().await?, rows(&database).await?);
    let plan = measured(&desk, &spec).await?;
    assert_eq!(plan["name"], "lower-email", "the plan's own keys stay");
    let one = &plan["measured"][0];
    assert_eq!(one["outcome"], "measured", "{one:#}");
    assert_eq!(one["table"]["name"], "customer");
    let (sample, whole, estimate) = (&one["sample"], &one["whole"], &one["estimate"]);
    assert_eq!(
        (&sample["rows"], &sample["changed"]),
        (&2000.into(), &2000.into()),
        "{one:#}"
    );
    assert_eq!(
        (&whole["rows"], &estimate["changed"]),
        (&2000.into(), &2000.into())
    );
    // A new version of a row is logged with all of its values.
    let a_row = number(estimate, "/wal_bytes/low") / 2000.0;
    assert!((50.0..2000.0).contains(&a_row), "{one:#}");
    // Test servers log no page in full.
    assert!(number(estimate, "/wal_bytes/high") >= number(estimate, "/wal_bytes/low"));
    assert!(number(sample, "/heap_growth") > 0.0 && number(sample, "/new_bytes") >= 2000.0 * 15.0);
    assert!(number(estimate, "/growth/high") >= number(estimate, "/growth/low"));
    assert!(number(sample, "/took") > 0.0);
    assert!((number(estimate, "/seconds_at_limits") - 20.0).abs() < 1e-9);
    assert_eq!(rows(&database).await?, before);
    assert_eq!(database.schema_dump().await?, schema);
    assert_eq!(left(&database).await?, 0);
    Ok(())
}

/// The mirror's function lives in the ledger's schema, which the first job makes.
#[tokio::test]
async fn the_mirror_is_tried_where_there_is_a_ledger() -> Outcome {
    let (database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    let one = &measured(&desk, &spec).await?["measured"][0];
    let why = one["mirror"]["not_measured"].as_str().unwrap_or_default();
    assert!(why.contains("schema `sluice`"), "{one:#}");

    let other = "CREATE TABLE other (id int PRIMARY KEY, v int NOT NULL); INSERT INTO other SELECT 1, 2";
    database.execute_as(Role::Owner, other).await?;
    database.grant_data_privileges(&["other"]).await?;
    let first = "name = \"first\"\n[[change]]\nkind = \"rename_column\"\ntable = \"other\"\nfrom = \"v\"\nto = \"w\"\n";
    let first = desk.write("first.toml", first)?;
    let to_verified = ["--target", "main", "--as", "ann", "--until", "verified"];
    desk.ok(&[&["run", &first][..], &to_verified].concat()).await?;
    let before = left(&database).await?;
    let one = &measured(&desk, &spec).await?["measured"][0];
    assert_eq!(one["mirror"]["measured"]["column"], "note", "{one:#}");
    let ratio = number(one, "/estimate/mirror_ratio");
    assert!(ratio.is_finite() && ratio > 0.0, "{one:#}");
    assert_eq!(one["sample"]["alone"], true);
    assert_eq!(left(&database).await?, before);

    desk.run(&["plan", &first, "--target", "main", "--measure"])
        .await?
        .exits(1)?
        .says(&["a job does this already"])?;
    Ok(())
}

/// Every shape that the copy has to follow, and a text that a person can read.
#[tokio::test]
async fn a_partitioned_table_with_generated_and_identity_columns_is_measured() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let table = "CREATE TABLE customer (id int GENERATED ALWAYS AS IDENTITY, email text NOT NULL,
            size int GENERATED ALWAYS AS (length(email)) STORED, PRIMARY KEY (id)) PARTITION BY RANGE (id);
        CREATE TABLE customer_1 PARTITION OF customer FOR VALUES FROM (1) TO (1500);
        CREATE TABLE customer_2 PARTITION OF customer FOR VALUES FROM (1500) TO (9999);
        CREATE INDEX ON customer (email);
        INSERT INTO customer (email) SELECT 'Name' || n FROM generate_series(1, 3000) AS n";
    database.execute_as(Role::Owner, table).await?;
    database
        .grant_data_privileges(&["customer", "customer_1", "customer_2"])
        .await?;
    let desk = Desk::new(&Settings::of(&database))?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    let before = rows(&database).await?;
    desk.run(&["plan", &spec, "--target", "main", "--measure"])
        .await?
        .exits(0)?
        .says(&[
            "measured: public.customer, on a copy of 3,000",
            "Write-ahead log: ",
            "Growth: ",
        ])?;
    assert_eq!(rows(&database).await?, before);
    assert_eq!(left(&database).await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_expression_that_raises_is_told_and_leaves_nothing() -> Outcome {
    let (database, desk) = office().await?;
    let spec = lower_email("").replace("lower(email)", "(1 / (id - 700))::text");
    let spec = desk.write("spec.toml", &spec)?;
    let before = rows(&database).await?;
    desk.run(&["plan", &spec, "--target", "main", "--measure"])
        .await?
        .exits(1)?
        .says(&[
            "not measured: public.customer",
            "run a batch over the sample",
            "division by zero",
        ])?;
    assert_eq!(rows(&database).await?, before);
    assert_eq!(left(&database).await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_measured_is_refused_with_the_reason() -> Outcome {
    let (database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.run(&["plan", &spec, "--catalog", "x.json", "--measure"])
        .await?
        .exits(2)?;
    let mut admin = database.superuser().await?;
    let owner = database.role(Role::Owner);
    let revoke = format!("REVOKE CREATE ON SCHEMA public FROM {owner}, PUBLIC");
    engine::sql::execute_script(&mut admin, revoke).await?;
    desk.run(&["plan", &spec, "--target", "main", "--measure"])
        .await?
        .exits(1)?
        .says(&["nothing can be measured", "GRANT CREATE ON SCHEMA \"public\""])?;
    assert_eq!(left(&database).await?, 0);
    Ok(())
}
