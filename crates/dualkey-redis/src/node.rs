//! One server, by its address.

use std::sync::Arc;

use redis::RedisResult;

use crate::address::Endpoint;
use crate::connection::{Connection, Current};
use crate::connector::Connector;

#[derive(Debug)]
pub(crate) struct Node {
    connector: Arc<Connector>,
    endpoint: Endpoint,
    current: Current,
}

impl Node {
    pub(crate) fn new(connector: Arc<Connector>, endpoint: Endpoint) -> Self {
        Self { connector, endpoint, current: Current::default() }
    }

    pub(crate) async fn connection(&self) -> RedisResult<Arc<Connection>> {
        self.current.get_or_open(Connection::open(&self.connector, &self.endpoint)).await
    }

    pub(crate) fn forget(&self, connection: &Arc<Connection>) {
        self.current.forget(connection);
    }
}
