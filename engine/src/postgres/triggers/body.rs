//! The PL/pgSQL bodies of a mirror's function.
//!
//! Three passes over the pairs, under either authority. First it is *noted* which sides this write gave, compared as
//! bytes. Then, for each pair with a way back, it is decided what becomes of the old side ([`old`], [`new`]: the authorities
//! differ here). Last the new columns are *derived* from the old side, all of them while old is the authority, only those
//! whose old side changed once new is.
//!
//! Why every pass ends before the next begins: what one pair's `down` restored is not what the application wrote, and
//! must not count as such for another pair that reads the same column; and an `up` may read a column that another pair's
//! `down` has just restored.
//!
//! What may raise runs in a block that catches it: the application's write succeeds, the new value is NULL (or the old
//! value stays as it was), and the row goes to the quarantine by its key. What tells of the server's state
//! instead of the row (serialization, deadlock, no resources, a lock, shutdown) is raised again. `OTHERS` leaves a failed
//! ASSERT out, which an author's function may hold, so it is named.
//!
//! Names: every variable begins with `sluice_` and is qualified by the block's label, and `use_column` lets a column win
//! in the author's expressions.

mod count;
mod derive;
mod new;
mod note;
mod old;
mod quarantine;
mod related;
mod restore;
mod row;

use std::fmt::Write as _;

use self::row::Row;
use super::{Authority, Down, Hidden, Mirror, Pair};
use crate::postgres::ident::IdentError;

/// The body for every pair of the mirror, under an authority, while these columns bear hidden names.
pub(super) fn compile(
    mirror: &Mirror,
    authority: Authority,
    hidden: &[Hidden],
) -> Result<String, IdentError> {
    let scene = Scene {
        mirror,
        row: Row {
            table: &mirror.table.name,
            hidden,
        },
    };
    let mut out = Body::default();
    out.line(0, "");
    out.line(0, "#variable_conflict use_column");
    // For people, and so that two bodies never are the same text, even where all is derived.
    out.line(0, format!("-- The authority is {}.", authority.as_str()));
    out.line(0, "<<sluice_mirror>>");
    out.line(0, "DECLARE");
    out.line(1, "sluice_sqlstate text;");
    match authority {
        Authority::Old => old::declare(&mut out, &scene),
        Authority::New => new::declare(&mut out, &scene),
    }
    out.line(0, "BEGIN");
    for place in scene.places() {
        note::written(&mut out, &scene, &place)?;
    }
    for place in scene.places() {
        match authority {
            Authority::Old => old::decide(&mut out, &scene, &place)?,
            Authority::New => new::decide(&mut out, &scene, &place)?,
        }
    }
    for (n, pair) in mirror.pairs.iter().enumerate() {
        match authority {
            Authority::Old => old::derive(&mut out, &scene, n, pair)?,
            Authority::New => new::derive(&mut out, &scene, n, pair)?,
        }
    }
    if scene.places().next().is_some() {
        count::count(&mut out, &scene)?;
    }
    out.line(1, "RETURN NEW;");
    out.line(0, "END");
    Ok(out.text)
}

/// What every part of a body is written for.
struct Scene<'a> {
    mirror: &'a Mirror,
    row: Row<'a>,
}

impl<'a> Scene<'a> {
    /// The pairs that have a way back.
    fn places(&self) -> impl Iterator<Item = Place<'a>> {
        self.mirror.pairs.iter().enumerate().filter_map(|(n, pair)| {
            let down = pair.down.as_ref()?;
            Some(Place { n, pair, down })
        })
    }
}

/// A pair that has a way back.
struct Place<'a> {
    n: usize,
    pair: &'a Pair,
    down: &'a Down,
}

#[derive(Default)]
struct Body {
    text: String,
}

impl Body {
    fn line(&mut self, depth: usize, line: impl AsRef<str>) {
        writeln!(self.text, "{:indent$}{}", "", line.as_ref(), indent = depth * 4)
            .expect("writing to a String cannot fail");
    }
}

/// A name inside a `--` comment: it may hold anything but the end of the line.
fn comment(name: &str) -> String {
    format!("{name:?}")
}
