//! Project Wycheproof's JSON Web Signature vectors, all of them (see `tests/wycheproof/README.md`).

use std::collections::BTreeMap;

use doorward_identity::SymmetricKey;
use doorward_identity::jws::{Compact, PublicKeys};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::unb64;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wycheproof/json_web_signature_test.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    public: Option<Value>,
    private: Option<Value>,
    tests: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    tc_id: u32,
    comment: String,
    jws: String,
    result: String,
}

fn file() -> File {
    let text = std::fs::read(FILE).expect("the vectors lie in tests/wycheproof, see the README there");
    serde_json::from_slice(&text).expect("Wycheproof's format")
}

/// Whether the vector's token verifies with its group's key.
fn verifies(group: &Group, vector: &Vector) -> bool {
    let Ok(compact) = Compact::parse(&vector.jws) else {
        return false;
    };
    if let Some(public) = &group.public {
        let set = json!({ "keys": [public] }).to_string();
        let Ok(keys) = PublicKeys::from_jwks(set.as_bytes()) else {
            return false;
        };
        let Ok(key) = keys.select(compact.header()) else {
            return false;
        };
        compact.verify(key).is_ok()
    } else {
        let private = group.private.as_ref().expect("a key");
        let secret = unb64(private["k"].as_str().expect("an octet key"));
        let key = SymmetricKey::new(&secret).expect("long enough").verifying_key();
        compact.verify(&key).is_ok()
    }
}

/// Where our verdict differs from the file's, and why it must.
fn differing() -> BTreeMap<u32, &'static str> {
    BTreeMap::from([
        // The key says PS256, the token PS384. Vectors 338 and 340 demand the opposite for the same
        // situation, and so do we: a key that names its algorithm has only that one (RFC 8725
        // section 3.1).
        (346, "refused: the key is published for another algorithm"),
        (350, "refused: the key is published for another algorithm"),
        // ES512 is not offered.
        (347, "refused: not offered"),
        (351, "refused: not offered"),
        // A `?` inside the header or payload, which a lenient decoder skips. RFC 7515 section 2
        // allows no foreign character, and the vectors' own names call them invalid.
        (372, "refused: foreign character"),
        (373, "refused: foreign character"),
        // Byte for byte the token of vector 357, which is valid: what their names promise was lost
        // in the file.
        (367, "accepted: the same bytes as 357"),
        (370, "accepted: the same bytes as 357"),
    ])
}

#[test]
fn wycheproof_every_vector_has_the_expected_verdict() {
    let file = file();
    let differing = differing();
    let mut count = 0;
    let mut wrong = Vec::new();
    for group in &file.test_groups {
        for vector in &group.tests {
            count += 1;
            let expected = (vector.result == "valid") != differing.contains_key(&vector.tc_id);
            if verifies(group, vector) != expected {
                wrong.push(format!("{} {} ({})", vector.tc_id, vector.comment, vector.result));
            }
        }
    }
    assert_eq!((count, file.number_of_tests), (401, 401));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn wycheproof_the_differing_vectors_are_what_we_say_they_are() {
    let file = file();
    let vectors: BTreeMap<u32, (&Group, &Vector)> = file
        .test_groups
        .iter()
        .flat_map(|group| group.tests.iter().map(move |vector| (vector.tc_id, (group, vector))))
        .collect();
    let header = |id: u32| {
        let text = vectors[&id].1.jws.split('.').next().expect("a header");
        serde_json::from_slice::<Value>(&unb64(text)).expect("JSON")
    };
    for id in [346, 350] {
        assert_eq!(vectors[&id].0.public.as_ref().expect("key")["alg"], "PS256");
        assert_eq!(header(id)["alg"], "PS384");
        // The signature itself is sound: with the right algorithm in the key the token is accepted.
        let mut key = vectors[&id].0.public.clone().expect("key");
        key["alg"] = json!("PS384");
        let group = Group { public: Some(key), private: None, tests: Vec::new() };
        assert!(verifies(&group, vectors[&id].1));
    }
    for id in [347, 351] {
        assert_eq!(header(id)["alg"], "ES512");
    }
    for id in [372, 373] {
        assert!(vectors[&id].1.jws.contains('?'));
    }
    for id in [367, 370] {
        assert_eq!(vectors[&id].1.jws, vectors[&357].1.jws);
    }
}

#[test]
fn wycheproof_what_367_and_370_meant_to_say_is_refused() {
    let file = file();
    let group =
        file.test_groups.iter().find(|group| group.tests.iter().any(|vector| vector.tc_id == 357)).expect("group");
    let good = &group.tests.iter().find(|vector| vector.tc_id == 357).expect("vector").jws;
    let parts: Vec<&str> = good.split('.').collect();
    for (index, padding) in [(0, "="), (1, "="), (1, "=="), (2, "="), (2, "==")] {
        let mut padded: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        padded[index].push_str(padding);
        assert!(Compact::parse(&padded.join(".")).is_err(), "part {index} with {padding}");
    }
}
