//! The envelope around every message.
//!
//! JSON on the wire. Unknown fields are ignored, so that an older reader survives a newer writer;
//! an unknown version or kind is *not* guessed at: [`Envelope::decode`] returns an [`Unreadable`]
//! that says why, and the bus parks the bytes with that reason.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{JobId, LedgerId, MessageId, TargetName};
use crate::message::Message;

/// Version of the wire format that this build writes and the only one it reads.
pub const VERSION: u32 = 1;

/// One message with everything a reader needs before it looks inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Envelope {
    /// Identity; deterministic where a retry must be recognised.
    pub id: MessageId,
    /// Version of the wire format, see [`VERSION`].
    pub version: u32,
    /// The target this message is about.
    pub target: TargetName,
    /// The ledger the sender works with; absent before one is known (a submission).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerId>,
    /// The job this message is about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// When it was sent, by the sender's clock; for people, never for decisions.
    pub sent_at: Timestamp,
    /// How often the transport has been asked to deliver this work, counted by us from 1.
    pub attempt: u32,
    /// W3C `traceparent`, if the sender traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// What it says: `kind` and `body` in JSON.
    #[serde(flatten)]
    pub message: Message,
}

/// Why bytes could not be read as an [`Envelope`]. Such a message is parked, never dropped or looped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON at all, or not an object with the envelope's fields.
    #[error("not a sluice message: {0}")]
    Malformed(String),
    /// A version that this build does not know.
    #[error("message version {found} is not known to this build, which reads version {VERSION}")]
    Version {
        /// What the message carries.
        found: u64,
    },
    /// A kind that this build does not know, or a body that does not fit its kind.
    #[error("message kind {kind:?} cannot be read: {why}")]
    Kind {
        /// The `kind` field.
        kind: String,
        /// What the decoder said.
        why: String,
    },
}

impl Envelope {
    /// The bytes on the wire.
    ///
    /// # Panics
    /// Never: every field serialises to JSON.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("every field of an envelope serialises to JSON")
    }

    /// Reads bytes from the wire; version and kind are looked at before the body.
    ///
    /// # Errors
    /// [`Unreadable`], with the reason in words fit for the parking queue.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let value: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|e| Unreadable::Malformed(e.to_string()))?;
        let version = value
            .get("version")
            .and_then(serde_json::Value::as_u64)
            .ok_or_else(|| Unreadable::Malformed("no field `version` with a whole number".to_owned()))?;
        if version != u64::from(VERSION) {
            return Err(Unreadable::Version { found: version });
        }
        let kind = value
            .get("kind")
            .and_then(serde_json::Value::as_str)
            .ok_or_else(|| Unreadable::Malformed("no field `kind` with a text".to_owned()))?
            .to_owned();
        serde_json::from_value(value).map_err(|e| Unreadable::Kind {
            kind,
            why: e.to_string(),
        })
    }
}
