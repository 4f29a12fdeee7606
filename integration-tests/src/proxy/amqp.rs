//! AMQP 0-9-1 as far as a saboteur needs it: frames, and the few methods whose loss is a fault of its own.
//!
//! Bytes come in any pieces; what goes out is whole. A method that carries content (a publish, a delivery) is one unit with its
//! header and body frames, because nothing else of its channel may come between them.

use std::collections::{HashMap, VecDeque};

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
/// Type, channel, size; the payload; the end octet.
const AROUND: usize = 8;
const GREETING: usize = 8;

/// What a unit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// `channel.open`: numbers begin anew.
    Opens,
    /// `basic.publish` with its routing key.
    Publishes { key: String },
    /// `basic.deliver` with its routing key.
    Delivers { tag: u64, key: String },
    /// `basic.ack`: of a delivery, or a confirm.
    Acks { tag: u64 },
    /// Nothing that matters here.
    Else,
}

/// What is passed on or held as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) channel: u16,
    pub(super) says: Says,
    pub(super) bytes: Vec<u8>,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Reader {
    bytes: VecDeque<u8>,
    greeted: bool,
    /// By channel: a method whose content is not complete.
    open: HashMap<u16, Open>,
}

#[derive(Debug)]
struct Open {
    unit: Unit,
    /// None before the header.
    body_left: Option<u64>,
}

impl Reader {
    /// Takes bytes in.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next whole unit.
    pub(super) fn next(&mut self) -> Option<Unit> {
        loop {
            let frame = self.frame()?;
            if let Some(unit) = self.assemble(frame) {
                return Some(unit);
            }
        }
    }

    fn frame(&mut self) -> Option<Vec<u8>> {
        let bytes = self.bytes.make_contiguous();
        let length = if !self.greeted && bytes.first() == Some(&b'A') {
            GREETING
        } else {
            AROUND + u32::from_be_bytes(bytes.get(3..7)?.try_into().ok()?) as usize
        };
        if bytes.len() < length {
            return None;
        }
        self.greeted = true;
        Some(self.bytes.drain(..length).collect())
    }

    fn assemble(&mut self, frame: Vec<u8>) -> Option<Unit> {
        let kind = frame[0];
        let channel = u16::from_be_bytes([frame[1], frame[2]]);
        let payload = &frame[7..frame.len() - 1];
        let says = match kind {
            METHOD => says(payload).unwrap_or(Says::Else),
            HEADER | BODY => return self.content(channel, kind, frame),
            _ => Says::Else,
        };
        // Of the methods that carry content, `basic.return` and `basic.get-ok` are passed on as they come.
        let carries = matches!(says, Says::Publishes { .. } | Says::Delivers { .. });
        let unit = Unit {
            channel,
            says,
            bytes: frame,
        };
        if !carries {
            return Some(unit);
        }
        let body_left = None;
        self.open.insert(channel, Open { unit, body_left });
        None
    }

    fn content(&mut self, channel: u16, kind: u8, frame: Vec<u8>) -> Option<Unit> {
        let Some(open) = self.open.get_mut(&channel) else {
            return Some(Unit {
                channel,
                says: Says::Else,
                bytes: frame,
            });
        };
        let payload = &frame[7..frame.len() - 1];
        let left = match (kind, open.body_left) {
            (HEADER, _) => u64::from_be_bytes(payload[4..12].try_into().expect("a header has a size")),
            (_, left) => left.unwrap_or_default().saturating_sub(payload.len() as u64),
        };
        open.body_left = Some(left);
        open.unit.bytes.extend_from_slice(&frame);
        (left == 0)
            .then(|| self.open.remove(&channel))
            .flatten()
            .map(|open| open.unit)
    }
}

fn says(payload: &[u8]) -> Option<Says> {
    let number = |at: usize| Some(u16::from_be_bytes(payload.get(at..at + 2)?.try_into().ok()?));
    let long = |at: usize| Some(u64::from_be_bytes(payload.get(at..at + 8)?.try_into().ok()?));
    // A short string, and where the next field begins.
    let text = |at: usize| {
        let end = at + 1 + usize::from(*payload.get(at)?);
        Some((
            String::from_utf8_lossy(payload.get(at + 1..end)?).into_owned(),
            end,
        ))
    };
    Some(match (number(0)?, number(2)?) {
        (20, 10) => Says::Opens,
        (60, 40) => {
            let (_exchange, next) = text(6)?;
            Says::Publishes { key: text(next)?.0 }
        }
        (60, 60) => {
            let (_consumer, next) = text(4)?;
            let (_exchange, key) = text(next + 9)?;
            Says::Delivers {
                tag: long(next)?,
                key: text(key)?.0,
            }
        }
        (60, 80) => Says::Acks { tag: long(4)? },
        _ => Says::Else,
    })
}

