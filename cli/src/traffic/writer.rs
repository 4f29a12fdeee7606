//! One writer: a connection, a set of keys, one statement after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::db::{self, Connection};
use fastrand::Rng;
use shared::clock::{Clock, SystemClock};
use tokio::sync::watch;

use super::Load;
use super::keys::Keys;
use super::latency::{Latencies, Phase};
use super::model::{Model, Payload};
use super::outage::{self, After, Outages, Outcome, is_outage};
use super::release::Compass;
use super::table::{Existing, Side, Table};

/// How many of the existing rows a writer works on.
const EXISTING_ROWS: i64 = 300;

/// What an application does to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// UPDATE of the column that moves, on whichever side the release writes.
    UpdateMoved,
    /// UPDATE of another column.
    UpdateOther,
    /// UPDATE of the primary key.
    UpdateKey,
    /// INSERT.
    Insert,
    /// INSERT ... ON CONFLICT DO UPDATE, of an existing key or a new one.
    Upsert,
    /// DELETE.
    Delete,
    /// SELECT of the column that moves; the answer must be the last write.
    Read,
}

/// What one writer did.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) acknowledged: BTreeMap<Operation, u64>,
    /// How many of them used the new side.
    pub(super) on_new: u64,
    pub(super) attempted: u64,
    pub(super) found_applied: u64,
    pub(super) errors: Vec<String>,
    pub(super) slowest: Duration,
    pub(super) latencies: Latencies,
    pub(super) model: Model,
}

/// What a writer is told while it runs.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) stop: watch::Receiver<bool>,
    pub(super) phase: watch::Receiver<Phase>,
}

#[derive(Debug)]
pub(super) struct Writer {
    conn: Connection,
    url: String,
    outages: Outages,
    table: Table,
    compass: Compass,
    pause: Duration,
    rng: Rng,
    clock: SystemClock,
    told: Told,
    keys: Keys,
    written: Written,
}

impl Writer {
    pub(super) async fn connect(
        url: &str,
        table: &Table,
        load: &Load,
        number: u32,
        told: Told,
    ) -> Result<Self, sqlx::Error> {
        let mut conn = db::connect_alone(url, "application").await?;
        let (remainder, stride) = (i64::from(number), i64::from(load.writers));
        let some = db::query(table.read_some())
            .bind(remainder)
            .bind(stride)
            .bind(EXISTING_ROWS);
        let (mut existing, mut written) = (Vec::new(), Written::default());
        let rows = match table.existing {
            Existing::Nothing => Vec::new(),
            Existing::UpdateOnly | Existing::Anything => some.fetch_all(&mut conn).await?,
        };
        for row in rows {
            let key = row.try_get(0)?;
            existing.push(key);
            written.model.put(
                key,
                Payload {
                    new: row
                        .try_get::<Option<String>, _>(1)?
                        .and_then(|old| table.new_of(&old)),
                    old: row.try_get(1)?,
                    other: row.try_get(3)?,
                },
            );
        }
        Ok(Self {
            conn,
            url: url.to_owned(),
            outages: load.outages,
            table: table.clone(),
            compass: Compass::of(&load.release).await?,
            pause: load.pause,
            rng: Rng::with_seed(load.seed ^ u64::from(number)),
            clock: SystemClock::new(),
            told,
            keys: Keys::new(table.existing, existing, table.first_key + remainder, stride),
            written,
        })
    }

