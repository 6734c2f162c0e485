//! What minting, parsing and digesting leave on the stack of their thread.
//!
//! Each test makes the same call with two secrets, at the same addresses, and reads the dead stack below its
//! own frame through `/proc/self/mem`: a byte that differs depends on the secret. Optimized builds only,
//! since others leave a copy wherever a value moves: `cargo test --release -p dualkey-token --test stack`.
#![cfg(all(target_os = "linux", not(debug_assertions)))]

use core::convert::Infallible;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::ptr::from_ref;
use std::thread;

use dualkey_token::{Digester, Pepper, PlainToken, Prefix, TokenDigest};
use rand::rand_core::{TryCryptoRng, TryRng};

const ONE: &str = "gw_GepTZmvCSS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA";
const TWO: &str = "gw_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8aQQdD";

/// The stack between the test's frame and the call. Reading the stack uses less, and overwrites nothing below.
const GAP: usize = 32 * 1024;
/// More than the calls use.
const DEPTH: usize = 32 * 1024;

/// The dead stack after the call.
#[inline(never)]
fn stack_after(call: fn(&[u8]), secret: &[u8]) -> Vec<u8> {
    let top = 0_u8;
    let top = from_ref(black_box(&top)).addr();
    below_gap(black_box(call), secret);
    let mut stack = vec![0; DEPTH];
    let start = u64::try_from(top - GAP - DEPTH).unwrap();
    File::open("/proc/self/mem").unwrap().read_exact_at(&mut stack, start).unwrap();
    stack
}

#[inline(never)]
fn below_gap(call: fn(&[u8]), secret: &[u8]) {
    let mut gap = [0_u8; GAP];
    black_box(&mut gap);
    call(secret);
    black_box(&mut gap);
}

/// The dead stacks after calls with each secret in turn, which have equal lengths. Each call reads its secret
/// from the same address.
fn stacks(call: fn(&[u8]), secrets: [&str; 2]) -> [Vec<u8>; 3] {
    let [mut secret, mut other] = secrets.map(|secret| secret.as_bytes().to_vec());
    let calls = move || {
        let [_, _, one, two, again] = [(); 5].map(|()| {
            let stack = stack_after(call, &secret);
            secret.swap_with_slice(&mut other);
            stack
        });
        [one, two, again] // the first calls allocate
    };
    thread::spawn(calls).join().unwrap()
}

/// The number of bytes on the dead stack that change with the secret, and change back with it.
fn dependent_bytes(call: fn(&[u8]), secrets: [&str; 2]) -> usize {
    let [one, two, again] = stacks(call, secrets);
    (0..DEPTH).filter(|&at| one[at] == again[at] && one[at] != two[at]).count()
}

/// Whether the dead stack holds 4 consecutive bytes of the secret, each XORed with the mask, in either order:
/// SHA-256 reads words big-endian.
fn holds(call: fn(&[u8]), secret: &str, mask: u8) -> bool {
    let [stack, ..] = stacks(call, [secret; 2]);
    let masked = Vec::from_iter(secret["gw_".len()..].bytes().map(|byte| byte ^ mask));
    masked.windows(4).any(|piece| {
        let reversed = Vec::from_iter(piece.iter().rev().copied());
        stack.windows(4).any(|window| window == piece || window == reversed)
    })
}

#[test]
fn the_probe_finds_a_copy_that_is_not_wiped() {
    let copy = |text: &[u8]| {
        let copy: [u8; 51] = text.try_into().unwrap();
        black_box(&copy);
    };
    assert!(dependent_bytes(copy, [ONE, TWO]) >= 45);
    assert!(holds(copy, ONE, 0));
}

#[test]
fn parsing_leaves_nothing_of_the_secret_on_the_stack() {
    let parse = |text: &[u8]| {
        black_box(&PlainToken::parse(&Prefix::new("gw"), text));
    };
    assert_eq!(dependent_bytes(parse, [ONE, TWO]), 0);
    let wrong_checksums = [ONE, TWO].map(|text| text.replacen(&text[50..], "x", 1));
    assert_eq!(dependent_bytes(parse, wrong_checksums.each_ref().map(|text| &**text)), 0);
}

/// Draws the same bytes from the text again and again.
struct Repeat<'a>(&'a [u8]);

impl TryRng for Repeat<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("tokens are drawn as bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("tokens are drawn as bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0[..bytes.len()]);
        Ok(())
    }
}

impl TryCryptoRng for Repeat<'_> {}

#[test]
fn minting_leaves_nothing_of_the_secret_on_the_stack() {
    let mint = |text: &[u8]| {
        black_box(&PlainToken::mint_from(&Prefix::new("gw"), &mut Repeat(text)));
    };
    assert_eq!(dependent_bytes(mint, [ONE, TWO]), 0);
}

#[test]
fn digests_leave_no_text_on_the_stack() {
    let long = ONE.replace("gw_", "gw_live_of_an_application_");
    for text in [ONE, &long] {
        let unpeppered = |text: &[u8]| {
            black_box(TokenDigest::of(text));
        };
        assert!(!holds(unpeppered, text, 0), "{text}");
        let peppered = |text: &[u8]| {
            let digester = Digester::peppered(Pepper::new([7; 32]).unwrap());
            black_box(digester.digest(text));
        };
        assert!(!holds(peppered, text, 0), "{text}");
    }
}

#[test]
fn a_pepper_leaves_nothing_of_its_key_on_the_stack() {
    let pepper = |key: &[u8]| {
        black_box(&Digester::peppered(Pepper::new(key).unwrap()));
    };
    for mask in [0, 0x36, 0x5c] {
        assert!(!holds(pepper, ONE, mask), "{mask:#x}"); // RFC 2104 §2: the key and its two pads
    }
}
