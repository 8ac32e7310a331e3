//! A caller as Cedar sees it.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use doorward_identity::{Caller, ClaimType, ClaimValue};

/// A caller's entity, and the only entity that a policy can look into.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) uid: EntityUid,
    pub(crate) entities: Entities,
}

impl Subject {
    /// Builds the entity of `caller` with the declared claims. `None` when a claim is not of its declared type or
    /// Cedar takes exception to a value; the caller is then refused.
    pub(crate) fn new(caller: &Caller, claims: &BTreeMap<String, ClaimType>, ty: &EntityTypeName) -> Option<Self> {
        let uid = EntityUid::from_type_name_and_id(ty.clone(), EntityId::new(caller.key().to_string()));
        let mut attributes = HashMap::from([
            ("roles".to_owned(), strings(caller.roles())),
            ("scopes".to_owned(), strings(caller.scopes())),
            ("issuer".to_owned(), string(caller.issuer())),
            ("subject".to_owned(), string(caller.subject())),
            ("tenant".to_owned(), string(caller.tenant())),
        ]);
        if let Some(client) = caller.client() {
            attributes.insert("client".to_owned(), string(client));
        }
        for (name, ty) in claims {
            if let Some(value) = caller.claims().get(name) {
                attributes.insert(name.clone(), claim(value, *ty)?);
            }
        }
        let entity = Entity::new(uid.clone(), attributes, HashSet::new()).ok()?;
        let entities = Entities::from_entities([entity], None).ok()?;
        Some(Self { uid, entities })
    }
}

fn claim(value: &ClaimValue, ty: ClaimType) -> Option<RestrictedExpression> {
    match (value, ty) {
        (ClaimValue::String(text), ClaimType::String) => Some(string(text)),
        (ClaimValue::Integer(number), ClaimType::Integer) => Some(RestrictedExpression::new_long(*number)),
        (ClaimValue::Bool(value), ClaimType::Bool) => Some(RestrictedExpression::new_bool(*value)),
        (ClaimValue::Strings(values), ClaimType::Strings) => Some(strings(values)),
        _ => None,
    }
}

fn string(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn strings<'a>(values: impl IntoIterator<Item = &'a String>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.into_iter().map(|value| string(value)))
}
