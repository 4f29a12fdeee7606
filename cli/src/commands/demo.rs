//! `sluice demo`: a table of its own, an application beside it, and two migrations: one through all six stages, one taken back.

use clap::value_parser;
use engine::sqlite;
use secrecy::{ExposeSecret, SecretString};
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
    /// A PostgreSQL database for it instead of an SQLite file of its own: postgres://user@host:5432/database (the password may
    /// come from PGPASSWORD). The demo makes the schemas `sluice_demo` and `sluice` there. Whatever it made is removed at its end,
    /// also on Ctrl-C.
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
    let url = match &args.database_url {
        Some(url) if sqlite::session::is_url(url.expose_secret()) => {
            return Err(Error::Usage(
                "the demonstration makes an SQLite file of its own: leave --database-url out, or name a PostgreSQL database \
                 in which it may make a schema"
                    .to_owned(),
            ));
        }
        Some(url) => url.clone(),
        None => demo::ground::of_its_own(),
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
        url,
        rows: args.rows,
        clock,
        shutdown,
    };
    let Some(findings) = demo::run(&demo).await? else {
        out::note("demo: interrupted; nothing of it is left");
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
