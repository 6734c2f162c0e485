//! Golden vectors of token format 1: valid tokens, and malformed ones with the reason.
#![allow(clippy::unwrap_used, reason = "test code may panic")]

use core::convert::Infallible;

use dualkey_token::{ParseTokenErrorKind as Kind, PlainToken, Prefix, TokenDigest};
use rand::TryCryptoRng;
use rand::rand_core::TryRng;

/// Prefix, secret in hex, token, SHA-256 in hex. The hint is the token's last 3 characters.
const GOOD: [(&str, &str, &str, &str); 41] = [
    (
        "gw",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "gw_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8aQQdD",
        "c3addc2d8fa8f150f5cca3ea5c53062a25f7fee325ea5c4de4bf78923fa0233e",
    ),
    (
        "gw_test",
        "dba69ef150da63765168be8b842bf297dee3f4bb182d88d81dfacbc9c3bc2e29",
        "gw_test_26ae8VDaY3ZRaL6LhCvyl97j9LsYLYjYHfrLycO8LimmNgTm",
        "174e7880d15e6b5ffd2b77d219b7ffa5478886fc48c728d687144ad945ed7761",
    ),
    (
        "acme_live",
        "5cda6f12ed256bd949182a9f6c3d23a1fcf5e9f4ed5ece4b00d032b57c8e2c25",
        "acme_live_XNpvEu0la9lJGCqfbD0jofz16fTtXs5LANAytXyOLCWDP02C",
        "6b9f22a6755f04b804ee9fabed558c19d8fb6b38a65a491fdffba6a8e19c7a3a",
    ),
    (
        "acme_live",
        "939932270cb5974f5f7e0af0c36559df6a69134b1f2a10db76885cf7d2cdb8ec",
        "acme_live_k5kyJwy1l09ffgrww2VZ32ppE0sfKhDbdohc99LNuOwk4VV4",
        "73c4fcf96c350b7d8304a1d75514c9a23455a0b78e2bc644b6f8df32a118aa86",
    ),
    (
        "gw_test",
        "c13942bb602c63d8ebbc45ced45e9e69dddd9552e8a4c300bc73027556e6ced6",
        "gw_test_wTlCu2AsY9jrvEXO1F6ead3dlVLopMMAvHMCdVbmztaHFhcW",
        "e9414ebf63a38af12f5bdc6a562d42ea911ad8583ec104daa63b08e469fd5927",
    ),
    (
        "gw",
        "19ea53666bc2492d0cccec488727f4dbb6566111a8d19a21dc3aba35c9b07857",
        "gw_GepTZmvCSS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA",
        "91bab8f20c93b4650fbe7ca71902af3b6268972b035df43e1295ea6fba00fbcf",
    ),
    (
        "acme_live",
        "e04803c2c3cf58e2546a1aa09c033525161b77aeee4e20055fc88eee8db595a5",
        "acme_live_4EgDwsPPWOJUahqgnAM1JRYbd67uTiAFX8iO7o21laXXQG5u",
        "95d0b5e41b583dcf51da3b57cae4e5c07f1976217e603de4149c2bc074bfcb1d",
    ),
    (
        "gw",
        "5aee483d4934a946b63eecbc1ad83d46e70058c7a73718b794a961ee26059ddd",
        "gw_Wu5IPUk0qUa2Puy8Gtg9RucAWMenNxi3lKlh7iYFnd0Z4ojD",
        "eca82be1199eb6bf4e8b15e5e8b4edec5317bb1acc21917174c55ccc30cdaec3",
    ),
    (
        "gw",
        "b68f5082a2ef5dcb784273ba48a6a679d34ec36d736cca9fe6f981de8e5cdf3c",
        "gw_to9QgqLvXct4QnO6SKamedNOw21zbMqf5vmB3o5c3zyLaMbF",
        "10391ec1f4111725a7bae01f213e7aecd29a29f53411632bd0592973fda14a77",
    ),
    (
        "gw_test",
        "75d7b441eeb361ba35a34b0043030734c85c8eca41281a1a35629f0fbd58f054",
        "gw_test_dde0Qe6zYbo1o0sAQwMHNMhcjspBKBoaNWKfD71Y8FSDjXSa",
        "0f4a9cf4817fd16d306fdae8a7753c0dc22e0484b2fd9db322f489096c7d298a",
    ),
    (
        "gw",
        "59b3f4535046b42c94ad4ce52a2c27a4472c98faf0a84aefd76d3a4f30829596",
        "gw_WbP0U1BGtCyUrUzlKiwnpEcsmPrwqErv1206TzCClZa9WaRG",
        "4cac9fb7423cac4a0cda6eae43d5d1d12f6a348f3f3e2eaa606726c70beff121",
    ),
    (
        "acme_live",
        "01f0f09bc5d2149609f6341bc921e69c1d1fca33b770998f00d8064d54d85729",
        "acme_live_AfDwm8XSFJYJ9jQbySHmnB0fyjO3cJmPANgGTVTYVyktzmox",
        "0e99eb254dd08f40b40691da50e34772309a2fe9e22abe43092bed7ec301fd02",
    ),
    (
        "gw",
        "5b374279e8ed96628561db2cc6b9ea315d2e308a8e3f5174412409a76decf3a4",
        "gw_WzdCeejtlmKFYdssxrnqMV0uMIqOP1F0QSQJp23s86ScnjTN",
        "d90d6d87e68a8fe479b33555502686d76567923fcec9a83729cc2de093688f69",
    ),
    (
        "gw_test",
        "6033b16aae3d4ad5c2e9ebd302e2e66aa95cb087856538ed91c72e28540e9424",
        "gw_test_YDOxaq49StXC6evTAuLmaqlcsIeFZTjtkccuKFQOlCRHYo0E",
        "f3225b24f5f5226dda63736f882edefcde7abc0d6ead70bbd7f9f1b0125fdc95",
    ),
    (
        "acme_live",
        "703e012e4801ad47a3dda9c5665d17b29dfb93a5859d5d70b3d04e9e130bd167",
        "acme_live_cD4BLkgBrUej3anFZl0Xsp37k6WFnV1ws9BOnhML0WfgdQoO",
        "2c6962965c5a58a96e3bce5d06dc4ca584bf21e03e0be5257729addea8b54b96",
    ),
    (
        "gw",
        "b0492350d6e0ba67d6ea33de1c47b54083d0ce33ef87b0fd114d8176d971f121",
        "gw_sEkjUNbgumfW6jPeHEe1QIPQzjPvh7D9EU2Bdtlx8SEGlM9y",
        "b03720459848451d59bed38f64e8b814cfc676a6295e8fcc474e26776bc3600d",
    ),
    (
        "acme_live",
        "7cf51527cad26f3f50640e104a20f16828980175c618c28fa62cc671468da28a",
        "acme_live_fPUVJ8rSbz9QZA4QSiDxaCiYAXXGGMKPpizGcUaNoooii3MP",
        "30b81f280c0717f9a5572b7bc9bd9cd97bd2c4e6bd698458b9a776e117f3c748",
    ),
    (
        "gw_test",
        "1f1c1361ed1fcef36c553726199996ebaba719e524e2c89286440d3666aad9e0",
        "gw_test_HxwTYe0fzvNsVTcmGZmW66unGeUk4siShkQNNmaq2eC6FQ0z",
        "cba5ac6c5f7ae3aa83dc5b0921b5f49834ebc606d179c169d7bfbf1cafb48390",
    ),
    (
        "gw",
        "f10f73ee221c7576ef5a26392b2312c6e721e4b328c0b25aec2cb50819d882a8",
        "gw_8Q9z7iIcdXbvWiY5KyMSxuch5LMowLJa7Cy1CBnYgqiMO480",
        "bce8753626967f7d21611e80f1e91f07ec347c634af5494e426749fcd5703b84",
    ),
    (
        "gw",
        "1e95dd707a14b5e9486898c25e2a9971148520f70906f0bb50e6dc9c0f05370e",
        "gw_HpXdcHoUtelIaJjCXiqZcRSFIPcJBvC7UObcnA8FNw4rRMuR",
        "8577a2cdec2c66543cb3bed0e2b3471adf7e61ae2c0cbfe49569cddfbe8b9ffa",
    ),
    (
        "gw_test",
        "a39b0855ea3488faddf59b2cc799e31b6c9438d834bd8280c18759cdd251ae68",
        "gw_test_o5sIVeo0iPrd9Zssx5njG2yUONg0vYKAwYdZzdJRrmjg7G8X",
        "a3d93d66ef678331c298ebced744ee979700b97b743ddcf4221190de94c66b15",
    ),
    (
        "gw_test",
        "e068e24e45fa9b07adeaa36cc4d27980548d846f508370e46058c254091b21d9",
        "gw_test_4GjiTkX6mwet6qNsxNJ5gFSNhG9Qg3DkYFjCVAkbIdmPxFN0",
        "4152c638d69abc9cbf577b48ee35cd5c2772e568b60b067f263dd90bf66446a1",
    ),
    (
        "acme_live",
        "4129e58db04167d69ca9a77ad3b7cf1d148f82c159a67f2d779e85ab7f7a8646",
        "acme_live_QSnljbBBZ9acqad607fPHRSPgsFZpn8td56Fq396hkZnJ3rn",
        "033a2fb819a2e988b3e30b450782fd1444b1499b77d4ebe7d3c10c13152fc57c",
    ),
    (
        "acme_live",
        "ee4a07d4812404e8d73ebc5285eea846f90539d1f26efc89801c7bf0a5e97e32",
        "acme_live_7koH1IEkBOjXPrxShe6oRvkFOdHybvyJgBx78KXpfjK1rtKA",
        "4dd33bdb1c33ff1974187cb346e935756b66a1e4ec7e3add13bcc58fa8c610f7",
    ),
    (
        "gw",
        "23d09185327406af09c2bd99637568e779d3d262e3aea2d73a77ee263c132dec",
        "gw_I9CRhTJ0Bq8Jwr2ZY3Vo53nT0mLjrqLXOnfuJjwTLewOtR5o",
        "e37501f7a99bcbea207bf0348db1666fd59067054b2bc886e40b22e89c9dc087",
    ),
    (
        "acme_live",
        "29612240b6d43ce050d82946ed4993da48a58e749104f05002edca8b006b204b",
        "acme_live_KWEiQLbUPOBQ2ClG7UmT2kiljnSRBPBQAu3KiwBrIEsBvZry",
        "53c06833fbe05fe537557a010c29de46ccec26df292a44ec19bf1aa308b72df9",
    ),
    (
        "gw_test",
        "629df99af96fa32c9f130ccb20318bdaa17960a1f8b0ef518e1b03c84276f060",
        "gw_test_Yp35mvlvoyyfEwzLIDGL2qF5YKH4sO9RjhsDyEJ28GBbX8fQ",
        "ed946005d1576bbb5adde849d768863d9e1a9eec18b3d8fe8c09b6b290c04efb",
    ),
    (
        "gw_test",
        "40b6edb79dd03172b609fcc06b1eb3e94f152ada22a9272bb6d8f73d9676898c",
        "gw_test_QLbtt53QMXK2CfzAax6z6U8VKtoiqScrttj3PZZ2iYzick5U",
        "e215ecec5f07817896fa106a04b00a950739bec6cf7940158645f9d94ced4b86",
    ),
    (
        "gw",
        "92b767b8115bbd7015b14070280d5ec72c4c21085bb4b25408f1fc47d7452bd1",
        "gw_krdnuBFbvXAVsUBwKA1exyxMIQhbtLJUCPH8R9dFK9ELtwzH",
        "1dba84f597929c4de0198a4b960e5f2146c3cf1d692cd9ae8fe9328bbeb7d4e6",
    ),
    (
        "acme_live",
        "d3203048c31744194ca351c61e5cdd2511c7c991077964ef27a131c0e54e0977",
        "acme_live_0yAwSMMXRBlMo1HGHlzdJRHHyZEHeWTvJ6ExwOVOCXfQOmGc",
        "cdd96d0242a491ed3172dc42161b6cbbd27b38714939966b0a4a68f088011b5c",
    ),
    (
        "acme_live",
        "51b55e50c0916811911618838f37ce766e274ebb250a4a9f1136f0b4253608d3",
        "acme_live_UbVeUMCRaBGRFhiDjzfOdm4nTrslCkqfETbwtCU2CNNS8iR5",
        "81828b3e454b67454713661e00c4b27592f94c9ccfbdc890b20f32034c455e7a",
    ),
    (
        "acme_live",
        "5f06344587f4b340c1a4aed99ea9c4e8c6f749b2b49a33477ac652f39960d6aa",
        "acme_live_XwY0RYf0s0DBpK7ZnqnE6Mb3SbK0mjNHesZS85lg1qrF3xCu",
        "624cfb02137091dcf8a51c200ee8b616b32f59e4c00d8b41c8bb32bcb1bcaa7d",
    ),
    (
        "gw_test",
        "447e62ba56121461b126924f4cc7e9b2db7c982f2e4bdc4a114de2f0c1c7e7bc",
        "gw_test_RH5iulYSFGGxJpJPTMfpstt8mC8uS9xKEU3i8MHH57zSxf7G",
        "134ffc4e899ad1c7cc9ab5d6f0c1e447615ebd76cedb234a29c283301fb3ead3",
    ),
    (
        "gw",
        "9872e1a27ba6b4fa67c5d5a7b7987aca3282f03d8d3c2e312a0e0755004603ab",
        "gw_mHLhonumtPpnxdWnt5h6yjKC8D2NPC4xKg4HVQBGA6tVdxWi",
        "51646b0f2d8942377ce483e067e2a2f02e0a2da6a6ce4ad21d949f07d7f55302",
    ),
    (
        "acme_live",
        "f1a1de8536b2575a8dea19e5aad470e1ec342436a528bbb40ae50a2ca2f83373",
        "acme_live_8aHehTayV1qN6hnlqtRw4ew0JDalKLu0CuUKLKL4M3MtEY3e",
        "8453b965094cabcdd40c720690f597cbac20c3607d88632b658aecba7cdb5d1b",
    ),
    (
        "gw_test",
        "b08c7d772b76e89262ea4d1fcddc49c87e34b9d8af0ea8e1f6dea54ec666de24",
        "gw_test_sIx9dyt26JJi6k0fzdxJyH40udivDqjh9t6lTsZm3iS2e8eT",
        "9b13bab98b37aae8532da85ebd4f562cba8ec4a6156c0cb9f07221df04f7e1b8",
    ),
    (
        "gw_test",
        "d5089699d0880ef2f759534576d66f7d9853b07e4cb42ee1cf7aefa607f87fce",
        "gw_test_1QiWmdCIDvL3WVNFdtZvfZhTsH5MtC7hz3rvpgf4f84KXJDR",
        "435250b39e7198eb5371eee3370337619b9bb3717cc1e279d083105bb14a4968",
    ),
    (
        "gw",
        "3edba69513e015ddcc941d915e09edd3a25b609da61549a99c8161f34bb9a433",
        "gw_PtumlRPgFd3MlB2RXgnt06JbYJ2mFUmpnIFh80u5pDNkpHFQ",
        "0a8d2bbb247bc5641af246385eccfa25269d45a8dd9363a5929c7707a43d5021",
    ),
    (
        "acme_live",
        "b44605c383e5a2a05d866f0b7023f22d62431b1f3b41750775f149930e85c2e4",
        "acme_live_tEYFw4PloqBdhm8LcCPyLWJDGx87QXUHdfFJkw6FwuQCMzrO",
        "f90eb9cc6df8a33db2ae5bbb6db63700aa763410391b01c3ecdb78371bf90a1c",
    ),
    (
        "acme_live",
        "b449596a6522a9bb677e22903199f25b4bd90e4ef5a0570be240c3e29cf786c9",
        "acme_live_tElZamUiqbtnfiKQMZnyW0vZDk71oFcL4kDD4pz3hsl1VxmE",
        "4cd8031f0a19f7d5c01511d419fdb7fdddf65b16961f8c5c0bde6176c61cb1f1",
    ),
    (
        "gw",
        "952342376187f2d002358bf0d0a0df235df049c218d82dc9772e0a2b1d9f9c7e",
        "gw_lSNCN2GH8tACNYvw0KDfI13wScIY2C3Jdy4KKx2fnH7wWODw",
        "7ad6f69137480454c920f2b22b2a787eb5077a1052407cf7ef7ccfa8bdf0ba48",
    ),
];

