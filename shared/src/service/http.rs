//! `/healthz`, `/readyz`, `/metrics`.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Readiness, Service};
use crate::telemetry::Metrics;

#[derive(Clone)]
struct Seen {
    readiness: Readiness,
    metrics: Metrics,
    stopping: CancellationToken,
}

/// Serves until `over`.
pub(super) async fn serve(
    listener: TcpListener,
    service: Service,
    stopping: CancellationToken,
    over: CancellationToken,
) {
    let seen = Seen {
        readiness: service.readiness,
        metrics: service.metrics,
        stopping,
    };
    let router = Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(seen);
    if let Err(error) = axum::serve(listener, router)
        .with_graceful_shutdown(over.cancelled_owned())
        .await
    {
        tracing::error!(%error, "health endpoint ended; the service goes on without it");
    }
}

async fn readyz(State(seen): State<Seen>) -> Response {
    let mut reasons = seen.readiness.reasons();
    if seen.stopping.is_cancelled() {
        reasons.insert("service".to_owned(), "stopping".to_owned());
    }
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(json!({ "ready": reasons.is_empty(), "reasons": reasons })),
    )
        .into_response()
}

async fn metrics(State(seen): State<Seen>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        seen.metrics.render(),
    )
        .into_response()
}
