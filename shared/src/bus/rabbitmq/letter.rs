//! Between a [`Letter`] and AMQP properties. Publishing always starts from fresh properties: an
//! `x-death` that the broker left would be taken for a cycle one day.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::{Letter, Queue};
use crate::bus::Parked;

const RETRIES: &str = "x-sluice-retries";
const REASON: &str = "x-sluice-reason";
const QUEUE: &str = "x-sluice-queue";
/// Set by the broker when it dead-letters by itself (a delivery limit in a policy).
const BROKER_REASON: &str = "x-first-death-reason";
const BROKER_QUEUE: &str = "x-first-death-queue";
/// Properties travel in one frame; a reason beyond this is nobody's reading.
const LONGEST_REASON: usize = 4_000;
const PERSISTENT: u8 = 2;

/// The properties that carry what is beside the bytes.
pub(super) fn properties(letter: &Letter) -> BasicProperties {
    let mut headers = FieldTable::default();
    if letter.retries > 0 {
        headers.insert(RETRIES.into(), AMQPValue::LongLongInt(i64::from(letter.retries)));
    }
    if let Some(parked) = &letter.parked {
        let mut reason = parked.reason.clone();
        reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
        headers.insert(REASON.into(), AMQPValue::LongString(reason.into()));
        headers.insert(QUEUE.into(), AMQPValue::LongString(parked.queue.as_str().into()));
    }
    let mut properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers);
    let short = |text: &Option<String>| {
        text.as_ref()
            .and_then(|text| ShortString::try_new(text.as_str()).ok())
    };
    if let Some(id) = short(&letter.message_id) {
        properties = properties.with_message_id(id);
    }
    if let Some(reply_to) = short(&letter.reply_to) {
        properties = properties.with_reply_to(reply_to);
    }
    if let Some(correlation_id) = short(&letter.correlation_id) {
        properties = properties.with_correlation_id(correlation_id);
    }
    properties
}

/// What came from `queue`.
pub(super) fn letter(queue: &Queue, bytes: Vec<u8>, properties: &BasicProperties) -> Letter {
    let header = |name: &str| {
        properties
            .headers()
            .as_ref()
            .and_then(|headers| headers.inner().get(name))
    };
    let text = |name: &str| match header(name) {
        Some(AMQPValue::LongString(text)) => Some(text.to_string()),
        _ => None,
    };
    let parked = (*queue == Queue::Parking).then(|| Parked {
        reason: text(REASON)
            .or_else(|| text(BROKER_REASON).map(|why| format!("the broker gave up on it: {why}")))
            .unwrap_or_else(|| "no reason was recorded".to_owned()),
        queue: text(QUEUE)
            .or_else(|| text(BROKER_QUEUE))
            .unwrap_or_else(|| "unknown".to_owned()),
    });
    let retries = match header(RETRIES) {
        Some(AMQPValue::LongLongInt(n)) => u32::try_from(*n).unwrap_or(0),
        _ => 0,
    };
    Letter {
        bytes: bytes.into(),
        message_id: properties.message_id().as_ref().map(ToString::to_string),
        reply_to: properties.reply_to().as_ref().map(ToString::to_string),
        correlation_id: properties.correlation_id().as_ref().map(ToString::to_string),
        retries,
        parked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beside_the_bytes_survives_the_wire() {
        let mut sent = Letter::raw(&b"x"[..]);
        sent.message_id = Some("id".to_owned());
        sent.reply_to = Some("sluice.reply.x".to_owned());
        sent.correlation_id = Some("request 42".to_owned());
        sent.retries = 3;
        assert_eq!(letter(&Queue::Submit, b"x".to_vec(), &properties(&sent)), sent);
        sent.parked = Some(Parked {
            reason: "é".repeat(3_000),
            queue: "sluice.submit".to_owned(),
        });
        let parked = letter(&Queue::Parking, b"x".to_vec(), &properties(&sent))
            .parked
            .unwrap();
        assert_eq!(
            (parked.reason.as_str(), parked.queue.as_str()),
            ("é".repeat(2_000).as_str(), "sluice.submit")
        );
    }

    #[test]
    fn a_letter_that_the_broker_gave_up_on_says_so() {
        let mut headers = FieldTable::default();
        headers.insert(
            BROKER_REASON.into(),
            AMQPValue::LongString("delivery_limit".into()),
        );
        headers.insert(
            BROKER_QUEUE.into(),
            AMQPValue::LongString("sluice.main.chunk".into()),
        );
        let properties = BasicProperties::default().with_headers(headers);
        let parked = letter(&Queue::Parking, Vec::new(), &properties).parked.unwrap();
        assert!(
            parked.reason.contains("delivery_limit") && parked.queue == "sluice.main.chunk",
            "{parked:?}"
        );
    }
}
