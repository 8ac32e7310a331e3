//! Durations, sizes, rates, counts, hosts and names, each with the form that people write.

use std::time::Duration;

use doorward_policy::{Rate, RateError};
use doorward_wire::ServerName;
use url::{Host, Url};

use super::decode::{Decoder, FromNode, Name};
use super::shape::{Form, Shape};
use super::source::quoted;
use super::yaml::{Node, Value, is_number};

/// The longest duration that means anything here.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

const DURATION: Form = Form { what: "a duration", example: "30s", pattern: "^[0-9]{1,9}(ms|s|m|h|d)$" };

impl FromNode for Duration {
    const SHAPE: Shape = Shape::Text(&DURATION);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Scalar { text, plain: true } = &node.value
            && is_number(text)
        {
            return d.refuse(
                node.at,
                format!("`{text}` has no unit"),
                format!("write the unit: `{text}s` for seconds, or `ms`, `m`, `h`, `d`"),
            );
        }
        let text = d.text(node, &DURATION)?;
        match duration(text) {
            Some(value) if value <= LONGEST => Some(value),
            Some(_) => d.refuse(node.at, format!("`{text}` is more than a year"), "write at most `366d`"),
            None => d.malformed(node, text, &DURATION),
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_number(text)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(60 * 60).map(Duration::from_secs),
        "d" => number.checked_mul(24 * 60 * 60).map(Duration::from_secs),
        _ => None,
    }
}

/// Digits (at most nine, so that nothing overflows) and what follows.
fn split_number(text: &str) -> Option<(u64, &str)> {
    let (digits, rest) = text.split_at_checked(text.bytes().take_while(u8::is_ascii_digit).count())?;
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

/// A duration that is not zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period(pub(super) Duration);

impl FromNode for Period {
    const SHAPE: Shape = Duration::SHAPE;

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let value = Duration::read(node, d)?;
        if value.is_zero() {
            return d.refuse(node.at, "a duration of zero lets nothing happen here", "write one such as `30s`");
        }
        Some(Self(value))
    }
}

/// A number of bytes, not zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size(pub(super) usize);

const SIZE: Form = Form { what: "a size", example: "4MiB", pattern: "^[0-9]{1,9}(B|KiB|MiB|GiB)$" };

impl FromNode for Size {
    const SHAPE: Shape = Shape::Text(&SIZE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Scalar { text, plain: true } = &node.value
            && is_number(text)
        {
            return d.refuse(
                node.at,
                format!("`{text}` has no unit"),
                format!("write the unit: `{text}B` for bytes, or `KiB`, `MiB`, `GiB`"),
            );
        }
        let text = d.text(node, &SIZE)?;
        match size(text) {
            Some(0) => d.refuse(node.at, "a size of zero lets nothing through", "write one such as `4MiB`"),
            Some(bytes) => Some(Self(bytes)),
            None if text.ends_with('B') && split_number(text).is_some() => d.refuse(
                node.at,
                format!("{} is not a size", quoted(text)),
                "units are `B`, `KiB`, `MiB` and `GiB` (powers of 1024)",
            ),
            None => d.malformed(node, text, &SIZE),
        }
    }
}

fn size(text: &str) -> Option<usize> {
    let (number, unit) = split_number(text)?;
    let unit: u64 = match unit {
        "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        "GiB" => 1024 * 1024 * 1024,
        _ => return None,
    };
    usize::try_from(number.checked_mul(unit)?).ok()
}

const RATE: Form = Form { what: "a rate", example: "30/min", pattern: "^[1-9][0-9]{0,6}/(s|min|h)$" };

impl FromNode for Rate {
    const SHAPE: Shape = Shape::Text(&RATE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Scalar { text, plain: true } = &node.value
            && is_number(text)
        {
            return d.refuse(
                node.at,
                format!("`{text}` does not say how often"),
                format!("write `{text}/min`, or with `/s` or `/h`"),
            );
        }
        let text = d.text(node, &RATE)?;
        match text.parse() {
            Ok(rate) => Some(rate),
            Err(RateError::Count) => d.refuse(
                node.at,
                format!("{} is not a rate from 1 to 1000000", quoted(text)),
                "write one such as `30/min`; to forbid something, write no rule for it",
            ),
            Err(RateError::Period) => d.refuse(
                node.at,
                format!("{} is not a rate", quoted(text)),
                "the period is `/s`, `/min` or `/h`; write one such as `30/min`",
            ),
            Err(RateError::Form) => d.malformed(node, text, &RATE),
        }
    }
}

