//! A configuration against what its servers offered when they were last asked.

use doorward::policy::{Catalogue, CatalogueLog as _, Catalogues, Match, RuleBook};
use doorward::wire::Target;
use doorward_gateway::config::{Config, Mistake};

use crate::command::record;
use crate::exit::Failure;
use crate::state;

/// What came of the comparison.
#[derive(Default)]
pub(super) struct Offered {
    /// What keeps the configuration from being used with these servers.
    pub(super) mistakes: Vec<Mistake>,
    /// Rules for one name that its server did not offer: in one line each.
    pub(super) unknown: Vec<String>,
    /// Servers that have not been asked yet.
    pub(super) unasked: Vec<String>,
}

/// Compares; nothing is asked, started or made.
pub(super) async fn compare(config: &Config, state: &std::path::Path) -> Result<Offered, Failure> {
    let catalogues = load(config, state).await?;
    let mut offered = Offered::default();
    for (name, rules) in &config.policy.servers {
        let Some(catalogue) = catalogues.get(name).filter(|catalogue| !catalogue.is_empty()) else {
            offered.unasked.push(name.to_string());
            continue;
        };
        for rule in rules {
            if let Some(what) = not_offered(&rule.matches, catalogue) {
                offered.unknown.push(format!("`{name}` did not offer the {what} when it was last asked"));
            }
        }
    }
    if let Err(errors) = RuleBook::compile(config.policy.clone(), &catalogues) {
        offered.mistakes = errors.iter().map(|error| config.tell(error)).collect();
    }
    Ok(offered)
}

async fn load(config: &Config, path: &std::path::Path) -> Result<Catalogues, Failure> {
    let mut catalogues = Catalogues::new();
    if !path.join("doorward.db").is_file() {
        return Ok(catalogues);
    }
    let store = record::store(&state::open(path)?).await?;
    for name in config.servers.keys() {
        let text = store.load(name).await.map_err(Failure::unreachable)?;
        // What can't be read any more is as good as never asked.
        if let Some(catalogue) = text.and_then(|text| Catalogue::from_json(&text).ok()) {
            catalogues.insert(name.clone(), catalogue);
        }
    }
    Ok(catalogues)
}

/// What a rule for exactly one name is about, when the server has no such thing. Resources come and go, so a rule for
/// one is never out of date.
fn not_offered(rule: &Match, catalogue: &Catalogue) -> Option<String> {
    let (kind, pattern, target) = match rule {
        Match::Tool(pattern) => ("tool", pattern, Target::Tool(pattern.as_str().into())),
        Match::Prompt(pattern) => ("prompt", pattern, Target::Prompt(pattern.as_str().into())),
        Match::Resource(_) | Match::Discovery => return None,
    };
    (pattern.is_literal() && !catalogue.knows(&target)).then(|| format!("{kind} `{}`", pattern.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_rule_for_one_name_can_be_out_of_date() {
        let nothing = Catalogue::new();
        let tool = |text: &str| Match::Tool(text.parse().unwrap());
        assert_eq!(not_offered(&tool("add"), &nothing).as_deref(), Some("tool `add`"));
        assert_eq!(not_offered(&tool("add*"), &nothing), None);
        assert_eq!(not_offered(&Match::Resource("file:///a".parse().unwrap()), &nothing), None);
        assert_eq!(not_offered(&Match::Discovery, &nothing), None);
    }
}
