//! Describes the service in Rust, so that this example builds without `protoc`. With a `.proto` file,
//! `tonic_prost_build` generates the same code.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let list = Method::builder()
        .name("list")
        .route_name("List")
        .input_type("crate::ListRequest")
        .output_type("crate::GuestList")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    let add = Method::builder()
        .name("add")
        .route_name("Add")
        .input_type("crate::AddRequest")
        .output_type("crate::GuestList")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    let guests =
        Service::builder().name("Guests").package("example").method(list).method(add).build();
    let check = Method::builder()
        .name("check")
        .route_name("Check")
        .input_type("crate::health::CheckRequest")
        .output_type("crate::health::CheckResponse")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    let health = Service::builder().name("Health").package("grpc.health.v1").method(check).build();
    Builder::new().compile(&[guests, health]);
}
