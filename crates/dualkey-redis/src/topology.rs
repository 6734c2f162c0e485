//! Which server decides for a key.

use std::sync::Arc;

use redis::{RedisError, RedisResult};

use crate::address::{Address, Servers};
use crate::cluster::{Cluster, Redirect};
use crate::connection::Connection;
use crate::connector::Connector;
use crate::failure::{is_cluster_down, is_no_master};
use crate::node::Node;
use crate::sentinel::Sentinels;
use crate::tls::Tls;

#[derive(Debug)]
pub(crate) enum Topology {
    Node(Node),
    Sentinels(Arc<Sentinels>),
    Cluster(Cluster),
}

impl Topology {
    pub(crate) fn new(address: Address) -> Result<Self, String> {
        let tls = address.is_encrypted.then(|| Tls::new(address.ca_file.as_deref())).transpose()?;
        let connector = Connector { login: address.login, tls };
        Ok(match address.servers {
            Servers::Node(endpoint) => Self::Node(Node::new(Arc::new(connector), endpoint)),
            Servers::Cluster(seeds) => Self::Cluster(Cluster::new(Arc::new(connector), seeds)),
            Servers::Sentinels { sentinels, service, login } => {
                let asker = Connector { login, tls: connector.tls.clone() };
                Self::Sentinels(Arc::new(Sentinels::new(connector, asker, sentinels, service)))
            }
        })
    }

    pub(crate) async fn connection(
        &self,
        key: &[u8],
        redirect: Option<&Redirect>,
    ) -> RedisResult<Arc<Connection>> {
        match (self, redirect) {
            (Self::Node(node), _) => node.connection().await,
            (Self::Sentinels(sentinels), _) => sentinels.connection().await,
            (Self::Cluster(cluster), None) => cluster.connection(key).await,
            (Self::Cluster(cluster), Some(redirect)) => cluster.follow(redirect).await,
        }
    }

    /// A connection to each server that decides.
    pub(crate) async fn connections(&self) -> RedisResult<Vec<Arc<Connection>>> {
        match self {
            Self::Node(node) => Ok(vec![node.connection().await?]),
            Self::Sentinels(sentinels) => Ok(vec![sentinels.connection().await?]),
            Self::Cluster(cluster) => cluster.masters().await,
        }
    }

    /// A server could not be reached. It may have been replaced.
    pub(crate) fn note_unreachable(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.note_stale();
        }
    }

    /// The next call opens a new connection, to the server that decides then.
    pub(crate) fn forget(&self, connection: &Arc<Connection>) {
        match self {
            Self::Node(node) => node.forget(connection),
            Self::Sentinels(sentinels) => sentinels.forget(connection),
            Self::Cluster(cluster) => cluster.forget(connection),
        }
    }

    /// The server answered with this error, and ran nothing. Says where the call is sent again.
    pub(crate) fn redirect(
        &self,
        error: &RedisError,
        connection: &Arc<Connection>,
    ) -> Option<Redirect> {
        if is_no_master(error) {
            self.forget(connection);
        }
        let Self::Cluster(cluster) = self else { return None };
        if is_cluster_down(error) {
            cluster.note_stale();
        }
        Redirect::of(error, connection.endpoint())
    }
}
