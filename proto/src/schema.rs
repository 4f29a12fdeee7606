//! JSON Schemas of the wire, generated from the types into `schemas/`.
//!
//! They are for whoever writes messages in another language. The test fails when they no longer say
//! what the types say; `UPDATE_SCHEMAS=1 cargo test -p proto` writes them anew.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::{Schema, schema_for};

use crate::Envelope;
use crate::message::{ChunkTask, JobEvent, JobReply, JobSubmit, StageTask, TaskEvent, Wake};

/// The whole envelope, then the body of each kind by itself.
fn schemas() -> BTreeMap<&'static str, Schema> {
    BTreeMap::from([
        ("envelope", schema_for!(Envelope)),
        ("job.submit", schema_for!(JobSubmit)),
        ("job.reply", schema_for!(JobReply)),
        ("job.event", schema_for!(JobEvent)),
        ("stage.task", schema_for!(StageTask)),
        ("chunk.task", schema_for!(ChunkTask)),
        ("check.task", schema_for!(StageTask)),
        ("task.event", schema_for!(TaskEvent)),
        ("control.wake", schema_for!(Wake)),
    ])
}

#[test]
fn the_schemas_in_the_repository_say_what_the_types_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    let mut drifted = Vec::new();
    for (name, schema) in schemas() {
        let path = folder.join(format!("{name}.schema.json"));
        let wanted = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &wanted).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != wanted {
            drifted.push(name);
        }
    }
    assert!(
        drifted.is_empty(),
        "schemas/ no longer says what the types say for {drifted:?}; look at the change, then run \
         `UPDATE_SCHEMAS=1 cargo test -p proto` and commit the result"
    );
}

#[test]
fn no_schema_is_left_of_a_kind_that_is_gone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let kind = name.strip_suffix(".schema.json").unwrap_or(&name).to_owned();
        assert!(
            schemas().contains_key(kind.as_str()),
            "schemas/{name} belongs to no message kind"
        );
    }
}
