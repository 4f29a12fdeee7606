//! What a trigger does with a row it cannot mirror as it was written: its key goes to the ledger's quarantine, without any value.
//!
//! One open entry a row, column and kind, but for lost writes, which all count. That is asked first, instead of left to a conflict
//! clause: a clause of the application's own statement (INSERT OR REPLACE) takes the place of every clause in a trigger.

use super::body::{Place, Scene};
use super::refuse;
use super::{Authority, OnDownError, new, old};
use crate::sqlite::ident::{self, IdentError, MAIN};

/// Why a row is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `down` could not be carried out while old is the authority: old and new agree afterwards, so looking at the row again would show nothing.
    Lost,
    /// `down` could not be carried out while new is the authority: the two sides tell different things now.
    Closed,
    /// Both sides were written and disagree, while old is the authority.
    OldWon,
    /// The same, while new is.
    NewWon,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Closed => "closed",
            Self::OldWon | Self::NewWon => "conflict",
        }
    }

    /// The codes of PostgreSQL: nothing raised; the old column refuses NULL.
    fn sqlstate(self) -> &'static str {
        match self {
            Self::Lost | Self::Closed => "23502",
            Self::OldWon | Self::NewWon => "00000",
        }
    }

    /// For people; never a value of the row.
    fn message(self, place: &Place<'_>) -> String {
        let (column, new) = (&place.down.column, &place.pair.new);
        match self {
            Self::Lost => format!(
                "a write of the new side was lost: computing {column:?} from {new:?} raised an error; {column:?} was kept"
            ),
            Self::Closed => format!(
                "the way back is closed for this row: computing {column:?} from {new:?} raised an error; {new:?} was written and {column:?} was kept"
            ),
            Self::OldWon => format!("both sides of {new:?} were written and disagree; the old side won"),
            Self::NewWon => format!("both sides of {new:?} were written and disagree; the new side won"),
        }
    }
}

/// What this write of one pair leaves to be told, while the row still is what the application left; a write that is to fail fails here.
pub(super) fn tell(scene: &Scene<'_>, place: &Place<'_>) -> Result<Vec<String>, IdentError> {
    let (conflict, won, unable) = match scene.authority {
        Authority::Old => (old::conflict(scene, place)?, Kind::OldWon, Kind::Lost),
        Authority::New => (new::conflict(scene, place)?, Kind::NewWon, Kind::Closed),
    };
    let mut statements = vec![note(scene, place, won, &conflict)?];
    if let Some(when) = refuse::is_unable(scene, place)? {
        statements.push(match place.down.on_error {
            OnDownError::Close => note(scene, place, unable, &when)?,
            OnDownError::Fail => refuse::unable(scene, place, &when),
        });
    }
    Ok(statements)
}

fn note(scene: &Scene<'_>, place: &Place<'_>, kind: Kind, when: &str) -> Result<String, IdentError> {
    let mirror = scene.mirror;
    let key = key(scene)?;
    let named = [
        ("job_tag", ident::literal(tag_of(&mirror.function))),
        ("table_schema", ident::literal(MAIN)),
        ("table_name", ident::literal(&mirror.table.name)),
        ("row_key", key),
        ("new_column", ident::literal(&place.pair.new)),
        ("kind", ident::literal(kind.as_str())),
    ];
    let mut text = format!(
        "INSERT INTO sluice_quarantine ({}, sqlstate, message)\n        SELECT {}, {}, {}\n        FROM {} WHERE {} AND {when}",
        named.each_ref().map(|(name, _)| *name).join(", "),
        named.each_ref().map(|(_, value)| value.as_str()).join(", "),
        ident::literal(kind.sqlstate()),
        ident::literal(&kind.message(place)),
        scene.row.table,
        scene.row.here(),
    );
    if kind != Kind::Lost {
        let same = named
            .each_ref()
            .map(|(name, value)| format!("q.{name} = {value}"));
        text.push_str(&format!(
            "\n        AND NOT EXISTS (SELECT 1 FROM sluice_quarantine AS q WHERE {} AND q.resolved_at IS NULL)",
            same.join(" AND ")
        ));
    }
    Ok(text)
}

/// The key that names the row, as JSON; its row id if it has none. JSON has no bytes, and `json_object` raises for them: they are named
/// by their hexadecimal digits.
fn key(scene: &Scene<'_>) -> Result<String, IdentError> {
    if scene.mirror.key.is_empty() {
        return Ok(format!("json_object('rowid', NEW.{})", scene.row.row));
    }
    let parts: Result<Vec<_>, IdentError> = scene
        .mirror
        .key
        .iter()
        .map(|column| {
            let cell = scene.row.cell(column)?;
            let name = ident::literal(column);
            Ok(format!(
                "{name}, CASE typeof(NEW.{cell}) WHEN 'blob' THEN hex(NEW.{cell}) ELSE NEW.{cell} END"
            ))
        })
        .collect();
    Ok(format!("json_object({})", parts?.join(", ")))
}

/// `sluice_<tag>_<n>` without its ends; another name as it is.
fn tag_of(function: &str) -> &str {
    function
        .strip_prefix("sluice_")
        .and_then(|rest| rest.split('_').next())
        .unwrap_or(function)
}
