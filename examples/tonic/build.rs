//! The service, in Rust rather than in a `.proto` file, so that this example builds without `protoc`.
//! From a `.proto` file, `tonic_prost_build` makes the same.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let list = Method::builder()
        .name("list")
        .route_name("List")
        .input_type("crate::ListRequest")
        .output_type("crate::GuestList")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    let guests = Service::builder().name("Guests").package("example").method(list).build();
    Builder::new().compile(&[guests]);
}