/// Text, kind, reason. All are parsed with the prefix `gw`.
const BAD: [(&str, Kind, &str); 22] = [
    ("", Kind::Prefix, "empty"),
    ("gw", Kind::Prefix, "prefix without separator"),
    ("gw_", Kind::Length, "no body"),
    ("gw_GepTZmvCSS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBu", Kind::Length, "one character short"),
    ("gw_GepTZmvCSS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuAA", Kind::Length, "one character long"),
    ("GW_GepTZmvCSS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA", Kind::Prefix, "prefix in capitals"),
    ("gwx_GepTZmvCSS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA", Kind::Prefix, "another prefix"),
    (" gw_GepTZmvCSS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA", Kind::Prefix, "leading space"),
    ("gw_GepTZmvCSS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA ", Kind::Length, "trailing space"),
    ("gw_GepTZmv-SS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA", Kind::Character, "hyphen"),
    ("gw_GepTZmv_SS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA", Kind::Character, "underscore"),
    (
        "gw_GepTZmv+SS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA",
        Kind::Character,
        "plus, from the other base64 alphabet",
    ),
    ("gw_GepTZmv=SS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA", Kind::Character, "padding"),
    ("gw_GepTZmv\0SS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA", Kind::Character, "a NUL"),
    (
        "gw_GepTZmvéS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA",
        Kind::Character,
        "two-byte letter, same byte length",
    ),
    (
        "gw_GeTpZmvCSS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA",
        Kind::Checksum,
        "two characters swapped",
    ),
    (
        "gw_GepTZmvCSS0MzOxIhAf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA",
        Kind::Checksum,
        "one character changed",
    ),
    (
        "gw_GepTZmvCSS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuB",
        Kind::Checksum,
        "last character changed",
    ),
    (
        "gw_gEPtzMVcss0mZoXiHYF027zwyrgO0zOH3dQ6nCMWEfC0PbUa",
        Kind::Checksum,
        "case of the body swapped",
    ),
    (
        "gw_test_26ae8VDaY3ZRaL6LhCvyl97j9LsYLYjYHfrLycO8LimmNgTm",
        Kind::Length,
        "token of the prefix gw_test parsed as gw",
    ),
    (
        "gw_26ae8VDaY3ZRaL6LhCvyl97j9LsYLYjYHfrLycO8LimmNgTm",
        Kind::Checksum,
        "body of another prefix",
    ),
    (
        "gw_abc123def456ghi789jkl012mno345pqr678stu901vwx234yz",
        Kind::Length,
        "the example of the documentation",
    ),
];

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    assert_eq!(hex.len(), 2 * N);
    core::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
}

