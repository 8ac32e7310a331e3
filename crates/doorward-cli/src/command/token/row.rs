//! What is shown of a token that was issued.

use std::time::SystemTime;

use doorward::identity::TokenRecord;
use serde::Serialize;

use crate::output::Table;
use crate::text::{list, time};

/// One issued token.
#[derive(Serialize)]
pub(super) struct Row {
    id: String,
    user: String,
    client: String,
    roles: Vec<String>,
    scopes: Vec<String>,
    resource: String,
    state: State,
    issued_at: String,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It is accepted.
    Active,
    /// Its time is over.
    Expired,
    /// It was ended before its time.
    Revoked,
}

impl State {
    fn of(record: &TokenRecord, now: SystemTime) -> Self {
        match record.revoked_at {
            Some(_) => Self::Revoked,
            None if record.expires_at <= now => Self::Expired,
            None => Self::Active,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Row {
    pub(super) fn of(record: &TokenRecord, now: SystemTime) -> Self {
        Self {
            id: record.id.clone(),
            user: record.subject.clone(),
            client: record.client.clone(),
            roles: record.roles.iter().cloned().collect(),
            scopes: record.scopes.iter().cloned().collect(),
            resource: record.resource.clone(),
            state: State::of(record, now),
            issued_at: time(record.issued_at),
            expires_at: time(record.expires_at),
            revoked_at: record.revoked_at.map(time),
        }
    }

    /// Tokens under their headings.
    pub(super) fn table(rows: Vec<Self>) -> Table {
        let mut table = Table::new(&["ID", "USER", "ROLES", "SCOPES", "CLIENT", "STATE", "EXPIRES", "RESOURCE"]);
        for row in rows {
            let (roles, scopes) = (list(&row.roles), list(&row.scopes));
            let state = row.state.as_str().to_owned();
            table.row([row.id, row.user, roles, scopes, row.client, state, row.expires_at, row.resource]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_revoked_token_stays_revoked_after_its_time() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut record = TokenRecord {
            id: "id".into(),
            subject: "alice".into(),
            client: "cli".into(),
            roles: ["Admin".to_owned()].into(),
            scopes: Default::default(),
            resource: "http://localhost:8700/mcp".into(),
            issued_at: at(100),
            expires_at: at(200),
            revoked_at: None,
        };
        assert_eq!(State::of(&record, at(199)), State::Active);
        assert_eq!(State::of(&record, at(200)), State::Expired);
        record.revoked_at = Some(at(150));
        assert_eq!(State::of(&record, at(160)), State::Revoked);
        assert_eq!(State::of(&record, at(300)), State::Revoked);
    }
}
