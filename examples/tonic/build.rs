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
    Builder::new().compile(&[guests]);
}
