use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// A request of ten fields, as a browser behind a proxy sends it.
///
/// # Panics
///
/// If a credential is not a valid field value.
#[must_use]
pub fn request(api_key: &[u8], token: &[u8]) -> HeaderMap {
    let rest = [
        ("host", "api.example.com"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "application/json"),
        ("accept-language", "en-GB,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("x-forwarded-for", "192.0.2.43, 198.51.100.17"),
        ("x-request-id", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    let mut headers: HeaderMap = rest
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    rewrite(&mut headers, api_key, token);
    headers
}

/// Replaces the credentials of a request.
///
/// # Panics
///
/// If a credential is not a valid field value.
pub fn rewrite(headers: &mut HeaderMap, api_key: &[u8], token: &[u8]) {
    let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).expect("a valid field value");
    headers.insert(HeaderName::from_static("x-api-key"), value(api_key));
    headers.insert(header::AUTHORIZATION, value(&[b"Bearer ", token].concat()));
}

/// The token with its first two differing neighbours swapped: a typing error that only the checksum
/// detects.
///
/// # Panics
///
/// If the text is not a token.
#[must_use]
pub fn swapped(token: &[u8]) -> Vec<u8> {
    let mut token = token.to_vec();
    let at = (3..50).find(|at| token[*at] != token[at + 1]).expect("a body has two characters");
    token.swap(at, at + 1);
    token
}

/// The output of a future that is ready at its first poll, as a decision from memory is. Inlined, as the poll
/// of an `.await` is.
///
/// # Panics
///
/// If the future is pending.
#[inline(always)]
pub fn ready_or_panic<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the future is pending at its first poll"),
    }
}

/// Pseudo-random numbers (SplitMix64), the same in each run, in an order that defeats the prefetcher.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence of this seed.
    #[must_use]
    pub const fn from(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number below this bound.
    ///
    /// # Panics
    ///
    /// If the bound is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.draw() % bound as u64).expect("the bound is a usize")
    }
}
