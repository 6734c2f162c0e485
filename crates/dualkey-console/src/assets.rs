use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

/// A file that the binary holds. Its name contains a hash of its content, so that browsers may keep it.
pub(crate) struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    content: &'static [u8],
    hash: u64,
}

pub(crate) const STYLE: Asset = Asset::new(
    "console",
    "css",
    "text/css; charset=utf-8",
    include_bytes!("../assets/console.css"),
);

pub(crate) const SCRIPT: Asset = Asset::new(
    "console",
    "js",
    "text/javascript; charset=utf-8",
    include_bytes!("../assets/console.js"),
);

impl Asset {
    const fn new(
        stem: &'static str,
        extension: &'static str,
        content_type: &'static str,
        content: &'static [u8],
    ) -> Self {
        Self { stem, extension, content_type, content, hash: fnv1a(content) }
    }

    /// The path below the base path, such as `/assets/console-0123456789abcdef.css`.
    pub(crate) fn path(&self) -> String {
        format!("/assets/{}-{:016x}.{}", self.stem, self.hash, self.extension)
    }

    pub(crate) fn response(&self) -> Response {
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static(self.content_type)),
            (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        ];
        (headers, self.content).into_response()
    }
}

/// FNV-1a with 64 bits: it tells versions of a file apart, and protects against nothing.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}
