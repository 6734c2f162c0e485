//! The cost of other ways to check a bearer credential, each used as in its documentation or its own
//! benchmark, with keys and settings prepared.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use biscuit_auth::builder::{Algorithm as BiscuitAlgorithm, AuthorizerBuilder};
use biscuit_auth::builder_ext::AuthorizerExt as _;
use biscuit_auth::{AuthorizerLimits, Biscuit, KeyPair, PrivateKey};
use dualkey_benches::{
    PREFIX, Report, Row, Work, World, interleave, is_measuring, partner_key, request, token_text,
};
use dualkey_token::PlainToken;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use prefixed_api_key::{PrefixedApiKey, PrefixedApiKeyController};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const HASH: &str = "sha2, one digest of the token";
const DUALKEY: &str = "Dualkey: parse and digest";
const DECISION: &str = "Dualkey: the whole decision, limits included";
const BY_HAND: &str = "by hand: SHA-256, RwLock<HashMap>";
const PREFIXED: &str = "prefixed-api-key: parse and check";
const HS256: &str = "jsonwebtoken, HS256";
const EDDSA: &str = "jsonwebtoken, EdDSA";
const BISCUIT: &str = "biscuit-auth: verify and authorize";
const ARGON2: &str = "argon2, default parameters";

fn main() {
    Report::new("peers").table("a bearer credential, hot", peers);
}

fn peers() -> Vec<Row> {
    let (world, text) = (World::new(1, 1), token_text(0));
    let headers = request(&partner_key(0), &text);
    let parse = || PlainToken::parse(&PREFIX, black_box(text)).map(|token| token.digest());
    let known: RwLock<HashMap<[u8; 32], u64>> =
        RwLock::new(HashMap::from([(Sha256::digest(text).into(), 1)]));
    let by_hand = || {
        let digest: [u8; 32] = Sha256::digest(black_box(text)).into();
        known.read().unwrap_or_else(PoisonError::into_inner).get(&digest).copied()
    };
    let (mut prefixed, mut biscuit) = (prefixed(), biscuit());
    let (mut hs256, mut eddsa) = (hs256(), eddsa());
    let works = vec![
        Work::new(HASH, || Sha256::digest(black_box(text))),
        Work::new(DUALKEY, parse),
        Work::new(DECISION, || world.verify(black_box(&headers))),
        Work::new(BY_HAND, by_hand),
        Work::new(PREFIXED, &mut prefixed),
        Work::new(HS256, &mut hs256),
        Work::new(EDDSA, &mut eddsa),
        Work::new(BISCUIT, &mut biscuit),
    ];
    let samples = interleave(501, works);
    let row =
        |name: &&str| Row::new(name).nanos(samples.nanos(name)).hashes(samples.ratio(name, HASH));
    let names = [HASH, DUALKEY, DECISION, BY_HAND, PREFIXED, HS256, EDDSA, BISCUIT];
    let mut rows: Vec<Row> = names.iter().map(row).collect();

    let hash = Work::new(HASH, || Sha256::digest(black_box(text)));
    let samples = interleave(5, vec![hash, Work::new(ARGON2, argon2(&text))]);
    let hashes = samples.ratio(ARGON2, HASH);
    rows.push(Row::new(ARGON2).nanos(samples.nanos(ARGON2)).hashes(hashes));
    rows
}

fn prefixed() -> impl FnMut() -> bool {
    let controller = PrefixedApiKeyController::configure()
        .prefix("gw".to_owned())
        .seam_defaults()
        .finalize()
        .expect("its defaults are enough");
    let (key, hash) = controller.try_generate_key_and_hash().expect("the system has entropy");
    let text = key.to_string();
    move || {
        let key = PrefixedApiKey::from_string(black_box(&text)).expect("it was just made");
        let is_same = controller.check_hash(&key, &hash);
        assert!(is_same);
        is_same
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    scope: String,
    exp: u64,
}

fn jwt(
    algorithm: Algorithm,
    signing: &EncodingKey,
    verifying: DecodingKey,
) -> impl FnMut() -> Claims + use<> {
    let claims =
        Claims { sub: "acme".to_owned(), scope: "reservations:read".to_owned(), exp: 1 << 40 };
    let token = encode(&Header::new(algorithm), &claims, signing).expect("the key fits");
    let validation = Validation::new(algorithm);
    move || {
        let decoded = decode(black_box(&token), &verifying, &validation);
        decoded.expect("it was just signed").claims
    }
}

fn hs256() -> impl FnMut() -> Claims {
    let secret = [7; 32];
    jwt(Algorithm::HS256, &EncodingKey::from_secret(&secret), DecodingKey::from_secret(&secret))
}

/// The public key is derived by biscuit-auth from the same seed.
fn eddsa() -> impl FnMut() -> Claims {
    const PKCS8_OF_ED25519: [u8; 16] =
        [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let private = [&PKCS8_OF_ED25519[..], &[7; 32]].concat();
    let public = BASE64_URL_SAFE_NO_PAD.encode(key_pair().public().to_bytes());
    let verifying = DecodingKey::from_ed_components(&public).expect("it is a public key");
    jwt(Algorithm::EdDSA, &EncodingKey::from_ed_der(&private), verifying)
}

fn key_pair() -> KeyPair {
    let private = PrivateKey::from_bytes(&[7; 32], BiscuitAlgorithm::Ed25519);
    KeyPair::from(&private.expect("any 32 bytes are a key"))
}

fn biscuit() -> impl FnMut() -> usize {
    let root = key_pair();
    let token = Biscuit::builder()
        .fact(r#"right("reservations", "read")"#)
        .and_then(|builder| builder.build(&root))
        .and_then(|token| token.to_vec())
        .expect("the fact is well-formed");
    let public = root.public();
    move || {
        let token = Biscuit::from(black_box(&token), public).expect("it was just signed");
        let mut authorizer = AuthorizerBuilder::new()
            .fact(r#"resource("reservations")"#)
            .and_then(|builder| builder.fact(r#"operation("read")"#))
            .expect("the facts are well-formed")
            .allow_all()
            .build(&token)
            .expect("the token is whole");
        let limits = AuthorizerLimits { max_time: Duration::from_secs(10), ..Default::default() };
        authorizer.authorize_with_limits(limits).expect("everything is allowed")
    }
}

fn argon2(text: &[u8]) -> impl FnMut() -> bool {
    // A debug build takes a second for the default memory.
    let params = match is_measuring() {
        true => argon2::Params::default(),
        false => argon2::Params::new(8, 1, 1, None).expect("the least that argon2 takes"),
    };
    let argon2 = Argon2::new(argon2::Algorithm::default(), argon2::Version::default(), params);
    let hash = argon2.hash_password(text).expect("the system has entropy").to_string();
    move || {
        let hash = PasswordHash::new(&hash).expect("it was just made");
        assert!(argon2.verify_password(black_box(text), &hash).is_ok());
        true
    }
}
