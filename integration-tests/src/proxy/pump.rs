//! One direction of a connection, until either end is closed.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::conversation::{Passed, Shared, locked};
use super::{Toward, Way};

/// See the module.
pub(super) struct Pump<R, W> {
    toward: Toward,
    from: R,
    to: W,
    way: watch::Receiver<Way>,
    said: Shared,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Pump<R, W> {
    pub(super) fn new(toward: Toward, from: R, to: W, way: watch::Receiver<Way>, said: Shared) -> Self {
        Self {
            toward,
            from,
            to,
            way,
            said,
        }
    }

    /// Returns when the connection is to end.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let count = tokio::select! {
                count = self.from.read(&mut bytes) => Some(count?),
                changed = self.way.changed() => {
                    changed?;
                    None
                }
            };
            self.flows().await?;
            match count {
                None => {}
                Some(0) => {
                    self.to.shutdown().await?;
                    return Ok(());
                }
                Some(count) => {
                    let Passed { bytes, cut } = locked(&self.said).pass(self.toward, &bytes[..count]);
                    self.write(&bytes).await?;
                    if cut {
                        return Ok(());
                    }
                }
            }
            let late = locked(&self.said).released(self.toward);
            self.write(&late).await?;
        }
    }

    async fn flows(&mut self) -> anyhow::Result<()> {
        let toward = self.toward;
        self.way.wait_for(|way| way.flows(toward)).await?;
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let delay = self.way.borrow().delay;
        tokio::time::sleep(delay).await;
        // It may have been stalled meanwhile.
        self.flows().await?;
        self.to.write_all(bytes).await?;
        Ok(())
    }
}
