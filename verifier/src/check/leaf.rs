//! One leaf of a check: range after range, two reads at a time, to its end as it is when we get there.

use std::ops::Range;

use engine::catalog::Leaf;
use engine::relation;
use ledger::checks::{CheckLeaf, CheckedRange, Last};
use ledger::tasks::FailureClass;
use shared::service::chain;

use super::{Check, NoVerdict, failed, set_aside};
use crate::read::{Found, Place, Reader, Stop};

/// Blocks of one range: 16 MiB, read in smaller statements.
const RANGE: u64 = 2048;
/// How often a leaf that grew is followed. What is appended while we read was written under the triggers, and a
/// leaf that grows faster than it is read would otherwise never end.
const TAILS: u32 = 3;

impl Check<'_> {
    pub(super) async fn read_leaf(&self, leaf: &CheckLeaf) -> Result<(), NoVerdict> {
        let set_aside = set_aside::keys(self.site, self.in_hand.claim.job, &self.plan, self.fill()).await?;
        let reader = Reader {
            site: self.site,
            plan: &self.plan,
            fill: self.fill(),
            root_oid: self.root_oid,
            leaf_oid: leaf.oid,
            leaf: &leaf.name,
            fingerprint: &leaf.fingerprint,
            set_aside: &set_aside,
            place: Place::Primary,
        };
        let (mut at, mut end, mut tails) = (leaf.cursor_block, leaf.blocks.max(leaf.cursor_block), 0);
        loop {
            self.may_read().await?;
            if at < end {
                at = self.read_pair(&reader, at, end).await?;
                continue;
            }
            let size = self.size(leaf).await?;
            if size > end && tails < TAILS {
                (end, tails) = (size, tails + 1);
                continue;
            }
            return self
                .record(&reader, &(at..at), Last::Yes, &Found::default())
                .await;
        }
    }

    /// Reads the next two ranges at a time and records them in order. The block after them.
    async fn read_pair(&self, reader: &Reader<'_>, at: u64, end: u64) -> Result<u64, NoVerdict> {
        let first = at..reader.range_end(&(at..end), RANGE).await.map_err(stopped)?;
        let second = if first.end < end {
            first.end
                ..reader
                    .range_end(&(first.end..end), RANGE)
                    .await
                    .map_err(stopped)?
        } else {
            end..end
        };
        let (one, other) = tokio::join!(reader.range(first.clone()), reader.range(second.clone()));
        self.record(reader, &first, Last::No, &one.map_err(stopped)?)
            .await?;
        if !second.is_empty() {
            self.record(reader, &second, Last::No, &other.map_err(stopped)?)
                .await?;
        }
        Ok(second.end)
    }

    async fn record(
        &self,
        reader: &Reader<'_>,
        range: &Range<u64>,
        last: Last,
        found: &Found,
    ) -> Result<(), NoVerdict> {
        let read = CheckedRange {
            leaf_oid: reader.leaf_oid,
            fingerprint: reader.fingerprint,
            from: range.start,
            to: range.end,
            rows_checked: found.rows,
            // A row that cannot be computed is not right either, and must not be forgotten by a restart.
            rows_mismatched: found.wrong + found.unreadable,
            last,
        };
        let ledger = &self.site.target.ledger;
        let (job, fill) = (self.in_hand.claim.job, self.fill().id);
        if ledger
            .record_check(job, fill, self.round, &read, &found.named)
            .await?
        {
            Ok(())
        } else {
            // The cursor was moved by another verifier: it has the check now.
            Err(NoVerdict::Lost)
        }
    }

    /// Blocks of the leaf now.
    async fn size(&self, leaf: &CheckLeaf) -> Result<u64, NoVerdict> {
        let why = |e: &dyn std::fmt::Display| {
            NoVerdict::Returned(format!("the size of {} could not be read: {e}", leaf.name.name))
        };
        let of = Leaf {
            oid: leaf.oid,
            name: leaf.name.clone(),
            blocks: leaf.blocks,
        };
        let mut tx = self.site.target.data.begin_reading().await.map_err(|e| why(&e))?;
        let blocks = relation::blocks(&mut tx, &of, self.fill().row.as_deref())
            .await
            .map_err(|e| why(&chain(&e)))?;
        tx.rollback().await.map_err(|e| why(&e))?;
        blocks.ok_or(NoVerdict::Drifted)
    }
}

fn stopped(stop: Stop) -> NoVerdict {
    match stop {
        Stop::Drifted => NoVerdict::Drifted,
        Stop::Refused(why) => failed(FailureClass::Permission, why),
        Stop::Failed(why) => NoVerdict::Returned(why),
    }
}
