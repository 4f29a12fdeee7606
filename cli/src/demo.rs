//! The demonstration: a table, an application that keeps writing to it, a migration through all six stages, and one that is taken back.
//!
//! It is the product that is shown, not a model of it: the roles are those of [`crate::embedded`], the progress is that of
//! `sluice run`, the checklist that of `sluice report`. What is its own is the application ([`crate::traffic`]), which knows the
//! last acknowledged write of each row it touched, and the judge: [`verdict`] believes only what is read again at the end, with
//! plain SQL, also of the rows that nobody touched. Only the waits are not those of a careful migration: seconds instead of days.
//!
//! [`ground`] makes the schema and removes it, whichever way the demonstration ends; `scene` drives jobs, `first` and `second` are
//! the two migrations, [`verdict`] and [`table`] the pure end.
//!
//! What would break it: a way out that goes around [`Ground::clear`]. So nothing between claiming the ground and clearing it
//! listens to Ctrl-C in another way than by ending with [`Halt::Interrupted`].

mod first;
pub mod ground;
mod scene;
mod second;
pub mod table;
pub mod verdict;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use shared::clock::Clock;
use shared::service::Shutdown;
use shared::units::{format_count, format_duration};

use crate::error::{Error, chain};
use crate::out;
use crate::place::Place;
use crate::traffic;

use ground::Ground;
use scene::Scene;
use verdict::Findings;

/// In whose name gates are approved and the second migration is taken back.
const ACTOR: &str = "the demo";

/// What a demonstration is made of.
#[derive(Debug)]
pub struct Demo {
    /// Where.
    pub place: Place,
    /// How the application reaches it.
    pub url: SecretString,
    /// Rows of the table.
    pub rows: u64,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Cancelled by Ctrl-C.
    pub shutdown: Shutdown,
}

/// Why it ends early. The ground is cleared either way.
#[derive(Debug)]
pub enum Halt {
    /// Ctrl-C.
    Interrupted,
    /// Something failed.
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<ledger::Error> for Halt {
    fn from(error: ledger::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<traffic::Error> for Halt {
    fn from(error: traffic::Error) -> Self {
        Self::Failed(Error::Process {
            doing: "the demo's application",
            source: error.into(),
        })
    }
}

/// Shows everything and leaves nothing behind; None after Ctrl-C.
///
/// # Errors
/// The database is not free for it, a migration stopped on its way, or something could not be removed.
pub async fn run(demo: &Demo) -> Result<Option<Findings>, Error> {
    let ground = Ground::claim(&demo.place, demo.rows).await?;
    let shown = Box::pin(show(demo, &ground)).await;
    demo.say(ground.removed());
    let cleared = ground.clear().await;
    match shown {
        Ok(findings) => cleared.map(|()| Some(findings)),
        Err(Halt::Interrupted) => cleared.map(|()| None),
        Err(Halt::Failed(error)) => {
            if let Err(left) = cleared {
                out::note(&chain(&left));
            }
            Err(error)
        }
    }
}

async fn show(demo: &Demo, ground: &Ground) -> Result<Findings, Halt> {
    let begun = demo.clock.monotonic();
    ground.admits(&demo.place).await?;
    ground.fill(&demo.shutdown).await?;
    demo.say(&format!(
        "{} has {} rows, made in {}",
        ground.table(),
        format_count(demo.rows),
        format_duration(demo.clock.monotonic().saturating_sub(begun))
    ));
    let migrated = demo.clock.monotonic();
    let application = first::begin(demo, ground.table()).await?;
    let mut scene = Scene::open(demo, ground).await?;
    let shown = both(&mut scene, application).await;
    // Also after a failure: what is in hand ends before its table goes.
    scene.close().await;
    let (first, second) = shown?;
    Ok(Findings {
        rows: demo.rows,
        took: demo.clock.monotonic().saturating_sub(migrated),
        first,
        second,
    })
}

async fn both(
    scene: &mut Scene<'_>,
    application: first::Releases,
) -> Result<(verdict::First, verdict::Second), Halt> {
    let (first, touched) = first::run(scene, application).await?;
    let second = second::run(scene, &touched).await?;
    Ok((first, second))
}

impl Demo {
    /// Tells the person who watches.
    fn say(&self, text: &str) {
        out::note(&format!("demo: {text}"));
    }

    /// Lets the application go on for a while.
    async fn wait(&self, duration: Duration) -> Result<(), Halt> {
        tokio::select! {
            biased;
            () = self.shutdown.stopping.cancelled() => Err(Halt::Interrupted),
            () = self.clock.sleep(duration) => Ok(()),
        }
    }
}
