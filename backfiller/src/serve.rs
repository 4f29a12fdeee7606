//! The service around the hands, shared by their own binary and by `sluice backfiller`.

use std::process::ExitCode;

use ledger::role::serve::{self, Assignment, Error, Role};
use shared::settings::Settings;

use crate::Context;

/// Serves until a signal asks it to stop.
///
/// # Errors
/// [`Error`], for what waiting cannot mend.
pub async fn serve(settings: Settings) -> Result<ExitCode, Error> {
    let slots = settings.backfiller.slots;
    let role = Role {
        name: "backfiller",
        worker: settings.backfiller.name.clone(),
        data_connections: u32::from(slots) + 3,
    };
    let start = move |work: Assignment| {
        crate::start(Context {
            targets: vec![work.target],
            bus: work.bus,
            clock: work.clock,
            shutdown: work.shutdown,
            name: work.worker,
            slots,
        })
    };
    serve::serve(role, settings, start).await
}
