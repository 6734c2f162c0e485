use super::server::{Server, free_port, wait_until};

/// A cluster of three masters with a replica each, on ports of `127.0.0.1`.
///
/// ```
/// use dualkey_testing::redis::Cluster;
///
/// let cluster = Cluster::start();
/// let slots = cluster.masters()[0].command(&["CLUSTER", "INFO"]);
/// assert!(slots.contains("cluster_state:ok"));
/// ```
#[derive(Debug)]
pub struct Cluster {
    /// The masters first, then the replica of each.
    nodes: Vec<Server>,
}

const MASTERS: usize = 3;
/// The slots of each master.
const SLOTS: [(&str, &str); MASTERS] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

impl Cluster {
    /// Starts a cluster of Redis.
    ///
    /// # Panics
    ///
    /// If Redis is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        let cluster = Self { nodes: (0..2 * MASTERS).map(|_| start_node()).collect() };
        for (index, node) in cluster.nodes.iter().enumerate() {
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
        }
        for node in &cluster.nodes {
            let (port, bus) = (node.port().to_string(), bus_port(node));
            cluster.nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        for (master, (first, last)) in cluster.masters().iter().zip(SLOTS) {
            master.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
        }
        for (master, replica) in cluster.masters().iter().zip(cluster.replicas()) {
            let id = master.command(&["CLUSTER", "MYID"]);
            wait_until(|| replica.try_command(&["CLUSTER", "REPLICATE", &id]));
        }
        cluster.wait_until_it_is_complete();
        cluster
    }

    /// The nodes that were masters at the start, by the slots that they own: 0 to 5460, 5461 to 10922, and 10923
    /// to 16383.
    #[must_use]
    pub fn masters(&self) -> &[Server] {
        &self.nodes[..MASTERS]
    }

    /// The nodes that were replicas of these masters at the start, in the same order.
    #[must_use]
    pub fn replicas(&self) -> &[Server] {
        &self.nodes[MASTERS..]
    }

    /// An address with two of its nodes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{},127.0.0.1:{}", self.nodes[0].port(), self.nodes[4].port())
    }

    /// Waits until every node sees every slot served, and three replicas that follow their masters.
    ///
    /// # Panics
    ///
    /// If this takes longer than a minute.
    pub fn wait_until_it_is_complete(&self) {
        wait_until(|| {
            let mut replicas = 0;
            for node in &self.nodes {
                let state = node.try_command(&["CLUSTER", "INFO"])?;
                let nodes = node.try_command(&["CLUSTER", "NODES"])?;
                let replication = node.try_command(&["INFO", "replication"])?;
                replicas += usize::from(replication.contains("master_link_status:up"));
                let is_known = nodes.lines().count() == self.nodes.len() && !nodes.contains("fail");
                if !state.contains("cluster_state:ok") || !is_known {
                    return Err(nodes);
                }
            }
            if replicas == MASTERS { Ok(()) } else { Err(format!("{replicas} replicas")) }
        });
    }
}

fn start_node() -> Server {
    let bus = free_port().to_string();
    let settings = ["--cluster-enabled", "yes", "--cluster-port", &bus];
    let timeout = ["--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"];
    Server::start_on_port_with(&[&settings[..], &timeout].concat())
}

fn bus_port(node: &Server) -> String {
    node.command(&["CONFIG", "GET", "cluster-port"]).lines().nth(1).unwrap_or_default().to_owned()
}
