//! The way back from every state before the drop, under an application that caches its flags: the schema is what it was, and no
//! write is lost. What [`back_from`] does is the same on either engine.

use anyhow::Context as _;
use ledger::JobState;
use ledger::commands::{Command, FlipTo};
use proto::JobId;
use testbed::embedded::{ALL, Embedded, Part};
use testbed::place::Place;
use testbed::traffic::Shape;

use super::cutover::{first_write_step, flag_is, start, walk};
use super::ground::{Outcome, applied, database, refused};
use super::moves::{self, FAX, Move, NEW, OLD, SECONDS, new_is_used, settled, some_rows_filled, submitted};

/// Where a job is when somebody goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum From {
    /// `classified`, and nobody has approved it.
    Gate,
    /// `expanding`, and nobody does the work.
    Expanding,
    /// `backfilling`, with rows done and rows left.
    Backfilling,
    /// The same, after a command.
    Paused,
    /// `verified`; no flag was moved.
    Verified,
    /// The same, after our triggers were found to be off.
    Held,
    /// `flipping-reads`, and the new release reads the new side.
    FlippingReads,
    /// `flipping-writes` at the first step: some rows are written on the new side, others on the old one.
    FlippingWrites,
    /// `contract-ready`: the new release writes the new side only.
    ContractReady,
    /// The same, after a command.
    Aborted,
    /// The same, after somebody had made what kept old from being hidden.
    Refused,
    /// `soft-dropped`: old has another name.
    SoftDropped,
}

impl From {
    fn spec(self, shop: Move) -> String {
        match self {
            Self::Gate => shop.gated(),
            Self::Backfilling | Self::Paused => shop.by_hand() + "[backfill]\nmax_rows_per_second = 100\n",
            Self::Expanding
            | Self::Verified
            | Self::FlippingReads
            | Self::FlippingWrites
            | Self::ContractReady
            | Self::Aborted
            | Self::Held
            | Self::Refused
            | Self::SoftDropped => shop.by_hand(),
        }
    }

    /// Statements of the new release use the new side there.
    fn is_flipped(self) -> bool {
        self >= Self::FlippingReads
    }

    /// Takes a job there.
    async fn go(self, embedded: &Embedded, place: Place<'_>, shop: Move) -> anyhow::Result<JobId> {
        let spec = self.spec(shop);
        if self == Self::Gate {
            let job = embedded.submit(place, &spec).await?;
            embedded.until(job, &[JobState::Classified]).await?;
            let waits = "SELECT coalesce(reason, '') FROM sluice.job";
            moves::until(place, "the job waits at its gate", waits, |why: &String| {
                why.contains("gate")
            })
            .await?;
            return Ok(job);
        }
        let job = submitted(embedded, place, &spec).await?;
        match self {
            Self::Gate => {}
            Self::Expanding => walk(embedded, job, JobState::Expanding).await?,
            Self::Backfilling => some_rows_filled(place).await?,
            Self::Paused => {
                some_rows_filled(place).await?;
                applied(embedded, job, Command::Pause).await?;
            }
            Self::Verified => walk(embedded, job, JobState::Verified).await?,
            Self::FlippingReads => {
                walk(embedded, job, JobState::FlippingReads).await?;
                flag_is(embedded, job, "track.seconds.read", 10).await?;
                applied(embedded, job, Command::Flip { to: FlipTo::Forward }).await?;
                new_is_used(embedded, place, job, shop).await?;
            }
            Self::FlippingWrites => {
                walk(embedded, job, JobState::FlippingReads).await?;
                first_write_step(embedded, job).await?;
                written_on_new(place).await?;
            }
            // The old release is gone before anybody goes on from there.
            Self::ContractReady | Self::SoftDropped => {
                walk(embedded, job, JobState::ContractReady).await?;
                written_on_new(place).await?;
            }
            Self::Aborted => {
                walk(embedded, job, JobState::ContractReady).await?;
                applied(embedded, job, Command::Abort).await?;
                written_on_new(place).await?;
            }
            Self::Held => {
                walk(embedded, job, JobState::Verified).await?;
                switch_off(place, shop).await?;
                embedded.until(job, &[JobState::Held]).await?;
            }
            Self::Refused => {
                walk(embedded, job, JobState::ContractReady).await?;
                let ([old, _], name) = (shop.sides, shop.name);
                let (make, unmake) = match place {
                    Place::Server(_) => (
                        format!("CREATE VIEW seen AS SELECT {old} FROM {name}"),
                        "DROP VIEW seen",
                    ),
                    Place::File(_) => (format!("CREATE INDEX seen ON {name} (note)"), "DROP INDEX seen"),
                };
                place.execute(&make).await?;
                applied(embedded, job, Command::Approve { gate: None }).await?;
                embedded.until(job, &[JobState::Held]).await?;
                place.execute(unmake).await?;
                written_on_new(place).await?;
            }
        }
        Ok(job)
    }
}

/// Writes are not mirrored any more.
async fn switch_off(place: Place<'_>, shop: Move) -> Outcome {
    let name = shop.name;
    let off = match place {
        Place::Server(_) => format!("ALTER TABLE {name} DISABLE TRIGGER USER"),
        Place::File(_) => {
            let ours = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'sluice_*_u'";
            format!("DROP TRIGGER \"{}\"", place.value::<String>(ours).await?)
        }
    };
    place.execute(&off).await
}

