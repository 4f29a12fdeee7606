//! Why a verifier cannot work at all. What goes wrong with one task is data in the ledger, not an error here.

/// A verifier that could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A queue can never be consumed.
    #[error("the queue {queue} cannot be consumed")]
    Subscribe {
        /// Its name.
        queue: String,
        /// Why.
        #[source]
        source: shared::bus::Error,
    },
    /// The bus was closed under us.
    #[error("the bus was closed while work was still awaited")]
    BusClosed,
    /// A part of it panicked.
    #[error("a part of the verifier panicked")]
    Panicked(#[source] tokio::task::JoinError),
}