/// A whole number from 1 to `MOST`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count<const MOST: u32>(pub(super) u32);

impl<const MOST: u32> FromNode for Count<MOST> {
    const SHAPE: Shape = Shape::Integer { least: 1, most: MOST };

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, plain: true } if is_number(text) => match text.parse() {
                Ok(number) if (1..=MOST).contains(&number) => Some(Self(number)),
                _ => d.refuse(
                    node.at,
                    format!("`{text}` is not {}", Self::SHAPE.what()),
                    format!("write a number from 1 to {MOST}"),
                ),
            },
            _ => d.mismatch(node, &Self::SHAPE),
        }
    }
}

const TEXT: Form = Form { what: "text", example: "text", pattern: "^.+$" };

impl FromNode for String {
    const SHAPE: Shape = Shape::Text(&TEXT);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &TEXT)?;
        if text.trim().is_empty() {
            return d.refuse(node.at, "the text is empty", "write something, or remove the key");
        }
        Some(text.to_owned())
    }
}

/// Text as it stands, for arguments of a command: a port needs no quotes, and may be empty when quoted.
#[derive(Clone, Debug)]
pub(super) struct Argument(pub(super) String);

impl FromNode for Argument {
    const SHAPE: Shape = Shape::Argument;

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.verbatim(node, &Self::SHAPE)?;
        if text.contains('\0') {
            return d.refuse(node.at, "the text holds a NUL character", "remove it");
        }
        Some(Self(text.to_owned()))
    }
}

impl Name for ServerName {
    const FORM: Form =
        Form { what: "a server name: 1 to 64 of a-z, 0-9, `_` and `-`", example: "crm", pattern: "^[a-z0-9_-]{1,64}$" };

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A name for a policy: letters, digits, `_` and `-`, starting with a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PolicyName(pub(super) String);

impl Name for PolicyName {
    const FORM: Form = Form {
        what: "a policy name: a letter, then up to 63 letters, digits, `_` or `-`",
        example: "CanUseBasicTools",
        pattern: "^[A-Za-z][A-Za-z0-9_-]{0,63}$",
    };

    fn parse(text: &str) -> Option<Self> {
        is_identifier(text, &['_', '-']).then(|| Self(text.to_owned()))
    }
}

/// A name for a claim that policies read: as Cedar wants attributes, so letters, digits and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClaimName(pub(super) String);

impl Name for ClaimName {
    const FORM: Form = Form {
        what: "a claim name: a letter, then up to 63 letters, digits or `_`",
        example: "region",
        pattern: "^[A-Za-z][A-Za-z0-9_]{0,63}$",
    };

    fn parse(text: &str) -> Option<Self> {
        is_identifier(text, &['_']).then(|| Self(text.to_owned()))
    }
}

fn is_identifier(text: &str, beside: &[char]) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || beside.contains(&letter))
}

/// The name of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VariableName(pub(super) String);

pub(super) const VARIABLE: Form =
    Form { what: "the name of an environment variable", example: "API_TOKEN", pattern: "^[A-Za-z_][A-Za-z0-9_]*$" };

impl Name for VariableName {
    const FORM: Form = VARIABLE;

    fn parse(text: &str) -> Option<Self> {
        let fits = text.len() <= 256
            && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        fits.then(|| Self(text.to_owned()))
    }
}

/// A host, perhaps with a port, in the form that a `Host` header has: lower case, IPv6 in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostName(pub(super) String);

const HOST: Form = Form {
    what: "a host, perhaps with a port",
    example: "mcp.example.com",
    pattern: "^([A-Za-z0-9.-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?$",
};

