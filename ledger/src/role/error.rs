//! Why a role cannot work at all. What goes wrong with one task is data in the ledger, not an error here.

/// A role that could not go on.
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
    /// A part that it cannot do without panicked.
    #[error("a part of the {role} panicked")]
    Panicked {
        /// Which role.
        role: &'static str,
        /// The panic.
        #[source]
        source: tokio::task::JoinError,
    },
}
