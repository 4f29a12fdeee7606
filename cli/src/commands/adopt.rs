//! `sluice adopt`: this database is the home of the ledger that is in it, from now on.

use std::path::Path;

use ledger::copies::{self, Found};
use ledger::jobs::Job;
use shared::clock::SystemClock;

use crate::actor::ActorArgs;
use crate::copies::list;
use crate::error::{Error, Outcome, chain};
use crate::out;
use crate::place::PlaceArgs;

/// Arguments of `sluice adopt`.
#[derive(clap::Args)]
pub struct AdoptArgs {
    /// The unfinished jobs of the copy go on in this database, as soon as a planner works on it: rows are written, flags move, columns are
    /// dropped when their gates are opened.
    #[arg(long)]
    unfinished_jobs_go_on_here: bool,
    /// This is a physical copy (a snapshot of the disk, a promoted base backup), which nothing tells from its original.
    #[arg(long)]
    snapshot: bool,
    /// Who commands.
    #[command(flatten)]
    actor: ActorArgs,
    /// Which database.
    #[command(flatten)]
    place: PlaceArgs,
}

/// Carries it out.
///
/// # Errors
/// [`Error::Refused`] where unfinished jobs would go on and nobody has said that they may; what keeps the ledger from being read or written.
pub async fn run(args: &AdoptArgs) -> Result<Outcome, Error> {
    let actor = args.actor.actor()?;
    let found = args.place.place()?.found().await?;
    let Some(why) = whence(&found, args.snapshot) else {
        out::answer(&format!(
            "ledger {} is at home here: there is nothing to adopt",
            found.ledger.id()
        ));
        out::note(
            "a physical copy (a snapshot of the disk, a promoted base backup) cannot be told from its original: if this is one, say --snapshot",
        );
        return Ok(Outcome::Done);
    };
    if !found.jobs.is_empty() && !args.unfinished_jobs_go_on_here {
        return Err(Error::Refused(unfinished(&why, &found.jobs)));
    }
    let adopted = copies::adopt(&found, &actor, SystemClock::shared().as_ref()).await?;
    out::answer(&format!(
        "adopted: this database is the home of its ledger now. {why}. The ledger has a new id, {} (it was {}), and leases of before are void",
        adopted.id,
        found.ledger.id()
    ));
    if !found.jobs.is_empty() {
        out::answer(&format!("these jobs go on here:\n{}", list(&found.jobs)));
    }
    for gate in &adopted.asked_again {
        out::answer(&format!(
            "to be approved again, because it was approved for another database: {gate}"
        ));
    }
    Ok(Outcome::Done)
}

/// From where it comes, as far as that is known; None: it is at home.
fn whence(found: &Found, snapshot: bool) -> Option<String> {
    match &found.elsewhere {
        None if snapshot => Some("It was taken for the original until now".to_owned()),
        None => None,
        Some(ledger::Error::Clone { why }) => Some(format!("It was made elsewhere ({why})")),
        Some(ledger::Error::Moved { was, is }) if Path::new(was).is_file() => Some(format!(
            "It was made at {was}, and the file is {is}; there still is a file at the old place: if that is the original, keep in mind that both \
             hold the same jobs"
        )),
        Some(ledger::Error::Moved { was, is }) => Some(format!("It was made at {was}, and the file is {is}")),
        Some(other) => Some(chain(other)),
    }
}

fn unfinished(why: &str, jobs: &[Job]) -> String {
    format!(
        "this copy holds unfinished jobs:\n{}\n{why}. Once it is adopted they go on in this database as soon as a planner works on it: rows are \
         written, flags move, columns are dropped when their gates are opened. If that is wanted, say --unfinished-jobs-go-on-here; if this is to \
         be an ordinary database again, use `sluice detach`. Nothing was changed",
        list(jobs)
    )
}
