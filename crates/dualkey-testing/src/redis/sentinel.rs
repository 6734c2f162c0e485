use super::server::{Server, wait_until};

/// A master with two replicas and three sentinels, on ports of `127.0.0.1`.
///
/// ```
/// use dualkey_testing::redis::Sentinel;
///
/// let sentinel = Sentinel::start();
/// assert_eq!(sentinel.master().port(), sentinel.servers()[0].port());
/// ```
#[derive(Debug)]
pub struct Sentinel {
    /// The master first.
    servers: Vec<Server>,
    sentinels: Vec<Server>,
}

/// Replicas are synchronized at once.
const DELAY: [&str; 2] = ["--repl-diskless-sync-delay", "0"];

impl Sentinel {
    /// The name under which the sentinels monitor the master.
    pub const SERVICE: &str = "limits";

    /// Starts servers and sentinels of Redis.
    ///
    /// # Panics
    ///
    /// If Redis is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        let master = Server::start_on_port_with(&DELAY);
        let port = master.port().to_string();
        let replica = |priority| {
            let replica = ["--replicaof", "127.0.0.1", &port, "--replica-priority", priority];
            Server::start_on_port_with(&[&replica[..], &DELAY].concat())
        };
        let servers = vec![master, replica("100"), replica("0")];
        let sentinels = (0..3).map(|_| start_sentinel(&port)).collect();
        let sentinel = Self { servers, sentinels };
        sentinel.wait_until_it_is_complete();
        sentinel
    }

    /// The servers: at the start, the master is the first. The third is never promoted.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The sentinels.
    #[must_use]
    pub fn sentinels(&self) -> &[Server] {
        &self.sentinels
    }

    /// The server that the first sentinel names as the master.
    ///
    /// # Panics
    ///
    /// If it names none.
    #[must_use]
    pub fn master(&self) -> &Server {
        let address =
            self.sentinels[0].command(&["SENTINEL", "get-master-addr-by-name", Self::SERVICE]);
        let port = address.lines().nth(1).and_then(|port| port.parse::<u16>().ok());
        let port = port.expect("the sentinel names a master");
        self.servers.iter().find(|server| server.port() == port).expect("one of the servers")
    }

    /// The address of the limits: the sentinels and their service.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port()));
        format!("redis+sentinel://{}/{}", hosts.collect::<Vec<_>>().join(","), Self::SERVICE)
    }

    /// Lets the other of the first two servers be the master, and waits until the sentinels say so.
    ///
    /// # Panics
    ///
    /// If this takes longer than a minute.
    pub fn fail_over(&self) {
        let before = self.master().port();
        wait_until(|| {
            // Refused while one is under way, or while the replica is not known well enough.
            let begun = self.sentinels[0].try_command(&["SENTINEL", "FAILOVER", Self::SERVICE]);
            if self.master().port() == before { Err(format!("{begun:?}")) } else { Ok(()) }
        });
    }

    /// Waits until every sentinel knows the other sentinels, and has seen that both replicas follow the master.
    ///
    /// A sentinel that saw the old master last before it was a replica would undo its promotion by the next
    /// failover.
    ///
    /// # Panics
    ///
    /// If this takes longer than a minute.
    pub fn wait_until_it_is_complete(&self) {
        for sentinel in &self.sentinels {
            wait_until(|| {
                let known = sentinel.try_command(&["INFO", "sentinel"])?;
                let replicas = sentinel.try_command(&["SENTINEL", "REPLICAS", Self::SERVICE])?;
                let both = |field: &str| replicas.matches(field).count() == 2;
                let is_complete = known.contains("status=ok")
                    && known.contains("slaves=2,sentinels=3")
                    && both("\nrole-reported\nslave\n")
                    && both("\nmaster-link-status\nok\n")
                    && both(&format!("\nmaster-port\n{}\n", self.master().port()));
                if is_complete { Ok(()) } else { Err(format!("{known}\n{replicas}")) }
            });
        }
    }
}

fn start_sentinel(master: &str) -> Server {
    let service = Sentinel::SERVICE;
    let sentinel = Server::start_sentinel(&format!(
        "sentinel monitor {service} 127.0.0.1 {master} 2\n\
         sentinel down-after-milliseconds {service} 2000\n\
         sentinel failover-timeout {service} 5000\n"
    ));
    for (period, millis) in [("INFO-PERIOD", "1000"), ("PUBLISH-PERIOD", "200")] {
        sentinel.command(&["SENTINEL", "DEBUG", period, millis]);
    }
    sentinel
}