/// Waits until new is the authority and the application has written it since.
pub(crate) async fn written_on_new(place: Place<'_>) -> Outcome {
    let authority: String = place.value("SELECT authority FROM sluice.job").await?;
    anyhow::ensure!(authority == "new", "the authority is {authority}");
    let writes = place.writes_of_new();
    let before: i64 = place.value(writes).await?;
    moves::until(place, "the new side is written", writes, |now: &i64| {
        *now > before
    })
    .await
}

/// Under both releases, but for the old one where it cannot work: whoever approves that old is hidden has it gone.
pub(crate) async fn back(shop: Move, place: Place<'_>, from: From) -> Outcome {
    shop.make(place, 2000).await?;
    let before = place.schema_dump().await?;
    let rests_at = matches!(from, From::Verified | From::Held).then_some(JobState::Verified);
    let mut embedded = Embedded::connect(place).await?.resting_at(rests_at);
    embedded.start_parts(if from == From::Expanding {
        &[Part::Planner]
    } else {
        &ALL
    });
    let new = shop.new_release(place).await?;
    let mut old = Some(shop.old_release(place, OLD).await?);
    let job = from.go(&embedded, place, shop).await?;
    if from == From::SoftDropped {
        if let Some(old) = old.take() {
            settled(old, place, Shape::Both).await?;
        }
        walk(&embedded, job, JobState::SoftDropped).await?;
        written_on_new(place).await?;
    }
    if from == From::Expanding {
        let command = Command::Rollback {
            discard: true,
            accept_loss: false,
        };
        applied(&embedded, job, command).await?;
        embedded.start_parts(&ALL[1..]);
        embedded
            .until(job, &[JobState::RolledBack, JobState::Held])
            .await?;
    } else {
        embedded.roll_back(job, true).await?;
    }
    // The old shape serves everybody again.
    shop.goes_on(place, NEW, 20).await?;
    if let Some(old) = old {
        settled(old, place, Shape::Old).await?;
    }
    let on_new = settled(new, place, Shape::Old).await?;
    assert_eq!(
        on_new > 0,
        from.is_flipped(),
        "{on_new} statements of the new release used the new side"
    );
    assert_eq!(
        place.schema_dump().await?,
        before,
        "the schema is not what it was"
    );
    let authority: String = place.value("SELECT authority FROM sluice.job").await?;
    assert_eq!(authority, "old");
    assert_eq!(embedded.job(job).await?.state, JobState::RolledBack);
    embedded.stop().await
}

/// Each migration in a place of its own, both at once: most of it is waiting.
pub(crate) async fn back_from<P>(from: From, place: impl AsyncFn() -> anyhow::Result<P>) -> Outcome
where
    for<'a> &'a P: Into<Place<'a>>,
{
    let (seconds, fax) = (place().await?, place().await?);
    let (seconds, fax) = tokio::join!(
        back(SECONDS, (&seconds).into(), from),
        back(FAX, (&fax).into(), from)
    );
    seconds.context("a replaced column")?;
    fax.context("a renamed column")
}

#[tokio::test]
async fn from_a_gate() -> Outcome {
    back_from(From::Gate, database).await
}

#[tokio::test]
async fn from_expanding() -> Outcome {
    back_from(From::Expanding, database).await
}

#[tokio::test]
async fn from_backfilling() -> Outcome {
    back_from(From::Backfilling, database).await
}

#[tokio::test]
async fn while_paused() -> Outcome {
    back_from(From::Paused, database).await
}

#[tokio::test]
async fn from_verified() -> Outcome {
    back_from(From::Verified, database).await
}

#[tokio::test]
async fn from_flipping_reads() -> Outcome {
    back_from(From::FlippingReads, database).await
}

#[tokio::test]
async fn from_flipping_writes() -> Outcome {
    back_from(From::FlippingWrites, database).await
}

#[tokio::test]
async fn from_contract_ready() -> Outcome {
    back_from(From::ContractReady, database).await
}

#[tokio::test]
async fn from_aborted() -> Outcome {
    back_from(From::Aborted, database).await
}

#[tokio::test]
async fn while_held() -> Outcome {
    back_from(From::Held, database).await
}

#[tokio::test]
async fn while_held_because_old_cannot_be_hidden() -> Outcome {
    back_from(From::Refused, database).await
}

#[tokio::test]
async fn from_soft_dropped() -> Outcome {
    back_from(From::SoftDropped, database).await
}

/// Whoever approves what cannot be undone is told so.
pub(crate) async fn none_after_the_drop(shop: Move, place: Place<'_>) -> Outcome {
    shop.make(place, 200).await?;
    let embedded = start(place).await?;
    let spec = shop.quick().replace("watch = \"1s\"", "watch = \"1h\"");
    let job = submitted(&embedded, place, &spec).await?;
    embedded.until(job, &[JobState::ContractReady]).await?;
    let why = "SELECT coalesce(reason, '') FROM sluice.job";
    moves::until(place, "the gate says why", why, |why: &String| {
        why.contains("no way back") && why.contains("approval without evidence")
    })
    .await?;
    walk(&embedded, job, JobState::Watching).await?;
    for discard in [false, true] {
        let back = Command::Rollback {
            discard,
            accept_loss: true,
        };
        let why = refused(&embedded, job, back).await?;
        assert!(why.contains("no way back"), "{why}");
    }
    let (name, [_, new]) = (shop.name, shop.sides);
    place
        .apply(&format!("INSERT INTO {name} (id, {new}) VALUES (-1, '4')"))
        .await?;
    embedded.stop().await
}

#[tokio::test]
async fn not_after_the_drop_and_the_approval_said_so() -> Outcome {
    none_after_the_drop(SECONDS, (&database().await?).into()).await
}
