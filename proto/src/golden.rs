//! New code reads old bytes: every message kind of every version as it once went over the wire.
//!
//! The files under `golden/` are never edited, only added to. A change that makes one of these tests
//! fail would strand messages that are in a broker while Sluice is upgraded.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::ids::{ChunkId, JobId, LedgerId, MessageId, TargetName, TaskId};
use crate::message::{
    ChunkTask, JobEvent, JobReply, JobSubmit, Message, StageTask, TaskEvent, TaskOutcome, Wake,
};
use crate::{Envelope, Unreadable, VERSION};

fn golden_files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/v1");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn old_bytes_decode_and_encode_to_the_same_bytes() {
    for (name, text) in golden_files() {
        let envelope = Envelope::decode(text.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let again = serde_json::to_string_pretty(&envelope).unwrap() + "\n";
        assert_eq!(again, text, "{name}");
        assert_eq!(Envelope::decode(&envelope.encode()).unwrap(), envelope, "{name}");
    }
}

#[test]
fn every_message_kind_has_a_golden_file() {
    let seen: BTreeSet<_> = golden_files()
        .iter()
        .map(|(_, text)| Envelope::decode(text.as_bytes()).unwrap().message.kind())
        .collect();
    // One sample a variant; the match in `Message::kind` makes the compiler ask for a new one here.
    let expected = BTreeSet::from([
        "job.submit",
        "job.reply",
        "job.event",
        "stage.task",
        "chunk.task",
        "check.task",
        "task.event",
        "control.wake",
    ]);
    assert_eq!(seen, expected);
}

#[test]
fn the_kind_in_rust_is_the_kind_on_the_wire() {
    for (name, text) in golden_files() {
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            Envelope::decode(text.as_bytes()).unwrap().message.kind(),
            value["kind"],
            "{name}"
        );
    }
}

#[test]
fn fields_of_a_newer_writer_are_ignored() {
    for (name, text) in golden_files() {
        let mut value: Value = serde_json::from_str(&text).unwrap();
        value["added_later"] = json!({"any": ["thing"]});
        value["body"]["added_later"] = json!(1);
        let envelope =
            Envelope::decode(value.to_string().as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(envelope, Envelope::decode(text.as_bytes()).unwrap(), "{name}");
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let (_, golden) = golden_files()
        .into_iter()
        .find(|(name, _)| name == "chunk.task.json")
        .unwrap();
    let with = |change: fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&golden).unwrap();
        change(&mut value);
        Envelope::decode(value.to_string().as_bytes()).unwrap_err()
    };
    assert_eq!(
        with(|v| v["version"] = json!(2)),
        Unreadable::Version { found: 2 }
    );
    assert!(matches!(
        with(|v| v["version"] = json!("1")),
        Unreadable::Malformed(_)
    ));
    assert!(matches!(
        with(|v| drop(v.as_object_mut().unwrap().remove("kind"))),
        Unreadable::Malformed(_)
    ));
    let unknown = with(|v| v["kind"] = json!("chunk.explode")).to_string();
    assert!(
        unknown.contains("chunk.explode") && unknown.contains("unknown variant"),
        "{unknown}"
    );
    let body = with(|v| drop(v["body"].as_object_mut().unwrap().remove("chunk"))).to_string();
    assert!(
        body.contains("chunk.task") && body.contains("missing field `chunk`"),
        "{body}"
    );
    let id = with(|v| v["id"] = json!("seven")).to_string();
    assert!(id.contains("seven") || id.contains("UUID"), "{id}");
}

#[test]
fn garbage_is_malformed_and_never_a_panic() {
    let deep = "[".repeat(100_000);
    for bytes in [
        &b""[..],
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"{}",
        b"{\"version\":1}",
        b"{\"version\":-1}",
        deep.as_bytes(),
    ] {
        let found = Envelope::decode(bytes);
        assert!(matches!(found, Err(Unreadable::Malformed(_))), "{found:?}");
    }
}

fn any_uuid() -> impl Strategy<Value = uuid::Uuid> {
    any::<u128>().prop_map(uuid::Uuid::from_u128)
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn any_message() -> impl Strategy<Value = Message> {
    let task = || any_uuid().prop_map(TaskId);
    let chunk = || any_uuid().prop_map(ChunkId);
    let outcome = prop_oneof![
        Just(TaskOutcome::Done),
        Just(TaskOutcome::Failed),
        Just(TaskOutcome::Returned)
    ];
    prop_oneof![
        (any::<String>(), any_json(), any::<Option<String>>()).prop_map(|(target, spec, submitted_by)| {
            Message::JobSubmit(JobSubmit {
                target,
                spec,
                submitted_by,
            })
        }),
        (any_uuid(), prop::option::of(any_uuid())).prop_map(|(id, asked)| Message::JobReply(
            JobReply::Accepted {
                job: JobId(id),
                submission: asked.map(MessageId),
            }
        )),
        (any::<Vec<String>>(), prop::option::of(any_uuid())).prop_map(|(errors, asked)| {
            Message::JobReply(JobReply::Refused {
                errors,
                submission: asked.map(MessageId),
            })
        }),
        (any::<String>(), any::<String>(), any::<Option<String>>())
            .prop_map(|(name, state, reason)| Message::JobEvent(JobEvent { name, state, reason })),
        task().prop_map(|task| Message::StageTask(StageTask { task })),
        task().prop_map(|task| Message::CheckTask(StageTask { task })),
        (task(), chunk()).prop_map(|(task, chunk)| Message::ChunkTask(ChunkTask { task, chunk })),
        (task(), prop::option::of(chunk()), outcome)
            .prop_map(|(task, chunk, what)| Message::TaskEvent(TaskEvent { task, chunk, what })),
        any::<String>().prop_map(|reason| Message::Wake(Wake { reason })),
    ]
}

prop_compose! {
    fn any_envelope()(
        id in any_uuid(),
        target in any::<String>(),
        ledger in prop::option::of(any_uuid()),
        job in prop::option::of(any_uuid()),
        // Years 1 to 9999: what RFC 3339 can say.
        seconds in -62_135_510_400_i64..253_370_678_400,
        nanoseconds in 0..1_000_000_000_i32,
        attempt in any::<u32>(),
        trace in any::<Option<String>>(),
        message in any_message(),
    ) -> Envelope {
        Envelope {
            id: MessageId(id),
            version: VERSION,
            target: TargetName(target),
            ledger: ledger.map(LedgerId),
            job: job.map(JobId),
            sent_at: jiff::Timestamp::new(seconds, nanoseconds).unwrap(),
            attempt,
            trace,
            message,
        }
    }
}

proptest! {
    #[test]
    fn an_envelope_survives_the_wire(envelope in any_envelope()) {
        prop_assert_eq!(Envelope::decode(&envelope.encode()).unwrap(), envelope);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>()) {
        let _ = Envelope::decode(&bytes);
    }
}
