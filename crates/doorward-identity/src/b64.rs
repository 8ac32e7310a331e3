//! Base64url as JWS has it: no padding, no foreign character, no second spelling of the same bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// RFC 7515 appendix C. The engine refuses padding and non-zero trailing bits, so each byte string
/// has one spelling.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_decodes() {
        assert_eq!(decode("Zm8").as_deref(), Some(b"fo".as_slice()));
        for spelling in ["Zm8=", "Zm9=", "Zm8 ", " Zm8", "Zm\n8", "Z", "Zm8.", "+/8", "Zm8\0", "Zm%38"] {
            assert_eq!(decode(spelling), None, "{spelling:?}");
        }
        assert_eq!(decode("Zm9"), None, "trailing bits that are not zero");
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        for length in 0..70_u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37)).collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
