//! The keys of a mapping, declared once: the decoder reads by them and the JSON Schema is made from them.

use super::decode::{Decoder, FromNode};
use super::shape::Shape;
use super::yaml::Node;

/// A mapping whose keys are fixed.
pub(super) struct Table {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// For a sentence: `a rule`, `the top level`.
    pub(super) what: &'static str,
    /// What it is for.
    pub(super) doc: &'static str,
    /// One that is right, on one line.
    pub(super) example: &'static str,
    /// Its keys, in the order in which people are shown them.
    pub(super) keys: &'static [Info],
    /// What must hold among the keys.
    pub(super) terms: &'static [Term],
}

/// What must hold among the keys of one mapping.
pub(super) enum Term {
    /// Exactly one of these is there.
    ExactlyOne(&'static [&'static str]),
    /// Not more than one of these is there.
    AtMostOne(&'static [&'static str]),
    /// The first makes sense only beside the second.
    Needs(&'static str, &'static str),
}

/// What is known of a key without its type.
#[derive(Clone, Copy)]
pub(super) struct Info {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) presence: Presence,
}

/// Whether a key may, must or can't yet be there.
#[derive(Clone, Copy)]
pub(super) enum Presence {
    Optional(Shape),
    Required(Shape),
    /// Part of the design, refused by name until it works, so that nobody believes it does.
    NotYet,
}

/// A key together with the type behind it.
pub(super) struct Key<T> {
    pub(super) info: Info,
    pub(super) read: fn(&Node, &mut Decoder<'_>) -> Option<T>,
}

impl<T: FromNode> Key<T> {
    pub(super) const fn optional(name: &'static str, doc: &'static str) -> Self {
        Self { info: Info { name, doc, presence: Presence::Optional(T::SHAPE) }, read: T::read }
    }

    pub(super) const fn required(name: &'static str, doc: &'static str) -> Self {
        Self { info: Info { name, doc, presence: Presence::Required(T::SHAPE) }, read: T::read }
    }
}

impl Info {
    /// A key that is refused by name, with what it will be for.
    pub(super) const fn not_yet(name: &'static str, doc: &'static str) -> Self {
        Self { name, doc, presence: Presence::NotYet }
    }

    pub(super) fn shape(&self) -> Option<&Shape> {
        match &self.presence {
            Presence::Optional(shape) | Presence::Required(shape) => Some(shape),
            Presence::NotYet => None,
        }
    }

    pub(super) fn is_required(&self) -> bool {
        matches!(self.presence, Presence::Required(_))
    }
}

impl Table {
    pub(super) fn key(&self, name: &str) -> Option<&'static Info> {
        self.keys.iter().find(|info| info.name == name)
    }

    /// The keys that may be written today.
    pub(super) fn allowed(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys.iter().filter(|info| info.shape().is_some()).map(|info| info.name)
    }

    /// The allowed key that `written` most likely stands for: the same but for case and separators, or a slip or
    /// two of the fingers away.
    pub(super) fn nearest(&self, written: &str) -> Option<&'static str> {
        nearest(written, self.allowed())
    }
}

/// The name that `written` most likely stands for: shortened, in the plural, in another case, or misspelt.
pub(super) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    // A comparison costs the product of the lengths, and nobody means a key by a thousand letters.
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    let folded = fold(written);
    let names = names.filter(|name| name.len() <= LONGEST);
    let shortened = names.clone().filter(|name| shortens(&folded, &fold(name)));
    let misspelt = names
        .map(|name| (strsim::damerau_levenshtein(&folded, &fold(name)), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name);
    shortened.min_by_key(|name| name.len()).or(misspelt)
}

/// `cmd` is `command`: the letters of one, in order, among those of the other, from the same first letter.
fn shortens(short: &str, long: &str) -> bool {
    let mut letters = long.chars();
    short.len() >= 3
        && short.chars().next() == long.chars().next()
        && short.chars().all(|letter| letters.any(|other| other == letter))
}

/// Lower case, in the singular, without separators: `publicUrls` and `public-url` are `public_url`.
fn fold(name: &str) -> String {
    let name: String =
        name.chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase).collect();
    match (name.strip_suffix("ies"), name.strip_suffix('s')) {
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(stem)) if stem.len() >= 3 => stem.to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_forgives_case_plurals_shortening_and_slips() {
        let names = ["policy", "public_url", "tls", "listen", "limit", "cwd", "command"];
        for (written, meant) in [
            ("polcy", Some("policy")),
            ("policys", Some("policy")),
            ("policies", Some("policy")),
            ("cmd", Some("command")),
            ("cwdd", Some("cwd")),
            ("publicUrl", Some("public_url")),
            ("public-url", Some("public_url")),
            ("TLS", Some("tls")),
            ("lisent", Some("listen")),
            ("zebra", None),
        ] {
            assert_eq!(nearest(written, names.into_iter()), meant, "{written}");
        }
    }
}
