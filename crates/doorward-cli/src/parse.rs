//! What people write behind options, turned into values once.

use std::str::FromStr;
use std::time::Duration;

use doorward::door::AllowedOrigins;
use doorward::identity::ClaimValue;

/// How long a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ttl(Duration);

impl Ttl {
    /// The longest that `doorward token issue` gives.
    pub(crate) const MAX: Duration = Duration::from_secs(90 * 24 * 60 * 60);
    /// From here on a warning is in order.
    pub(crate) const LONG: Duration = Duration::from_secs(24 * 60 * 60);

    /// The duration; at least a second, at most [`Ttl::MAX`].
    pub(crate) fn duration(self) -> Duration {
        self.0
    }
}

/// What is wrong with an option's value; told by the command line's own parser, which names the option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadValue {
    /// Not a duration.
    #[error("write a number with its unit, such as `30m`, `8h` or `7d`")]
    Duration,
    /// Too short or too long.
    #[error("a token lives from `1s` to `90d`")]
    Ttl,
    /// Not an origin.
    #[error("write the scheme, host and port of the page, such as `https://app.example.com`")]
    Origin,
    /// Not a claim.
    #[error(
        "write `NAME=TEXT`, or `NAME:=VALUE` for a number, `true`, `false` or a list of texts such as `[\"a\",\"b\"]`"
    )]
    Claim,
}

impl FromStr for Ttl {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).ok_or(BadValue::Duration)?;
        let number: u64 = number.parse().map_err(|_| BadValue::Duration)?;
        let seconds = match unit {
            "s" => Some(number),
            "m" => number.checked_mul(60),
            "h" => number.checked_mul(60 * 60),
            "d" => number.checked_mul(24 * 60 * 60),
            _ => return Err(BadValue::Duration),
        };
        let ttl = Duration::from_secs(seconds.ok_or(BadValue::Ttl)?);
        if ttl.is_zero() || ttl > Self::MAX {
            return Err(BadValue::Ttl);
        }
        Ok(Self(ttl))
    }
}

/// A web origin, as the door compares them.
pub(crate) fn origin(text: &str) -> Result<String, BadValue> {
    AllowedOrigins::none().allow_text(text).map(|_| text.to_owned()).map_err(|_| BadValue::Origin)
}

/// One further claim of a token: `NAME=TEXT`, or `NAME:=VALUE` for what is not text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) name: String,
    pub(crate) value: ClaimValue,
}

impl FromStr for Claim {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or(BadValue::Claim)?;
        let (name, value) = match name.strip_suffix(':') {
            Some(name) => (name, typed(value).ok_or(BadValue::Claim)?),
            None => (name, ClaimValue::String(value.to_owned())),
        };
        if name.is_empty() {
            return Err(BadValue::Claim);
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

fn typed(text: &str) -> Option<ClaimValue> {
    use serde_json::Value;
    match serde_json::from_str(text).ok()? {
        Value::Bool(flag) => Some(ClaimValue::Bool(flag)),
        Value::Number(number) => number.as_i64().map(ClaimValue::Integer),
        Value::String(text) => Some(ClaimValue::String(text)),
        Value::Array(items) => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(ClaimValue::Strings)
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_has_a_unit_and_two_ends() {
        let seconds = |text: &str| text.parse::<Ttl>().map(|ttl| ttl.duration().as_secs());
        assert_eq!(seconds("1s"), Ok(1));
        assert_eq!(seconds("90m"), Ok(5_400));
        assert_eq!(seconds("8h"), Ok(28_800));
        assert_eq!(seconds("90d"), Ok(7_776_000));
        for text in ["", "h", "1", "1 h", "1w", "-1h", "1.5h", "٣h", "1H"] {
            assert_eq!(seconds(text), Err(BadValue::Duration), "{text}");
        }
        for text in ["0s", "91d", "2161h", "18446744073709551615d"] {
            assert_eq!(seconds(text), Err(BadValue::Ttl), "{text}");
        }
    }

    #[test]
    fn an_origin_names_one_page_host() {
        assert_eq!(origin("https://app.example.com").as_deref(), Ok("https://app.example.com"));
        for text in ["", "*", "null", "https://", "app.example.com", "https://app.example.com/path"] {
            assert_eq!(origin(text), Err(BadValue::Origin), "{text}");
        }
    }

    #[test]
    fn claims_are_text_unless_said_otherwise() {
        let value = |text: &str| text.parse::<Claim>().map(|claim| (claim.name, claim.value));
        let of = |name: &str, value| Ok((name.to_owned(), value));
        assert_eq!(value("region=emea"), of("region", ClaimValue::String("emea".into())));
        assert_eq!(value("level=3"), of("level", ClaimValue::String("3".into())));
        assert_eq!(value("formula=a=b"), of("formula", ClaimValue::String("a=b".into())));
        assert_eq!(value("level:=3"), of("level", ClaimValue::Integer(3)));
        assert_eq!(value("on:=true"), of("on", ClaimValue::Bool(true)));
        let teams = ["a", "b"].map(str::to_owned).into();
        assert_eq!(value(r#"teams:=["b","a"]"#), of("teams", ClaimValue::Strings(teams)));
        for text in ["", "region", "=x", ":=3", "level:=3.5", "x:=null", "x:={}", "x:=[1]", "x:=emea"] {
            assert_eq!(value(text), Err(BadValue::Claim), "{text}");
        }
    }
}
