//! Where the policy's parts stand in the file, so that what the policy finds is told with its line.

use std::collections::BTreeMap;

use super::decode::head;
use super::mistake::Place;
use super::root::{IDENTITY, PATHS, POLICIES, SERVERS};
use super::yaml::{At, Node, Value};

/// Where each value of the file stands, by its path such as `servers.crm.rules[2].policy`.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    pub(super) origin: String,
    by_path: BTreeMap<String, At>,
}

impl Places {
    pub(super) fn of(origin: &str, root: &Node) -> Self {
        fn walk(path: &str, node: &Node, into: &mut BTreeMap<String, At>) {
            match &node.value {
                Value::Map(pairs) => {
                    for pair in pairs {
                        let path = if path.is_empty() { pair.key.clone() } else { format!("{path}.{}", pair.key) };
                        into.insert(path.clone(), pair.key_at);
                        walk(&path, &pair.node, into);
                    }
                }
                Value::List(items) => {
                    for (index, item) in items.iter().enumerate() {
                        let path = format!("{path}[{index}]");
                        into.insert(path.clone(), head(item.at));
                        walk(&path, item, into);
                    }
                }
                Value::Scalar { .. } | Value::Broken => {}
            }
        }
        let mut by_path = BTreeMap::new();
        let kept = [POLICIES.info.name, PATHS.info.name, SERVERS.info.name];
        if let Value::Map(pairs) = &root.value {
            for pair in pairs.iter().filter(|pair| kept.contains(&pair.key.as_str())) {
                by_path.insert(pair.key.clone(), pair.key_at);
                walk(&pair.key, &pair.node, &mut by_path);
            }
        }
        if let Some(claims) = root.get(IDENTITY.info.name).and_then(|identity| identity.get("claims")) {
            by_path.insert("claims".to_owned(), claims.at);
            walk("claims", claims, &mut by_path);
        }
        Self { origin: origin.to_owned(), by_path }
    }

    /// The value at a path, or the nearest one that holds it.
    pub(super) fn span(&self, path: &str) -> At {
        let mut path = path;
        loop {
            if let Some(at) = self.by_path.get(path) {
                return *at;
            }
            match path.rfind(['.', '[']).and_then(|end| path.get(..end)) {
                Some(shorter) => path = shorter,
                None => return At::File,
            }
        }
    }

    pub(super) fn find(&self, path: &str) -> Option<Place> {
        match self.span(path) {
            At::Text(span) => Some(span.start),
            At::File | At::Option(_) => None,
        }
    }
}
