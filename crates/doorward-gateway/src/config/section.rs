//! One mapping, read by its table.

use super::decode::{Decoder, head, start};
use super::shape::{all_of, one_of};
use super::source::quoted;
use super::table::{Info, Key, Presence, Table, Term};
use super::yaml::{At, Node, Pair, Value};

/// A mapping that is being read by its table.
pub(super) struct Section<'n> {
    pub(super) at: At,
    pairs: &'n [Pair],
    table: &'static Table,
}

impl<'n> Section<'n> {
    /// Checks the keys against the table: unknown ones, those not available yet, missing ones, and the terms
    /// among them. The values are read afterwards, so that mistakes in them are reported too.
    pub(super) fn open(node: &'n Node, table: &'static Table, d: &mut Decoder<'_>) -> Option<Self> {
        let pairs = match &node.value {
            Value::Map(pairs) => pairs,
            _ => {
                let what = format!("{} as a mapping", table.what);
                return d.unexpected(node, &what, table.example);
            }
        };
        let section = Self { at: node.at, pairs, table };
        let meant: Vec<&str> = pairs.iter().filter_map(|pair| section.known(pair, d)).collect();
        // A key that was meant but misspelt is one mistake, not two.
        let there = |name: &str| section.has(name) || meant.contains(&name);
        for info in table.keys {
            if let Presence::Required(shape) = &info.presence
                && !there(info.name)
            {
                d.refuse::<()>(
                    start(node.at),
                    format!("missing key `{}` in {}", info.name, table.what),
                    format!("add `{}: {}`", info.name, shape.example()),
                );
            }
        }
        for term in table.terms {
            section.agreed(term, &there, d);
        }
        Some(section)
    }

    /// The value of a key; `None` when it is absent or when a mistake was recorded.
    pub(super) fn get<T>(&self, key: &Key<T>, d: &mut Decoder<'_>) -> Option<T> {
        debug_assert!(self.table.key(key.info.name).is_some(), "{} is no key of {}", key.info.name, self.table.name);
        #[cfg(test)]
        d.taken.insert((self.table.name, key.info.name));
        (key.read)(self.node(key.info.name)?, d)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.node(name).is_some()
    }

    /// The node behind a key.
    pub(super) fn node(&self, name: &str) -> Option<&'n Node> {
        self.pair(name).map(|pair| &pair.node)
    }

    /// Where a key stands, or the section itself when it is absent.
    pub(super) fn key_at(&self, name: &str) -> At {
        self.pair(name).map_or(start(self.at), |pair| pair.key_at)
    }

    /// Where a value stands, or the section itself when it is absent.
    pub(super) fn value_at(&self, name: &str) -> At {
        self.pair(name).map_or(start(self.at), |pair| head(pair.node.at))
    }

    /// Where one entry of a list stands; the value itself when it is no list.
    pub(super) fn item_at(&self, name: &str, index: usize) -> At {
        match self.node(name).map(|node| &node.value) {
            Some(Value::List(items)) => items.get(index).map_or(self.value_at(name), |item| item.at),
            _ => self.value_at(name),
        }
    }

    fn pair(&self, name: &str) -> Option<&'n Pair> {
        self.pairs.iter().find(|pair| pair.key == name)
    }

    /// Is the key one of the table? If not, says so, and answers with the key that was most likely meant.
    fn known(&self, pair: &Pair, d: &mut Decoder<'_>) -> Option<&'static str> {
        let allowed = || all_of(self.table.allowed());
        match self.table.key(&pair.key) {
            Some(Info { presence: Presence::NotYet, doc, name }) => {
                d.refuse::<()>(
                    pair.key_at,
                    format!("`{name}` in {} is not available yet in this version", self.table.what),
                    format!("remove it ({doc})"),
                );
                None
            }
            Some(_) => None,
            None => {
                let near = self.table.nearest(&pair.key);
                let fix = match near {
                    Some(near) => format!("did you mean `{near}`? allowed here: {}", allowed()),
                    None => match homes(&pair.key, d.root).as_slice() {
                        [] => format!("allowed here: {}", allowed()),
                        homes => format!("it belongs in {}; allowed here: {}", homes.join(" or "), allowed()),
                    },
                };
                d.refuse::<()>(pair.key_at, format!("unknown key {} in {}", quoted(&pair.key), self.table.what), fix);
                near
            }
        }
    }

    fn agreed(&self, term: &Term, there: &dyn Fn(&str) -> bool, d: &mut Decoder<'_>) {
        match term {
            Term::ExactlyOne(names) => {
                if !names.iter().any(|name| there(name)) {
                    d.refuse::<()>(
                        start(self.at),
                        format!("{} needs one of {}", self.table.what, all_of(names.iter().copied())),
                        format!("add {}", one_of(names.iter().copied())),
                    );
                }
                self.exclusive(names, d);
            }
            Term::AtMostOne(names) => self.exclusive(names, d),
            Term::Needs(name, needed) => {
                if let Some(pair) = self.pair(name)
                    && !there(needed)
                {
                    d.refuse::<()>(
                        pair.key_at,
                        format!("`{name}` means nothing without `{needed}`"),
                        format!("add `{needed}`, or remove `{name}`"),
                    );
                }
            }
        }
    }

    fn exclusive(&self, names: &[&'static str], d: &mut Decoder<'_>) {
        let mut found = self.pairs.iter().filter(|pair| names.contains(&pair.key.as_str()));
        if let Some(first) = found.next() {
            for other in found {
                d.refuse::<()>(
                    other.key_at,
                    format!("`{}` and `{}` exclude each other in {}", first.key, other.key, self.table.what),
                    "keep one of them",
                );
            }
        }
    }
}

/// The tables that a key of this name belongs to.
fn homes(name: &str, root: &'static Table) -> Vec<&'static str> {
    let mut found = Vec::new();
    super::schema::each_table(root, &mut |table| {
        if table.key(name).is_some_and(|info| info.shape().is_some()) {
            found.push(table.what);
        }
    });
    found
}
