//! `sluice demo`: a table of its own, an application beside it, and two migrations: one through all six stages, one taken back.

use clap::value_parser;
use secrecy::SecretString;
use shared::clock::SystemClock;

use crate::demo::{self, Demo, verdict};
use crate::drive::interruptible;
use crate::error::{Error, Outcome};
use crate::out;
use crate::place::PlaceArgs;

/// Fewer rows than that, and the application would run out of rows that were there before it.
const FEWEST: u64 = 1_000;
/// More would not prove more, and take hours.
const MOST: u64 = 100_000_000;

/// Arguments of `sluice demo`.
#[derive(clap::Args)]
pub struct DemoArgs {
    /// A PostgreSQL database for it: postgres://user@host:5432/database (the password may come from PGPASSWORD). The demo makes
    /// the schemas `sluice_demo` and `sluice` there and removes them at its end, also on Ctrl-C.
    #[arg(long, value_name = "URL")]
    database_url: Option<SecretString>,
    /// Rows of the table that is migrated.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = value_parser!(u64).range(FEWEST..=MOST))]
    rows: u64,
    /// What came of it as one JSON object on standard output instead of a table.
    #[arg(long)]
    json: bool,
}

/// Carries it out.
///
/// # Errors
/// No database is named, it is not free for a demonstration, or a migration stopped on its way.
pub async fn run(args: &DemoArgs) -> Result<Outcome, Error> {
    let Some(url) = &args.database_url else {
        return Err(Error::Usage(
            "which database? the demonstration needs a PostgreSQL (14 or later) in which it may make a schema; type: \
             sluice demo --database-url postgres://user@host:5432/database"
                .to_owned(),
        ));
    };
    let place = PlaceArgs {
        database_url: Some(url.clone()),
        ..PlaceArgs::default()
    };
    let place = place.place()?;
    let clock = SystemClock::shared();
    let (shutdown, _listening) = interruptible(&place, &clock)?;
    let demo = Demo {
        place,
        url: url.clone(),
        rows: args.rows,
        clock,
        shutdown,
    };
    let Some(findings) = demo::run(&demo).await? else {
        out::note("demo: interrupted; nothing of it is left in the database");
        return Ok(Outcome::Refused);
    };
    let answer = verdict::answer(&findings);
    if args.json {
        out::json(&answer);
    } else {
        out::answer(&demo::table::text(&answer));
    }
    Ok(if answer.held() {
        Outcome::Done
    } else {
        Outcome::Refused
    })
}
