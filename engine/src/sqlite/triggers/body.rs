//! The two triggers of a mirror: what they hold, in which order, and why that comes to rest.
//!
//! A body is a list of statements about the one row that fired it. There are no variables: a later statement sees what an earlier one
//! did in the table itself, while OLD and NEW keep what the application's statement did. So first everything is *told* (counter,
//! quarantine), while the row still is what the application left; then the old side is *restored*, all columns in one statement;
//! then it is *refused* what the old column refuses or would have refused; last the new side is *derived*. What was written is asked of OLD
//! and NEW and cannot change on the way.
//!
//! **Why it comes to rest.** The body's own UPDATEs fire the update trigger again: always from the insert trigger (it is another
//! trigger), and from itself if `recursive_triggers` is on. That activation must find nothing to do, or do what the outer one is about
//! to do anyway:
//!
//! - Restoring changes old columns only. While old is the authority the inner activation derives every new column, as the outer one
//!   will. While new is, it would take the restored value for a write of the old side and put `up(down(new))` over the truth; so an
//!   old column that was changed to exactly what `down` gives is no write of the old side. (`down` must therefore give the same again over
//!   the row that it has restored.)
//! - Deriving changes new columns only, to exactly what `up` gives, and such a write of the new side is never carried back: 5432 ms
//!   would become 5 s and then 5000 ms.
//! - No statement touches a row that is as it should be, so our part of every chain of activations ends. (A trigger of the user's that
//!   writes the row at each update without end does so without us, too, once `recursive_triggers` is on.)
//!
//! The same holds of an activation by somebody else's trigger that writes the row between the application's write and ours: while new is the
//! authority it finds neither side changed; while old is, it derives the new columns too early, and [`super::old`] says
//! what becomes of a new side that was written alone.
//!
//! **Why all old columns are restored in one statement.** Between two, the inner activation would derive a new column whose own way back
//! has not been gone yet, and the application's write of it would be lost.
//!
//! What differs from PostgreSQL because of this is named in [`super::new`].

use super::row::{Laid, Row};
use super::{Authority, Down, Hidden, Mirror, Pair};
use super::{count, derive, new, quarantine, refuse, restore};
use crate::sqlite::ident::{self, IdentError};

/// What fires a trigger.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Insert,
    Update,
}

/// A trigger and the text that SQLite keeps of it.
pub(super) struct Trigger {
    pub(super) name: String,
    pub(super) text: String,
}

/// Both triggers of a mirror.
pub(super) struct Triggers {
    pub(super) insert: Trigger,
    pub(super) update: Trigger,
}

/// The names of the two triggers: for INSERT, for UPDATE.
pub(super) fn names(mirror: &Mirror) -> [String; 2] {
    ["i", "u"].map(|event| format!("{}_{event}", mirror.trigger))
}

/// What every part of a body is written for.
pub(super) struct Scene<'a> {
    pub(super) mirror: &'a Mirror,
    pub(super) row: Row<'a>,
    pub(super) event: Event,
    pub(super) authority: Authority,
}

/// A pair that has a way back.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) pair: &'a Pair,
    pub(super) down: &'a Down,
}

impl<'a> Scene<'a> {
    /// The pairs that have a way back, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = Place<'a>> + use<'a> {
        self.mirror.pairs.iter().filter_map(|pair| {
            let down = pair.down.as_ref()?;
            Some(Place { pair, down })
        })
    }
}

/// The triggers for every pair of the mirror, under an authority, while these columns bear hidden names.
pub(super) fn compile(
    mirror: &Mirror,
    row: &str,
    authority: Authority,
    hidden: &[Hidden],
) -> Result<Triggers, IdentError> {
    let [insert, update] = names(mirror);
    let trigger = |name: String, event| {
        let scene = Scene {
            mirror,
            row: Row::of(mirror, row, hidden)?,
            event,
            authority,
        };
        let text = text(&scene, &name)?;
        Ok::<_, IdentError>(Trigger { name, text })
    };
    Ok(Triggers {
        insert: trigger(insert, Event::Insert)?,
        update: trigger(update, Event::Update)?,
    })
}

fn text(scene: &Scene<'_>, name: &str) -> Result<String, IdentError> {
    let mut statements = Vec::new();
    statements.extend(count::count(scene)?);
    for place in scene.places() {
        statements.extend(quarantine::tell(scene, &place)?);
    }
    statements.extend(restore::restore(scene)?);
    match scene.authority {
        Authority::Old => {}
        Authority::New => statements.extend(new::put_back(scene)?),
    }
    for place in scene.places() {
        statements.push(refuse::left_out(scene, &place)?);
        statements.extend(refuse::null(scene, &place)?);
    }
    statements.extend(derive::derive(scene)?);
    let event = match scene.event {
        Event::Insert => "INSERT",
        Event::Update => "UPDATE",
    };
    // For people, and so that two bodies never are the same text, even where all is derived.
    Ok(format!(
        "CREATE TRIGGER {} AFTER {event} ON {} FOR EACH ROW\nBEGIN\n    -- The authority is {}.\n    {};\nEND",
        ident::quote(name)?,
        scene.row.table,
        scene.authority.as_str(),
        statements.join(";\n    "),
    ))
}

/// What earlier pairs restore, laid over the row for one that reads it.
pub(super) fn laid(
    scene: &Scene<'_>,
    place: &Place<'_>,
    reads: impl Fn(&str) -> bool,
) -> Result<Vec<Laid>, IdentError> {
    scene
        .places()
        .take_while(|earlier| earlier.pair.new != place.pair.new)
        .filter(|earlier| reads(&earlier.down.column))
        .map(|earlier| Ok((earlier.down.column.clone(), restore::value(scene, &earlier)?)))
        .collect()
}
