use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use dualkey::Verifier;
use guestway::ConnectionLimits;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::failure::Failure;

/// The listener for scrapes by Prometheus, and the recorder behind it.
pub(crate) struct MetricsServer {
    listener: TcpListener,
    recorder: PrometheusHandle,
}

/// The upper bounds of the histogram's buckets, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5];

/// How often samples that no scrape reads are summed.
const UPKEEP: Duration = Duration::from_secs(5);

impl MetricsServer {
    /// Listens, and installs the recorder of verifiers that are built afterwards.
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, Failure> {
        let cannot_listen =
            |error| Failure::new(format!("cannot listen on {address} for metrics: {error}"));
        let listener = TcpListener::bind(address).await.map_err(cannot_listen)?;
        let bound = listener.local_addr().map_err(cannot_listen)?;
        let recorder = install_recorder()
            .map_err(|error| Failure::new(format!("cannot record metrics: {error}")))?;
        tracing::info!(%bound, "serving metrics");
        Ok(Self { listener, recorder })
    }

    /// Answers `GET /metrics` until `stop` is ready. Each answer is current.
    pub(crate) async fn serve(self, verifier: Verifier, stop: impl Future<Output = ()>) {
        let Self { listener, recorder } = self;
        let render = recorder.clone();
        let scrape = async move || {
            verifier.publish_metrics();
            ([(CONTENT_TYPE, "text/plain; version=0.0.4")], render.render())
        };
        let pages = Router::new().route("/metrics", get(scrape));
        let upkeep = async {
            loop {
                sleep(UPKEEP).await;
                recorder.run_upkeep();
            }
        };
        tokio::select! {
            () = guestway::serve(listener, pages, ConnectionLimits::default(), stop) => {}
            () = upkeep => {}
        }
    }
}

fn install_recorder() -> Result<PrometheusHandle, BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(seconds, &BUCKETS)?.install_recorder()
}