#[test]
fn a_valid_token_parses_to_its_digest_and_hint() {
    for (prefix, _, text, sha256) in GOOD {
        let prefix = Prefix::new(prefix);
        let token = PlainToken::parse(&prefix, text).unwrap();
        assert_eq!(token.expose_secret(), text);
        assert_eq!(token.prefix(), prefix);
        assert_eq!(token.digest().as_bytes(), &bytes(sha256));
        assert!(bool::from(token.digest().ct_eq(&TokenDigest::from_bytes(bytes(sha256)))));
        assert_eq!(token.hint().to_string(), format!("*********{}", &text[text.len() - 3..]));
    }
}

/// The differences of single bytes must not cancel one another out.
#[test]
fn digests_that_differ_in_one_or_two_bytes_are_not_equal() {
    let digest = TokenDigest::of(b"gw_one");
    let bytes = *digest.as_bytes();
    for (a, b) in (0..32).flat_map(|a| (0..32).map(move |b| (a, b))) {
        let mut other = bytes;
        other[a] ^= 0x55;
        if b != a {
            other[b] ^= 0x55;
        }
        assert!(!bool::from(digest.ct_eq(&TokenDigest::from_bytes(other))), "{a} {b}");
    }
}

/// A generator that returns these secrets in order.
struct Scripted {
    secrets: Vec<[u8; 32]>,
}

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unimplemented!("minting draws whole secrets")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unimplemented!("minting draws whole secrets")
    }

    fn try_fill_bytes(&mut self, secret: &mut [u8]) -> Result<(), Infallible> {
        secret.copy_from_slice(&self.secrets.remove(0));
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}

#[test]
fn minting_encodes_the_secret() {
    for (prefix, secret, text, _) in GOOD {
        let mut rng = Scripted { secrets: vec![bytes(secret)] };
        assert_eq!(PlainToken::mint_from(&Prefix::new(prefix), &mut rng).expose_secret(), text);
    }
}

#[test]
fn minting_draws_again_until_the_body_is_alphanumeric() {
    let (prefix, secret, text, _) = GOOD[0];
    let mut rng = Scripted { secrets: vec![[0xff; 32], [0xfb; 32], bytes(secret)] };
    assert_eq!(PlainToken::mint_from(&Prefix::new(prefix), &mut rng).expose_secret(), text);
    assert!(rng.secrets.is_empty());
}

#[test]
fn a_malformed_text_is_refused_with_its_kind() {
    for (text, kind, why) in BAD {
        let error = PlainToken::parse(&Prefix::new("gw"), text).unwrap_err();
        assert_eq!(error.kind(), kind, "{why}");
    }
}

#[test]
fn every_refusal_has_the_same_message() {
    for (text, ..) in BAD {
        let error = PlainToken::parse(&Prefix::new("gw"), text).unwrap_err();
        assert_eq!(error.to_string(), "not an access token of this service");
    }
}
