//! `sluice detach`: a database without Sluice again. Says what goes and what stays before it does anything.

use ledger::copies::{self, Found};
use shared::clock::SystemClock;

use crate::copies::{Unfinished, read};
use crate::error::{Error, Outcome};
use crate::out;
use crate::place::{Place, PlaceArgs};

/// Arguments of `sluice detach`.
#[derive(clap::Args)]
pub struct DetachArgs {
    /// Do it. Without this, what would go and what would stay is shown, and nothing is changed.
    #[arg(long)]
    confirm: bool,
    /// Also where the ledger is at home: the original, or a physical copy that nothing tells from it.
    #[arg(long)]
    original: bool,
    /// Which database.
    #[command(flatten)]
    place: PlaceArgs,
}

/// Carries it out.
///
/// # Errors
/// [`Error::Refused`] where the application's tables would not work without our triggers, or somebody works on the database; what
/// keeps the ledger from being read.
pub async fn run(args: &DetachArgs) -> Result<Outcome, Error> {
    let place = args.place.place()?;
    let found = place.found().await?;
    let unfinished = read(&found).await?;
    may(&place, args, &found, &unfinished).await?;
    if !args.confirm {
        out::answer(&format!(
            "would be taken away: the triggers of unfinished jobs with their functions, and the whole ledger ({}) with its plans, flags and audit \
             trail\n{}",
            found.ledger.id(),
            stays(&unfinished)
        ));
        out::note("nothing was changed; say --confirm to do it");
        return Ok(Outcome::Refused);
    }
    let removed = copies::detach(&found, SystemClock::shared().as_ref()).await?;
    let triggers = match removed.triggers.as_slice() {
        [] => "no trigger was in place".to_owned(),
        all => format!("triggers: {}", all.join(", ")),
    };
    out::answer(&format!(
        "taken away: the ledger with everything in it; {triggers}\n{}",
        stays(&unfinished)
    ));
    Ok(Outcome::Done)
}

async fn may(
    place: &Place,
    args: &DetachArgs,
    found: &Found,
    unfinished: &[Unfinished],
) -> Result<(), Error> {
    let refused = |why: String| Err(Error::Refused(format!("{why}. Nothing was changed")));
    let is_home = found.elsewhere.is_none();
    if is_home && !args.original {
        return refused(format!(
            "ledger {} is at home here, so this is the original, as far as the database tells. If Sluice is to be taken out of it (or if this is a \
             physical copy), say --original",
            found.ledger.id()
        ));
    }
    // A copy has the leases of its original, and nobody works on it.
    if is_home && let Some(planner) = found.ledger.lease_holder("planner").await? {
        return refused(format!(
            "{planner} works on this database: stop the services of this target first"
        ));
    }
    let obstacles: Vec<String> = unfinished.iter().filter_map(Unfinished::obstacle).collect();
    if !obstacles.is_empty() {
        let flag = place.flag();
        let first = if is_home {
            String::new()
        } else {
            format!("adopt the copy (`sluice adopt {flag}`), then ")
        };
        return refused(format!(
            "the tables of a job would not work without its triggers:\n  {}\nTo detach, {first}take the job back (`sluice rollback JOB {flag}`), \
             or let it go on to its end",
            obstacles.join("\n  ")
        ));
    }
    let dependents = copies::dependents(found).await?;
    if !dependents.is_empty() {
        return refused(format!(
            "something that is not Sluice's uses its objects, and would go with them:\n  {}\nDrop or change that first",
            dependents.join("\n  ")
        ));
    }
    Ok(())
}

fn stays(unfinished: &[Unfinished]) -> String {
    let mut lines = Vec::new();
    for one in unfinished {
        let steps = one.stays();
        if !steps.is_empty() {
            lines.push(format!(
                "  {} ({}): {}",
                one.job.name,
                one.job.state,
                steps.join("; ")
            ));
        }
    }
    let mut text = if lines.is_empty() {
        "stays: nothing of Sluice's".to_owned()
    } else {
        format!(
            "stays, with what it holds, and follows nothing any more:\n{}",
            lines.join("\n")
        )
    };
    if unfinished.iter().any(|one| one.plan.flip.is_some()) {
        text.push_str("\nflags go with the ledger: what still asks for one (`sluice.is_on`, the flag table) gets an error");
    }
    text
}