#[cfg(test)]
pub(super) mod frames {
    //! Frames as a peer would write them.

    fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind][..], &channel.to_be_bytes(), &size, payload, &[0xCE]].concat()
    }

    fn method(channel: u16, class: u16, method: u16, fields: &[u8]) -> Vec<u8> {
        let payload = [&class.to_be_bytes()[..], &method.to_be_bytes(), fields].concat();
        frame(super::METHOD, channel, &payload)
    }

    fn text(text: &str) -> Vec<u8> {
        [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat()
    }

    fn content(channel: u16, body: &[u8]) -> Vec<u8> {
        let size = (body.len() as u64).to_be_bytes();
        let header = [&60_u16.to_be_bytes()[..], &[0, 0], &size, &[0, 0]].concat();
        [
            frame(super::HEADER, channel, &header),
            frame(super::BODY, channel, body),
        ]
        .concat()
    }

    pub(crate) fn opens(channel: u16) -> Vec<u8> {
        method(channel, 20, 10, &[0])
    }

    pub(crate) fn publishes(channel: u16, key: &str, body: &[u8]) -> Vec<u8> {
        let fields = [&[0, 0][..], &text("sluice.work"), &text(key), &[1]].concat();
        [method(channel, 60, 40, &fields), content(channel, body)].concat()
    }

    pub(crate) fn delivers(channel: u16, tag: u64, key: &str, body: &[u8]) -> Vec<u8> {
        let fields = [
            &text("consumer")[..],
            &tag.to_be_bytes(),
            &[0],
            &text("sluice.work"),
            &text(key),
        ]
        .concat();
        [method(channel, 60, 60, &fields), content(channel, body)].concat()
    }

    pub(crate) fn acks(channel: u16, tag: u64) -> Vec<u8> {
        method(channel, 60, 80, &[&tag.to_be_bytes()[..], &[0]].concat())
    }

    pub(crate) fn heartbeat() -> Vec<u8> {
        frame(8, 0, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(reader: &mut Reader) -> Vec<(u16, Says)> {
        std::iter::from_fn(|| reader.next())
            .map(|unit| (unit.channel, unit.says))
            .collect()
    }

    /// However the network cuts them, and with two channels between each other.
    #[test]
    fn units_are_found_in_any_pieces() {
        let key = || "k".to_owned();
        let stream = [
            b"AMQP\x00\x00\x09\x01".to_vec(),
            frames::opens(3),
            frames::publishes(3, "k", b"body"),
            frames::heartbeat(),
            frames::delivers(4, 7, "k", b"x"),
            frames::acks(3, 1),
        ]
        .concat();
        let expected = [
            (u16::from_be_bytes(*b"MQ"), Says::Else),
            (3, Says::Opens),
            (3, Says::Publishes { key: key() }),
            (0, Says::Else),
            (4, Says::Delivers { tag: 7, key: key() }),
            (3, Says::Acks { tag: 1 }),
        ];
        for size in [1, 2, 7, stream.len()] {
            let (mut reader, mut found, mut passed) = (Reader::default(), Vec::new(), Vec::new());
            for piece in stream.chunks(size) {
                reader.push(piece);
                while let Some(unit) = reader.next() {
                    found.push((unit.channel, unit.says));
                    passed.extend(unit.bytes);
                }
            }
            assert_eq!(found, expected, "in pieces of {size}");
            assert_eq!(passed, stream, "in pieces of {size}");
        }
    }

    #[test]
    fn content_is_whole_before_it_is_passed_on() {
        let mut reader = Reader {
            greeted: true,
            ..Reader::default()
        };
        let publish = frames::publishes(1, "k", b"body");
        reader.push(&publish[..publish.len() - 1]);
        assert_eq!(units(&mut reader), []);
        reader.push(&publish[publish.len() - 1..]);
        assert_eq!(units(&mut reader).len(), 1);
        // Without a body: the header says so.
        let empty = frames::publishes(1, "k", b"");
        reader.push(&empty);
        assert_eq!(units(&mut reader).len(), 2, "its empty body frame follows alone");
    }
}