    /// Writes until it is told to stop; the statement in hand is always finished.
    pub(super) async fn run(mut self) -> Result<Written, sqlx::Error> {
        let pause = self.pause;
        loop {
            self.step().await?;
            tokio::select! {
                _ = self.told.stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.conn.close().await?;
        Ok(self.written)
    }

    /// The errors are of connecting again.
    async fn step(&mut self) -> Result<(), sqlx::Error> {
        let operation = self.choose();
        match operation {
            Operation::UpdateMoved | Operation::UpdateOther => self.update(operation).await,
            Operation::Read => self.read().await,
            Operation::Insert | Operation::Upsert => self.put(operation).await,
            Operation::UpdateKey => self.update_key().await,
            Operation::Delete => self.delete().await,
        }
    }

    /// Updates dominate, as they do in applications; what needs a row of its own kind waits for one.
    fn choose(&mut self) -> Operation {
        let operation = match self.rng.u32(0..100) {
            0..20 => Operation::UpdateMoved,
            20..30 => Operation::Read,
            30..55 => Operation::UpdateOther,
            55..75 => Operation::Insert,
            75..85 => Operation::Upsert,
            85..93 => Operation::UpdateKey,
            _ => Operation::Delete,
        };
        let missing = match operation {
            Operation::UpdateMoved | Operation::UpdateOther | Operation::Read => self.keys.is_empty(),
            Operation::UpdateKey | Operation::Delete => self.keys.nothing_moves(),
            Operation::Insert | Operation::Upsert => false,
        };
        if missing { Operation::Insert } else { operation }
    }

    async fn update(&mut self, operation: Operation) -> Result<(), sqlx::Error> {
        let key = self.keys.any(&mut self.rng);
        let side = self.compass.writes(key).await;
        let column = if operation == Operation::UpdateMoved {
            self.table.column(side)
        } else {
            &self.table.other
        };
        let value = (column.value)(&mut self.rng);
        let statement = db::query(self.table.update(column)).bind(key).bind(value.clone());
        let Some(before) = self.written.model.get(key).cloned() else {
            return Ok(());
        };
        let after = match operation {
            Operation::UpdateMoved => self
                .table
                .payload(side, value, before.other.clone(), Some(&before)),
            _ => Payload {
                other: Some(value),
                ..before
            },
        };
        if self
            .execute(operation, statement, vec![(key, Some(after))])
            .await?
            && operation == Operation::UpdateMoved
        {
            self.used(side);
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), sqlx::Error> {
        let key = self.keys.any(&mut self.rng);
        let Some(side) = self.compass.reads(key).await else {
            return Ok(());
        };
        let expected = self.written.model.get(key).and_then(|payload| match side {
            Side::Old => payload.old.clone(),
            Side::New => payload.new.clone(),
        });
        let (phase, begun) = self.begin();
        let answer: Result<Option<String>, sqlx::Error> = db::scalar(self.table.read(side))
            .bind(key)
            .fetch_one(&mut self.conn)
            .await;
        self.ended(phase, begun);
        match answer {
            Ok(found) if found == expected => {
                *self.written.acknowledged.entry(Operation::Read).or_default() += 1;
                self.used(side);
            }
            Ok(found) => self
                .written
                .errors
                .push(format!("{side:?} of {key} is {found:?} instead of {expected:?}")),
            Err(error) if self.endures(&error) => self.conn = outage::connect_again(&self.url).await?,
            Err(error) => self
                .written
                .errors
                .push(format!("reading {side:?} of {key}: {error}")),
        }
        Ok(())
    }

    async fn put(&mut self, operation: Operation) -> Result<(), sqlx::Error> {
        let again = (operation == Operation::Upsert && self.rng.bool())
            .then(|| self.keys.any_own(&mut self.rng))
            .flatten();
        let key = again.unwrap_or_else(|| self.keys.fresh());
        let side = self.compass.writes(key).await;
        let value = (self.table.column(side).value)(&mut self.rng);
        let other = (self.table.other.value)(&mut self.rng);
        let text = if operation == Operation::Upsert {
            self.table.upsert(side)
        } else {
            self.table.insert(side)
        };
        let statement = db::query(text).bind(key).bind(value.clone()).bind(other.clone());
        let before = self.written.model.get(key);
        let payload = self.table.payload(side, value, Some(other), before);
        if self
            .execute(operation, statement, vec![(key, Some(payload))])
            .await?
        {
            self.used(side);
            if again.is_none() {
                self.keys.add(key);
            }
        }
        Ok(())
    }

    async fn update_key(&mut self) -> Result<(), sqlx::Error> {
        let (key, new_key) = (self.keys.take_movable(&mut self.rng), self.keys.fresh());
        let statement = db::query(self.table.update_key()).bind(key).bind(new_key);
        let payload = self.written.model.get(key).cloned();
        let after = vec![(key, None), (new_key, payload)];
        let moved = self.execute(Operation::UpdateKey, statement, after).await?;
        self.keys.add(if moved { new_key } else { key });
        Ok(())
    }

    async fn delete(&mut self) -> Result<(), sqlx::Error> {
        let key = self.keys.take_movable(&mut self.rng);
        let statement = db::query(self.table.delete()).bind(key);
        if !self
            .execute(Operation::Delete, statement, vec![(key, None)])
            .await?
        {
            self.keys.add(key);
        }
        Ok(())
    }

    /// Whether it took place: acknowledged for exactly one row, or found to have, after an outage.
    async fn execute(
        &mut self,
        operation: Operation,
        statement: db::Query,
        after: After,
    ) -> Result<bool, sqlx::Error> {
        let (phase, begun) = self.begin();
        let done = statement
            .execute(&mut self.conn)
            .await
            .map(|done| done.rows_affected());
        self.ended(phase, begun);
        self.written.attempted += 1;
        let keys: Vec<i64> = after.iter().map(|(key, _)| *key).collect();
        let took_place = match done {
            Ok(1) => {
                *self.written.acknowledged.entry(operation).or_default() += 1;
                true
            }
            Ok(rows) => {
                self.fault(format!("{operation:?} of {keys:?} hit {rows} rows"));
                false
            }
            Err(error) if self.endures(&error) => self.find_out(operation, &after).await?,
            Err(error) => {
                self.fault(format!("{operation:?} of {keys:?}: {error}"));
                false
            }
        };
        if took_place {
            for (key, row) in after {
                match row {
                    Some(row) => self.written.model.put(key, row),
                    None => self.written.model.remove(key),
                }
            }
        }
        Ok(took_place)
    }

    fn endures(&self, error: &sqlx::Error) -> bool {
        self.outages == Outages::AreEndured && is_outage(error)
    }

    /// The database went away, perhaps again while it was asked.
    async fn find_out(&mut self, operation: Operation, after: &After) -> Result<bool, sqlx::Error> {
        loop {
            self.conn = outage::connect_again(&self.url).await?;
            match outage::ask(&mut self.conn, &self.table, &self.written.model, after).await {
                Ok(Outcome::Applied) => {
                    self.written.found_applied += 1;
                    return Ok(true);
                }
                Ok(Outcome::NotApplied) => return Ok(false),
                Ok(Outcome::Torn) => {
                    self.fault(format!("{operation:?} left {after:?} half done"));
                    return Ok(false);
                }
                Err(error) if is_outage(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn fault(&mut self, what: String) {
        self.written.errors.push(what);
    }

    fn used(&mut self, side: Side) {
        self.written.on_new += u64::from(side == Side::New);
    }

    /// A statement counts for the phase in which it begins.
    fn begin(&self) -> (Phase, Duration) {
        (*self.told.phase.borrow(), self.clock.monotonic())
    }

    fn ended(&mut self, phase: Phase, begun: Duration) {
        let took = self.clock.monotonic().saturating_sub(begun);
        self.written.slowest = self.written.slowest.max(took);
        self.written.latencies.record(phase, took);
    }
}
