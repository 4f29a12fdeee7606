//! Real input: the Chinook music shop, by the built binary as a user types it. Each of three migrations forward to `verified` and
//! back with `--discard`: schema and data must be as they were. Two of them through to `done` under an application that
//! follows the flags, beside a release that does not, up to the contract: the old column is gone, no write is lost. Once on a
//! server, and once on a file.

mod sqlite;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::oracle;
use testbed::postgres::Server;
use testbed::process::Settings;
use testbed::tracks::{self, DUMPS};
use testbed::traffic::{Column, Load, Release, Shape, Table, Traffic};

/// One migration of the shop.
struct Case {
    name: &'static str,
    table: &'static str,
    /// The `[[change]]`, without its table.
    change: &'static str,
    wrong: &'static str,
}

/// Keys of a release that knows only the old side begin here; those of the one that follows the flags end before.
const OLD_KEYS: i64 = 1_500_000_000;

const CASES: [Case; 3] = [
    Case {
        name: "track-seconds",
        table: "track",
        change: "kind = \"add_column\"\ncolumn = \"seconds\"\ntype = \"integer\"\nup = \"milliseconds / 1000\"\n\
                 down = \"seconds * 1000\"\nreplaces = \"milliseconds\"\n",
        wrong: "seconds IS DISTINCT FROM milliseconds / 1000",
    },
    Case {
        name: "fax-to-fax-number",
        table: "customer",
        change: "kind = \"rename_column\"\nfrom = \"fax\"\nto = \"fax_number\"\n",
        wrong: "fax_number IS DISTINCT FROM fax",
    },
    Case {
        name: "lower-email",
        table: "customer",
        change: "kind = \"add_column\"\ncolumn = \"email_lower\"\ntype = \"varchar(60)\"\nup = \"lower(email)\"\n",
        wrong: "email_lower IS DISTINCT FROM lower(email)",
    },
];

#[tokio::test]
async fn milliseconds_become_seconds_and_back() -> anyhow::Result<()> {
    there_and_back(&CASES[0]).await
}

#[tokio::test]
async fn fax_becomes_fax_number_and_back() -> anyhow::Result<()> {
    there_and_back(&CASES[1]).await
}

#[tokio::test]
async fn emails_are_lower_cased_and_back() -> anyhow::Result<()> {
    there_and_back(&CASES[2]).await
}

#[tokio::test]
async fn milliseconds_are_gone_at_the_end_and_every_write_is_there() -> anyhow::Result<()> {
    let table = tracks::traffic().keeping_existing_rows().moving_to(
        Column {
            value: |rng| rng.u32(0..10_000).to_string(),
            ..Column::integer("seconds")
        },
        |milliseconds| (milliseconds.parse::<i64>().unwrap_or_default() / 1000).to_string(),
        |seconds| (seconds.parse::<i64>().unwrap_or_default() * 1000).to_string(),
    );
    to_the_end(&CASES[0], table, "milliseconds").await
}

#[tokio::test]
async fn fax_is_gone_at_the_end_and_every_write_is_there() -> anyhow::Result<()> {
    let number = |name: &str| Column {
        value: |rng| format!("+1 {}", rng.u32(..)),
        ..Column::text(name)
    };
    let table = Table::new("customer", "customer_id", number("fax"), Column::text("company"))
        .with("first_name", "'A'")
        .with("last_name", "'B'")
        .with("email", "'a@b'")
        .keeping_existing_rows()
        .moving_to(number("fax_number"), str::to_owned, str::to_owned);
    to_the_end(&CASES[1], table, "fax").await
}