impl FromNode for HostName {
    const SHAPE: Shape = Shape::Text(&HOST);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &HOST)?;
        if text.contains('*') {
            return d.refuse(
                node.at,
                format!("{} has a wildcard: hosts are named one by one", quoted(text)),
                "write each host out, such as `mcp.example.com`",
            );
        }
        if text.contains('/') {
            return d.refuse(
                node.at,
                format!("{} is more than a host", quoted(text)),
                "write the host alone, such as `mcp.example.com` or `localhost:8700`",
            );
        }
        host(text).map(Self).or_else(|| d.malformed(node, text, &HOST))
    }
}

fn host(text: &str) -> Option<String> {
    let url = Url::parse(&format!("http://{text}/")).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.path() == "/";
    if !plain || url.query().is_some() || url.fragment().is_some() || text.ends_with(':') {
        return None;
    }
    let host = url.host_str()?;
    match text.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        // `Url` drops the default port; a `Host` header may carry it.
        Some((_, port)) => port.parse::<u16>().ok().map(|port| format!("{host}:{port}")),
        None => Some(host.to_owned()),
    }
}

/// Does this URL lead back to this machine?
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An `http` or `https` URL without credentials or fragment.
pub(super) fn web_url(node: &Node, text: &str, d: &mut Decoder<'_>) -> Option<Url> {
    let shown = quoted(text);
    let Ok(url) = Url::parse(text) else {
        return d.refuse(node.at, format!("{shown} is not a URL"), "write one such as `https://mcp.example.com`");
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return d.refuse(
            node.at,
            format!("{shown} is not an http or https URL"),
            "write one such as `https://mcp.example.com`",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        d.hide(node);
        return d.refuse(
            node.at,
            "the URL holds a user name or a password",
            "remove it; an upstream's secret goes into `credential: { file: PATH }`",
        );
    }
    if url.fragment().is_some() {
        return d.refuse(node.at, format!("{shown} has a fragment"), "remove the `#` and what follows");
    }
    Some(url)
}

pub(super) const URL: Form = Form { what: "a URL", example: "https://mcp.example.com", pattern: "^https?://[^\\s#]+$" };

/// Reads one of a closed set of words.
pub(super) fn word<T: Copy>(node: &Node, shape: &Shape, all: &[(&'static str, T)], d: &mut Decoder<'_>) -> Option<T> {
    let Value::Scalar { text, .. } = &node.value else {
        return d.mismatch(node, shape);
    };
    if node.is_nothing() {
        return d.mismatch(node, shape);
    }
    if let Some((_, value)) = all.iter().find(|(name, _)| name == text) {
        return Some(*value);
    }
    let fix = match super::table::nearest(text, all.iter().map(|(name, _)| *name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write {}", shape.what()),
    };
    d.refuse(node.at, format!("{} is not {}", quoted(text), shape.what()), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(duration("1h"), Some(Duration::from_secs(3600)));
        assert_eq!(duration("7d"), Some(Duration::from_secs(604_800)));
        for wrong in ["", "s", "30", "30 s", "-1s", "1.5h", "30S", "9999999999s", "٣s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("1B"), Some(1));
        assert_eq!(size("4MiB"), Some(4 * 1024 * 1024));
        assert_eq!(size("2GiB"), Some(2 * 1024 * 1024 * 1024));
        for wrong in ["4MB", "4", "MiB", "-4MiB", "4 MiB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_host_is_written_as_its_header_has_it() {
        assert_eq!(host("MCP.Example.com").as_deref(), Some("mcp.example.com"));
        assert_eq!(host("localhost:8700").as_deref(), Some("localhost:8700"));
        assert_eq!(host("example.com:80").as_deref(), Some("example.com:80"));
        assert_eq!(host("[::1]:8700").as_deref(), Some("[::1]:8700"));
        assert_eq!(host("[::1]").as_deref(), Some("[::1]"));
        for wrong in ["", "a/b", "a@b", "a?b", "a:", "a:b", "a:99999", "::1"] {
            assert_eq!(host(wrong), None, "{wrong}");
        }
    }
}
