//! A caller and what it asks for, as Cedar sees them.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression};
use doorward_identity::{Caller, ClaimType, ClaimValue};

/// The entity types of the schema.
pub(crate) struct Types {
    caller: EntityTypeName,
    target: EntityTypeName,
    action: EntityTypeName,
}

impl Types {
    /// `None` only if Cedar no longer takes these for type names.
    pub(crate) fn new() -> Option<Self> {
        Some(Self { caller: "Caller".parse().ok()?, target: "Target".parse().ok()?, action: "Action".parse().ok()? })
    }
}

/// A caller's entity.
#[derive(Debug)]
pub(crate) struct Subject {
    uid: EntityUid,
    entity: Entity,
}

impl Subject {
    /// Builds the entity of `caller` with the declared claims. `None` when a claim is not of its declared type or
    /// Cedar takes exception to a value; the caller is then refused.
    pub(crate) fn new(caller: &Caller, claims: &BTreeMap<String, ClaimType>, types: &Types) -> Option<Self> {
        let uid = EntityUid::from_type_name_and_id(types.caller.clone(), EntityId::new(caller.key().to_string()));
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
        Some(Self { uid, entity })
    }
}

/// What is asked for: the id of the action and of its target, and what the target is.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) id: String,
    pub(crate) server: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
}

/// One question to Cedar: a caller at a place. All policies of a rule are asked the same.
#[derive(Debug)]
pub(crate) struct Inquiry {
    pub(super) request: Request,
    pub(super) entities: Entities,
}

impl Inquiry {
    /// `None` when Cedar takes exception to the question; the caller is then refused.
    pub(crate) fn new(subject: &Subject, place: Place<'_>, types: &Types) -> Option<Self> {
        let id = EntityId::new(place.id);
        let action = EntityUid::from_type_name_and_id(types.action.clone(), id.clone());
        let resource = EntityUid::from_type_name_and_id(types.target.clone(), id);
        let attributes = HashMap::from([
            ("server".to_owned(), string(place.server)),
            ("kind".to_owned(), string(place.kind)),
            ("name".to_owned(), string(place.name)),
        ]);
        let target = Entity::new(resource.clone(), attributes, HashSet::new()).ok()?;
        Some(Self {
            request: Request::new(subject.uid.clone(), action, resource, Context::empty(), None).ok()?,
            entities: Entities::from_entities([subject.entity.clone(), target], None).ok()?,
        })
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
