//! The service around the eyes, shared by their own binary and by `sluice verifier`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use ledger::role::serve::{self, Assignment, Error, Role};
use shared::settings::Settings;

use crate::Context;

/// Serves until a signal asks it to stop.
///
/// # Errors
/// [`Error`], for what waiting cannot mend.
pub async fn serve(settings: Settings) -> Result<ExitCode, Error> {
    let role = Role {
        name: "verifier",
        worker: None,
        data_connections: crate::DATA_CONNECTIONS,
    };
    let start = |work: Assignment| {
        crate::start(Context {
            replicas: BTreeMap::from([(work.target.name.clone(), work.settings.replicas)]),
            targets: vec![work.target],
            bus: work.bus,
            clock: work.clock,
            shutdown: work.shutdown,
            name: work.worker,
        })
    };
    serve::serve(role, settings, start).await
}