async fn to_the_end(case: &Case, table: Table, old: &str) -> anyhow::Result<()> {
    let Some(dump) = tracks::dump() else {
        eprintln!("SKIPPED {}: {DUMPS} is not set", case.name);
        return Ok(());
    };
    let database = shop(&dump).await?;
    let before: i64 = database
        .value(Role::Owner, &format!("SELECT count(*) FROM {}", case.table))
        .await?;
    let desk = Desk::new(&Settings::of(&database))?;
    let text = format!(
        "name = \"{}\"\n\n[[change]]\ntable = \"{}\"\n{}\n[flip]\nflag = \"shop\"\nsteps = [10, 100]\nsoak = \"1s\"\ncache = \"1s\"\n\
         [contract]\nsoak = \"1s\"\n[verify]\nwatch = \"1s\"\n",
        case.name, case.table, case.change
    );
    let spec = desk.write("spec.toml", &text)?;
    let release = Load {
        release: Release::Following {
            url: database.url(Role::Ledger),
            flag: "shop".to_owned(),
            cache: Duration::from_millis(300),
        },
        ..Load::default()
    };
    let app = database.url(Role::App);
    let old_table = table.clone().from_key(OLD_KEYS);
    // In this order: a release takes the rows that it finds for its own.
    let traffic = Traffic::start(&app, table, release).await?;
    let old_release = Traffic::start(&app, old_table, Load::default()).await?;
    let run = ["run", &spec, "--yes", "--as", "tester", "--target", "main"];
    desk.ok(&[&run[..], &["--until", "flipped"]].concat()).await?;
    // Whoever goes on from here has the old release gone.
    let old_release = old_release.stop().await?;
    old_release.assert_no_errors()?;
    old_release
        .assert_all_writes_found_in(&mut database.reader().await?, Shape::Both)
        .await?;
    desk.ok(&[&run[..], &["--report", "report.json"]].concat())
        .await?;
    let traffic = traffic.stop().await?;
    traffic.assert_no_errors()?;
    assert!(traffic.on_new > 0, "the application never used the new side");
    traffic
        .assert_all_writes_found_in(&mut database.reader().await?, Shape::New)
        .await?;
    let report: serde_json::Value = serde_json::from_str(&desk.read("report.json")?)?;
    assert_eq!(report["state"], "done", "{report:#}");
    assert_eq!(report["rows"]["mismatched"], 0, "{report:#}");
    let left: i64 = database
        .value(
            Role::Owner,
            &format!(
                "SELECT count(*) FROM pg_attribute WHERE attrelid = '{}'::regclass AND NOT attisdropped AND attname = '{old}'",
                case.table
            ),
        )
        .await?;
    assert_eq!(left, 0, "{old} is still there");
    let kept: i64 = database
        .value(
            Role::Owner,
            &format!("SELECT count(*) FROM {0} WHERE {0}_id < 1000000000", case.table),
        )
        .await?;
    assert_eq!(kept, before, "rows of the shop are missing");
    Ok(())
}

/// The runner says that the group is skipped without the folder; by hand, each test says so.
async fn there_and_back(case: &Case) -> anyhow::Result<()> {
    let Some(dump) = tracks::dump() else {
        eprintln!(
            "SKIPPED {}: {DUMPS} is not set to a folder with Chinook_PostgreSql.sql",
            case.name
        );
        return Ok(());
    };
    let database = shop(&dump).await?;
    let (schema, rows) = (database.schema_dump().await?, rows(&database, case.table).await?);
    let desk = Desk::new(&Settings::of(&database))?;
    let text = format!(
        "name = \"{}\"\n\n[[change]]\ntable = \"{}\"\n{}",
        case.name, case.table, case.change
    );
    let spec = desk.write("spec.toml", &text)?;

    desk.ok(&[
        "run",
        &spec,
        "--target",
        "main",
        "--as",
        "tester",
        "--until",
        "verified",
        "--report",
        "report.json",
    ])
    .await?;
    let report: serde_json::Value = serde_json::from_str(&desk.read("report.json")?)?;
    assert_eq!(report["state"], "verified", "{report:#}");
    let count = i64::try_from(rows.lines().count())?;
    assert_eq!(report["rows"]["total"], count, "{report:#}");
    assert_eq!(report["rows"]["mismatched"], 0, "{report:#}");
    let mut conn = database.superuser().await?;
    assert_eq!(oracle::mismatched(&mut conn, case.table, case.wrong).await?, 0);

    desk.ok(&[
        "rollback",
        case.name,
        "--discard",
        "--target",
        "main",
        "--as",
        "tester",
    ])
    .await?;
    assert_eq!(
        database.schema_dump().await?,
        schema,
        "the schema is not as it was"
    );
    assert_eq!(
        self::rows(&database, case.table).await?,
        rows,
        "the rows are not as they were"
    );
    Ok(())
}

/// The shop with the documented roles. The dump belongs to the owner.
async fn shop(dump: &Path) -> anyhow::Result<Database<'static>> {
    let database = Database::new(Server::shared().await?).await?;
    database.load(Role::Owner, dump).await?;
    database.grant_data_privileges(&["track", "customer"]).await?;
    Ok(database)
}

/// Every row as text, one a line, in a fixed order.
async fn rows(database: &Database<'_>, table: &str) -> anyhow::Result<String> {
    let query =
        format!("SELECT string_agg(to_jsonb(t)::text, E'\\n' ORDER BY to_jsonb(t)::text) FROM {table} AS t");
    database
        .value(Role::Owner, &query)
        .await
        .context("cannot read the rows")
}
