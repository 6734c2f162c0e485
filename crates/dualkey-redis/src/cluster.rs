//! The nodes of a cluster, by the slots that they own.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, from_redis_value_ref};

use crate::address::Endpoint;
use crate::connection::Connection;
use crate::connector::{Connector, first_success};
use crate::node::Node;
use crate::slot::{SLOTS, slot};

#[derive(Debug)]
pub(crate) struct Cluster {
    connector: Arc<Connector>,
    seeds: Vec<Endpoint>,
    map: Mutex<SlotMap>,
    /// Whether the map is asked for again before the next call.
    is_stale: AtomicBool,
    /// Held by the one call that asks.
    refreshing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct SlotMap {
    nodes: HashMap<Endpoint, Arc<Node>>,
    /// By slot.
    owners: Vec<Option<Arc<Node>>>,
}

/// Another node has to be asked. The one that answers so ran nothing.
#[derive(Debug)]
pub(crate) struct Redirect {
    slot: u16,
    endpoint: Endpoint,
    /// The slot is on its way: only this call goes to the other node, after `ASKING`.
    pub(crate) is_asking: bool,
}

impl Redirect {
    pub(crate) fn of(error: &RedisError, answered: &Endpoint) -> Option<Self> {
        let (endpoint, slot) = error.redirect_node()?;
        let endpoint = Endpoint::parse(endpoint, answered)?;
        let is_asking = error.kind() == ErrorKind::Server(ServerErrorKind::Ask);
        (usize::from(slot) < SLOTS).then_some(Self { slot, endpoint, is_asking })
    }
}

impl Cluster {
    pub(crate) fn new(connector: Arc<Connector>, seeds: Vec<Endpoint>) -> Self {
        let map = SlotMap { owners: vec![None; SLOTS], ..SlotMap::default() };
        let (map, is_stale) = (Mutex::new(map), AtomicBool::new(true));
        Self { connector, seeds, map, is_stale, refreshing: tokio::sync::Mutex::default() }
    }

    /// The connection to the node that owns the key.
    pub(crate) async fn connection(&self, key: &[u8]) -> RedisResult<Arc<Connection>> {
        let refreshed = self.refresh_if_stale().await;
        let owner = self.map().owners[usize::from(slot(key))].clone();
        match (owner, refreshed) {
            // An old map is better than none: the nodes correct it.
            (Some(owner), _) => owner.connection().await,
            (None, Err(error)) => Err(error),
            (None, Ok(())) => {
                Err((ErrorKind::ClusterConnectionNotFound, "no node owns the slot").into())
            }
        }
    }

    /// The connection to the node that a redirect names.
    pub(crate) async fn follow(&self, redirect: &Redirect) -> RedisResult<Arc<Connection>> {
        let node = {
            let mut map = self.map();
            let node = map.node(&self.connector, &redirect.endpoint);
            if !redirect.is_asking {
                map.owners[usize::from(redirect.slot)] = Some(Arc::clone(&node));
                self.is_stale.store(true, Ordering::Relaxed); // other slots may have moved too
            }
            node
        };
        node.connection().await
    }

    /// The node did not answer, or is no master any more.
    pub(crate) fn forget(&self, connection: &Arc<Connection>) {
        self.note_stale();
        if let Some(node) = self.map().nodes.get(connection.endpoint()) {
            node.forget(connection);
        }
    }

    pub(crate) fn note_stale(&self) {
        self.is_stale.store(true, Ordering::Relaxed);
    }

    /// A connection to each node that owns slots.
    pub(crate) async fn masters(&self) -> RedisResult<Vec<Arc<Connection>>> {
        self.refresh_if_stale().await?;
        let mut connections: Vec<Arc<Connection>> = Vec::new();
        let owners = self.map().owners.clone();
        for owner in owners.into_iter().flatten() {
            let connection = owner.connection().await?;
            if !connections.iter().any(|known| Arc::ptr_eq(known, &connection)) {
                connections.push(connection);
            }
        }
        Ok(connections)
    }

    /// Asks all known nodes at once, so that one which does not answer delays nothing.
    async fn refresh_if_stale(&self) -> RedisResult<()> {
        if !self.is_stale.load(Ordering::Relaxed) {
            return Ok(());
        }
        let _refreshing = self.refreshing.lock().await;
        if !self.is_stale.load(Ordering::Relaxed) {
            return Ok(()); // another call asked
        }
        let nodes: Vec<_> = {
            let mut map = self.map();
            for seed in &self.seeds {
                map.node(&self.connector, seed);
            }
            map.nodes.values().cloned().collect()
        };
        let ranges = first_success(nodes.into_iter().map(ask)).await?;
        self.is_stale.store(false, Ordering::Relaxed);
        self.map().replace(&self.connector, &self.seeds, &ranges);
        Ok(())
    }

    fn map(&self) -> MutexGuard<'_, SlotMap> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotMap {
    fn node(&mut self, connector: &Arc<Connector>, endpoint: &Endpoint) -> Arc<Node> {
        let new = || Arc::new(Node::new(Arc::clone(connector), endpoint.clone()));
        Arc::clone(self.nodes.entry(endpoint.clone()).or_insert_with(new))
    }

    fn replace(&mut self, connector: &Arc<Connector>, seeds: &[Endpoint], ranges: &[Range]) {
        self.owners.fill(None);
        for (slots, endpoint) in ranges {
            let node = self.node(connector, endpoint);
            self.owners[slots.clone()].fill(Some(node));
        }
        self.nodes.retain(|endpoint, _| {
            seeds.contains(endpoint) || ranges.iter().any(|(_, owner)| owner == endpoint)
        });
    }
}

type Range = (RangeInclusive<usize>, Endpoint);

/// The slots of each master, as this node knows them.
async fn ask(node: Arc<Node>) -> RedisResult<Vec<Range>> {
    let connection = node.connection().await?;
    let answer: RedisResult<Vec<Vec<Value>>> =
        connection.query(redis::cmd("CLUSTER").arg("SLOTS")).await;
    let entries = answer.inspect_err(|_| node.forget(&connection))?;
    let ranges = entries.iter().filter_map(|entry| range(entry, connection.endpoint()));
    let ranges: Vec<_> = ranges.collect();
    if ranges.is_empty() {
        return Err((ErrorKind::ClusterConnectionNotFound, "the node knows of no slots").into());
    }
    Ok(ranges)
}

/// The first and last slot, the master, and its replicas.
fn range(entry: &[Value], answered: &Endpoint) -> Option<Range> {
    let [first, last, Value::Array(master), ..] = entry else { return None };
    let (first, last): (usize, usize) =
        (from_redis_value_ref(first).ok()?, from_redis_value_ref(last).ok()?);
    let [host, port, ..] = &master[..] else { return None };
    let host: Option<String> = from_redis_value_ref(host).ok()?;
    let port = from_redis_value_ref(port).ok()?;
    let endpoint = Endpoint::named(&host.unwrap_or_default(), port, answered)?;
    (first <= last && last < SLOTS).then_some((first..=last, endpoint))
}
