//! `sluice status [JOB]`: from the ledger, so it works while planner and broker are dead.

use std::time::Duration;

use ledger::Ledger;
use shared::clock::{Clock as _, SystemClock};

use crate::error::{Error, Outcome};
use crate::out;
use crate::place::{Place, PlaceArgs};
use crate::status::{Reader, lines, list_text, read, text};

/// Between two looks of `--watch`.
const WATCH: Duration = Duration::from_secs(1);
/// Cursor home, and clear to the end of the screen: what is below stays calm.
const REPAINT: &str = "\x1b[H\x1b[2J";

/// Arguments of `sluice status`.
#[derive(clap::Args)]
pub struct StatusArgs {
    /// The job: its name, its id, or an unambiguous beginning of the id; all jobs if it is left out.
    #[arg(value_name = "JOB")]
    job: Option<String>,
    /// Look again every second, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// As one JSON object; with --watch, one object a line.
    #[arg(long)]
    json: bool,
    /// Which database.
    #[command(flatten)]
    place: PlaceArgs,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &StatusArgs) -> Result<Outcome, Error> {
    let place = args.place.place()?;
    let ledger = place.ledger().await?;
    let clock = SystemClock::new();
    loop {
        let reader = Reader {
            place: &place,
            ledger: &ledger,
            now: clock.now(),
        };
        let page = page(args, &reader).await?;
        if !args.watch {
            out::answer(&page);
            return Ok(Outcome::Done);
        }
        let screen = !args.json && std::io::IsTerminal::is_terminal(&std::io::stdout());
        out::answer(&if screen { format!("{REPAINT}{page}") } else { page });
        clock.sleep(WATCH).await;
    }
}

async fn page(args: &StatusArgs, reader: &Reader<'_>) -> Result<String, Error> {
    let (ledger, place): (&Ledger, &Place) = (reader.ledger, reader.place);
    let Some(wanted) = &args.job else {
        let jobs = lines(&ledger.jobs().await?);
        let object = || serde_json::json!({ "target": place.name, "jobs": jobs });
        return Ok(if args.json {
            shown(args, &object())
        } else {
            list_text(&jobs)
        });
    };
    let job = ledger.find_job(wanted).await?;
    let status = read(reader, &job).await?;
    Ok(if args.json {
        shown(args, &status)
    } else {
        text(&status)
    })
}

/// One object a line while watching, so that a program can read line by line.
fn shown(args: &StatusArgs, value: &impl serde::Serialize) -> String {
    if args.watch {
        serde_json::to_string(value).expect("a status serialises to JSON")
    } else {
        out::pretty(value)
    }
}
