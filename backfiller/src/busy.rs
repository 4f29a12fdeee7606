//! How many tasks this process works on right now, for its heartbeat.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The count. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Busy(Arc<AtomicU32>);

/// One task, counted until it is dropped.
pub(crate) struct OneMore(Arc<AtomicU32>);

impl Busy {
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn one_more(&self) -> OneMore {
        self.0.fetch_add(1, Ordering::AcqRel);
        OneMore(self.0.clone())
    }
}

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
