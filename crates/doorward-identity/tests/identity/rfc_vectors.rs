//! The examples of the RFCs, letter by letter.

use doorward_identity::jws::{Algorithm, Compact, PublicKeys};
use doorward_identity::{SigningKey, SymmetricKey};
use serde_json::json;

use crate::support::{b64, unb64};

/// RFC 7515 appendices A.1 to A.3 sign the same claims.
const PAYLOAD: &[u8] = b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

fn keys(jwk: &serde_json::Value) -> PublicKeys {
    PublicKeys::from_jwks(json!({ "keys": [jwk] }).to_string().as_bytes()).expect("key")
}

#[test]
fn rfc_7515_a_1_hs256() {
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                 cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let secret = unb64("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let compact = Compact::parse(token).expect("token");
    assert_eq!((compact.header().algorithm, compact.header().typ.as_deref()), (Algorithm::Hs256, Some("JWT")));
    let key = SymmetricKey::new(&secret).expect("long enough").verifying_key();
    assert_eq!(compact.verify(&key).expect("valid").bytes(), PAYLOAD);
}

#[test]
fn rfc_7515_a_2_rs256() {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290\
                 Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbd\
                 s9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN938\
                 3LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmt\
                 VrBp0igcN_IoypGlUPQGe77Rw";
    let jwk = json!({
        "kty": "RSA", "e": "AQAB",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-\
              pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2Ca\
              pHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb5\
              4h4FRWyuXpoQ",
    });
    let compact = Compact::parse(token).expect("token");
    let keys = keys(&jwk);
    let key = keys.select(compact.header()).expect("key");
    assert_eq!(compact.verify(key).expect("valid").bytes(), PAYLOAD);
}

#[test]
fn rfc_7515_a_3_es256() {
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290\
                 Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let jwk = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let compact = Compact::parse(token).expect("token");
    let keys = keys(&jwk);
    let key = keys.select(compact.header()).expect("key");
    assert_eq!(compact.verify(key).expect("valid").bytes(), PAYLOAD);
}

#[test]
fn rfc_7515_a_4_es512_is_not_offered() {
    assert!(Compact::parse("eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-\
        mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO\
        _Jn").is_err());
}

#[test]
fn rfc_7515_a_5_unsecured_is_refused() {
    let token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    assert!(Compact::parse(token).is_err());
}

#[test]
fn rfc_8037_a_4_ed25519() {
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijc\
                 NR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let compact = Compact::parse(token).expect("token");
    let keys = keys(&jwk);
    let key = keys.select(compact.header()).expect("key");
    assert_eq!(compact.verify(key).expect("valid").bytes(), b"Example of Ed25519 signing");
}

#[test]
fn rfc_8037_a_3_the_key_id_is_the_thumbprint() {
    // The PKCS#8 form (RFC 8410 section 7) of the private key of appendix A.1.
    let prefix = unb64("MC4CAQAwBQYDK2VwBCIEIA");
    let seed = unb64("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    let key = SigningKey::from_pkcs8(&[prefix, seed].concat()).expect("key");
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(key.public_jwk()["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
}

#[test]
fn rfc_7515_appendix_c_base64url_has_no_padding() {
    assert_eq!(b64([3, 236, 255, 224, 193]), "A-z_4ME");
}
