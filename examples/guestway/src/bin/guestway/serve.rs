use std::io::stdout;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::{Args, Command, FromArgMatches as _};
use dualkey::{Registry, RegistryError, Verifier};
use guestway::{ConnectionLimits, Sessions, SiteUrl, document, reference, router, settings};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::cli::GlobalOptions;
use crate::demonstration::Demonstration;
use crate::failure::{Failure, with_causes};
use crate::metrics::MetricsServer;
use crate::shared_limits::{SharedLimitsOptions, check};
use crate::signals;

/// Serve the API with sample data
///
/// This is the default command. Logs go to standard error; RUST_LOG filters them.
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Serve {
    /// The address to listen on; port 0 chooses a free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Register a partner, issue a token, and print two requests to try; on a loopback address only
    ///
    /// The token expires after a day, and is revoked at the next start with this option.
    #[arg(long)]
    pub(crate) demo: bool,
    /// The address at which browsers reach the server [default: the address that it listens on]
    ///
    /// With https://, the cookie of a session is sent over HTTPS only.
    #[arg(long, env = "GUESTWAY_URL")]
    pub(crate) url: Option<SiteUrl>,
    /// Also serve metrics for Prometheus at http://ADDRESS:PORT/metrics, without authentication
    #[arg(long, value_name = "ADDRESS:PORT", env = "GUESTWAY_METRICS")]
    pub(crate) metrics: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) shared_limits: SharedLimitsOptions,
}

const EXAMPLE: &str = "\
Example, to try it on a free port and with everything in memory:
  guestway serve --demo --listen 127.0.0.1:0 --database memory:";

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The timeout of each call to the database while serving.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);

/// How often leases that are not used are looked for.
const LEASE_TICK: Duration = Duration::from_millis(50);

/// Without arguments: what the environment sets, and the defaults. An invalid variable ends the program.
impl Default for Serve {
    fn default() -> Self {
        let matches = Self::augment_args(Command::new("guestway")).get_matches_from([""; 0]);
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

impl Serve {
    /// Serves the API until a signal stops the program.
    pub(crate) async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let Self { listen, demo, url, metrics, shared_limits } = self;
        if demo && !listen.ip().to_canonical().is_loopback() {
            return Err(Failure::usage(format!(
                "--demo prints a working token, so it listens on a loopback address only: {listen} is none"
            )));
        }
        let limits = shared_limits.limits()?;
        if let Some(limits) = &limits {
            check(limits).await?;
        }
        let cannot_handle = |error| Failure::new(format!("cannot handle signals: {error}"));
        let stop = signals::stop().map_err(cannot_handle)?;
        let stop_metrics = signals::stop().map_err(cannot_handle)?;
        let cannot_listen = |error| Failure::new(format!("cannot listen on {listen}: {error}"));
        let listener = TcpListener::bind(listen).await.map_err(cannot_listen)?;
        let bound = listener.local_addr().map_err(cannot_listen)?;

        // Before the verifier, so that it finds the recorder.
        let metrics = match metrics {
            Some(address) => Some(MetricsServer::bind(address).await?),
            None => None,
        };
        let registry = global.registry_with_timeout(DATABASE_TIMEOUT).await?;
        let verifier = shared_limits.verifier(registry.clone(), limits);
        let api = router(verifier.clone(), registry.catalogue());
        let api = api.map_err(|error| Failure::new(error.to_string()))?;
        let site = url.unwrap_or_else(|| SiteUrl::of(bound));
        let sessions = global.sessions().await?;
        let pages = settings(verifier.clone(), sessions.clone(), &site);
        let app = api.merge(pages).merge(reference(&document()));
        if demo {
            demonstrate(&registry, &sessions, bound, &site).await?;
        }
        let scraped =
            metrics.map(|server| tokio::spawn(server.serve(verifier.clone(), stop_metrics)));
        let _warming_up = tokio::spawn(warm_up(verifier.clone()));
        tracing::info!(%bound, database = %global.database()?, "serving");
        let (ended, has_ended) = oneshot::channel::<()>();
        let leases = verifier.clone();
        let leasing = tokio::spawn(async move {
            leases.run_shared_limits(async || sleep(LEASE_TICK).await, has_ended).await;
        });
        let connections = ConnectionLimits::default();
        let serving = tokio::spawn(guestway::serve(listener, app, connections, stop));
        let mut served = Ok(());
        let second = async || sleep(Duration::from_secs(1)).await;
        let written = verifier.run_write_behind(second, async { served = serving.await }).await;
        drop(ended);
        leasing.await.map_err(|error| Failure::new(format!("leases ended early: {error}")))?;
        served.map_err(|error| Failure::new(format!("serving ended early: {error}")))?;
        if let Some(scraped) = scraped {
            scraped.await.map_err(|error| Failure::new(format!("metrics ended early: {error}")))?;
        }
        written.map_err(|error| {
            Failure::new(format!("the latest usage was not written: {}", with_causes(&error)))
        })?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Until it has succeeded, requests are answered, and `/readyz` says 503.
async fn warm_up(verifier: Verifier) {
    while let Err(error) = verifier.warm_up().await {
        tracing::warn!(error = with_causes(&error), "cannot read partners and tokens");
        sleep(Duration::from_secs(1)).await;
    }
}

/// Prints the requests to try. Without room for another token in the organization, only a warning is
/// logged and the API is served all the same.
async fn demonstrate(
    registry: &Registry,
    sessions: &Sessions,
    bound: SocketAddr,
    site: &SiteUrl,
) -> Result<(), Failure> {
    match Demonstration::prepare(registry).await {
        Ok(demonstration) => {
            let link = demonstration.sign_in_link(sessions, site).await?;
            if let Err(error) = demonstration.print(&mut stdout(), bound, &link) {
                tracing::warn!(%error, "cannot print the requests to try");
            }
            Ok(())
        }
        Err(RegistryError::Store(error)) => Err(error.into()),
        Err(error) => {
            tracing::warn!(error = with_causes(&error), "cannot prepare requests to try");
            Ok(())
        }
    }
}
