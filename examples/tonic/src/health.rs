//! The health check of gRPC, which load balancers call without credentials. The crate `tonic-health` has it
//! whole.

use tonic::{Request, Response, Status};

use crate::generated::health::health_server::Health;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CheckResponse {
    /// 1: serving.
    #[prost(int32, tag = "1")]
    pub(crate) status: i32,
}

pub(crate) struct Serving;

#[tonic::async_trait]
impl Health for Serving {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Ok(Response::new(CheckResponse { status: 1 }))
    }
}
