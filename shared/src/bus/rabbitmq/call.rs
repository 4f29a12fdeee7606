//! One call to the broker: never without a limit, and its error in words that help.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};

use super::Error;
use crate::clock::{Clock, within};

/// How long the broker may take to answer anything.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// Awaits a call for at most [`LIMIT`].
pub(super) async fn call<T>(
    clock: &dyn Clock,
    doing: &str,
    queue: &str,
    future: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Error> {
    match within(clock, LIMIT, future).await {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(explain(doing, queue, error)),
        None => Err(Error::Timeout {
            doing: format!("{doing} {queue}"),
            waited: LIMIT,
        }),
    }
}

/// A refusal that trying again cannot change becomes [`Error::Topology`] or [`Error::NotAllowed`].
fn explain(doing: &str, queue: &str, error: lapin::Error) -> Error {
    if let Some(refusal) = not_allowed(queue, &error) {
        return refusal;
    }
    let refusal =
        soft(&error).and_then(|(kind, said)| Some(format!("{}; the broker says: {said}", advice(kind)?)));
    match refusal {
        Some(why) => Error::Topology {
            queue: queue.to_owned(),
            why,
        },
        None => Error::Transport {
            doing: format!("{doing} {queue}"),
            source: Arc::new(error),
        },
    }
}

/// That the broker's user may not do it, if that is what the error says.
pub(super) fn not_allowed(what: &str, error: &lapin::Error) -> Option<Error> {
    match soft(error)? {
        // The same code as for an exclusive queue that somebody has.
        (AMQPSoftError::ACCESSREFUSED, said) if !said.contains("exclusive use") => Some(Error::NotAllowed {
            what: what.to_owned(),
            said: said.to_owned(),
        }),
        _ => None,
    }
}

/// Of a refusal that closes one channel: what it is and how the broker puts it.
fn soft(error: &lapin::Error) -> Option<(&AMQPSoftError, &str)> {
    match error.kind() {
        ErrorKind::ProtocolError(refusal) => match refusal.kind() {
            AMQPErrorKind::Soft(kind) => Some((kind, refusal.get_message().as_str())),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}

fn advice(kind: &AMQPSoftError) -> Option<&'static str> {
    match kind {
        AMQPSoftError::PRECONDITIONFAILED => Some(
            "it exists with other arguments than this sluice declares (another version made it, or somebody by hand); \
             let it run empty and delete it, or give sluice a virtual host of its own",
        ),
        AMQPSoftError::ACCESSREFUSED => Some("somebody else listens to it alone"),
        AMQPSoftError::RESOURCELOCKED => {
            Some("somebody else listens to it already, or their connection is not yet known to be gone")
        }
        AMQPSoftError::NOTFOUND
        | AMQPSoftError::CONTENTTOOLARGE
        | AMQPSoftError::NOROUTE
        | AMQPSoftError::NOCONSUMERS => None,
    }
}
