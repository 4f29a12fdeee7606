//! The same shop in a file: tables and columns are spelled in another way, and the old columns that may not be NULL are rebuilt.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use testbed::desk::Desk;
use testbed::file::File;
use testbed::process::Settings;
use testbed::tracks::DUMPS;
use testbed::traffic::{Column, Load, Release, Shape, Table, Traffic};

use super::{Case, OLD_KEYS};

const CASES: [Case; 3] = [
    Case {
        name: "track-seconds",
        table: "Track",
        change: "kind = \"add_column\"\ncolumn = \"Seconds\"\ntype = \"INTEGER\"\nup = \"Milliseconds / 1000\"\n\
                 down = \"Seconds * 1000\"\nreplaces = \"Milliseconds\"\n",
        wrong: "Seconds IS NOT Milliseconds / 1000",
    },
    Case {
        name: "fax-to-fax-number",
        table: "Customer",
        change: "kind = \"rename_column\"\nfrom = \"Fax\"\nto = \"FaxNumber\"\n",
        wrong: "FaxNumber IS NOT Fax",
    },
    Case {
        name: "lower-email",
        table: "Customer",
        change: "kind = \"add_column\"\ncolumn = \"EmailLower\"\ntype = \"NVARCHAR(60)\"\nup = \"lower(Email)\"\n",
        wrong: "EmailLower IS NOT lower(Email)",
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
    let table = Table::new(
        "Track",
        "TrackId",
        Column::integer("Milliseconds"),
        Column::text("Composer"),
    )
    .with("Name", "'Untitled'")
    .with("MediaTypeId", "1")
    .with("UnitPrice", "0.99")
    .keeping_existing_rows()
    .moving_to(
        Column {
            value: |rng| rng.u32(0..10_000).to_string(),
            ..Column::integer("Seconds")
        },
        |milliseconds| (milliseconds.parse::<i64>().unwrap_or_default() / 1000).to_string(),
        |seconds| (seconds.parse::<i64>().unwrap_or_default() * 1000).to_string(),
    );
    to_the_end(&CASES[0], table, "Milliseconds").await
}

#[tokio::test]
async fn fax_is_gone_at_the_end_and_every_write_is_there() -> anyhow::Result<()> {
    let number = |name: &str| Column {
        value: |rng| format!("+1 {}", rng.u32(..)),
        ..Column::text(name)
    };
    let table = Table::new("Customer", "CustomerId", number("Fax"), Column::text("Company"))
        .with("FirstName", "'A'")
        .with("LastName", "'B'")
        .with("Email", "'a@b'")
        .keeping_existing_rows()
        .moving_to(number("FaxNumber"), str::to_owned, str::to_owned);
    to_the_end(&CASES[1], table, "Fax").await
}

async fn to_the_end(case: &Case, table: Table, old: &str) -> anyhow::Result<()> {
    let Some(file) = shop(case).await? else {
        return Ok(());
    };
    let count = format!("SELECT count(*) FROM {0} WHERE {0}Id < 1000000000", case.table);
    let before: i64 = file.value(&count).await?;
    let desk = Desk::new(&Settings::default())?;
    let text = format!(
        "{}\n[flip]\nflag = \"shop\"\nsteps = [10, 100]\nsoak = \"1s\"\ncache = \"1s\"\n\
         [contract]\nsoak = \"1s\"\n[verify]\nwatch = \"1s\"\n",
        spec(case)
    );
    let (spec, url) = (desk.write("spec.toml", &text)?, file.url());
    let slow = Load {
        pause: Duration::from_millis(20),
        ..Load::default()
    };
    let release = Load {
        release: Release::Following {
            url: url.clone(),
            flag: "shop".to_owned(),
            cache: Duration::from_millis(300),
        },
        ..slow.clone()
    };
    let old_table = table.clone().from_key(OLD_KEYS);
    // In this order: a release takes the rows that it finds for its own.
    let traffic = Traffic::start(&url, table, release).await?;
    let old_release = Traffic::start(&url, old_table, slow).await?;
    let run = ["run", &spec, "--yes", "--as", "tester", "--database-url", &url];
    desk.ok(&[&run[..], &["--until", "flipped"]].concat()).await?;
    // Whoever goes on from here has the old release gone.
    let old_release = old_release.stop().await?;
    old_release.assert_no_errors()?;
    old_release
        .assert_all_writes_found_in(&mut file.connection().await?, Shape::Both)
        .await?;
    desk.ok(&[&run[..], &["--report", "report.json"]].concat())
        .await?;
    let traffic = traffic.stop().await?;
    traffic.assert_no_errors()?;
    assert!(traffic.on_new > 0, "the application never used the new side");
    traffic
        .assert_all_writes_found_in(&mut file.connection().await?, Shape::New)
        .await?;
    let report: serde_json::Value = serde_json::from_str(&desk.read("report.json")?)?;
    assert_eq!(report["state"], "done", "{report:#}");
    assert_eq!(report["rows"]["mismatched"], 0, "{report:#}");
    let left = format!(
        "SELECT count(*) FROM pragma_table_xinfo('{}') WHERE name = '{old}'",
        case.table
    );
    assert_eq!(file.value::<i64>(&left).await?, 0, "{old} is still there");
    assert_eq!(
        file.value::<i64>(&count).await?,
        before,
        "rows of the shop are missing"
    );
    whole(&file).await
}

async fn there_and_back(case: &Case) -> anyhow::Result<()> {
    let Some(file) = shop(case).await? else {
        return Ok(());
    };
    let (schema, rows) = (file.schema_dump().await?, rows(&file, case.table).await?);
    let desk = Desk::new(&Settings::default())?;
    let (spec, url) = (desk.write("spec.toml", &spec(case))?, file.url());
    let run = ["run", &spec, "--yes", "--as", "tester", "--database-url", &url];
    desk.ok(&[&run[..], &["--until", "verified", "--report", "report.json"]].concat())
        .await?;
    let report: serde_json::Value = serde_json::from_str(&desk.read("report.json")?)?;
    assert_eq!(report["state"], "verified", "{report:#}");
    let count = i64::try_from(rows.lines().count())?;
    assert_eq!(report["rows"]["total"], count, "{report:#}");
    assert_eq!(report["rows"]["mismatched"], 0, "{report:#}");
    let wrong = format!("SELECT count(*) FROM {} WHERE {}", case.table, case.wrong);
    assert_eq!(file.value::<i64>(&wrong).await?, 0);
    assert_ne!(file.schema_dump().await?, schema);

    let back = [
        "rollback",
        case.name,
        "--discard",
        "--as",
        "tester",
        "--database-url",
        &url,
    ];
    desk.ok(&back).await?;
    assert_eq!(file.schema_dump().await?, schema, "the schema is not as it was");
    assert_eq!(
        self::rows(&file, case.table).await?,
        rows,
        "the rows are not as they were"
    );
    whole(&file).await
}

/// A rebuild moved a table that others refer to: every reference still holds, and the file is sound.
async fn whole(file: &File) -> anyhow::Result<()> {
    let broken: i64 = file
        .value("SELECT count(*) FROM pragma_foreign_key_check")
        .await?;
    assert_eq!(broken, 0, "rows refer to nothing");
    assert_eq!(file.value::<String>("PRAGMA integrity_check").await?, "ok");
    Ok(())
}

fn spec(case: &Case) -> String {
    format!(
        "name = \"{}\"\n\n[[change]]\ntable = \"{}\"\n{}",
        case.name, case.table, case.change
    )
}

/// The shop, if there is a folder of dumps.
async fn shop(case: &Case) -> anyhow::Result<Option<File>> {
    let folder = std::env::var_os(DUMPS).filter(|value| !value.is_empty());
    let dump = folder.map(|folder| PathBuf::from(folder).join("Chinook_Sqlite.sql"));
    let Some(dump) = dump.filter(|dump| dump.exists()) else {
        eprintln!(
            "SKIPPED {}: {DUMPS} is not set to a folder with Chinook_Sqlite.sql",
            case.name
        );
        return Ok(None);
    };
    let file = File::new().await?;
    let text = std::fs::read_to_string(&dump)?;
    let text = text.trim_start_matches('\u{feff}');
    file.execute(&format!("BEGIN; {text}; COMMIT"))
        .await
        .map_err(|_| anyhow::anyhow!("{} cannot be loaded", dump.display()))?;
    Ok(Some(file))
}

/// Every row as text, one a line, in a fixed order.
async fn rows(file: &File, table: &str) -> anyhow::Result<String> {
    let columns =
        format!("SELECT group_concat('quote(\"' || name || '\")', ', ') FROM pragma_table_xinfo('{table}')");
    let columns: String = file.value(&columns).await?;
    let query = format!(
        "SELECT group_concat(line, char(10) ORDER BY line) FROM \
         (SELECT replace(concat_ws(' ', {columns}), char(10), '') AS line FROM {table})"
    );
    file.value(&query).await.context("cannot read the rows")
}
