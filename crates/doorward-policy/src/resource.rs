//! The ways in which one resource URI can be read.
//!
//! Rules match text, but a server resolves what the text names: `file:///public/../secret`, `FILE:///secret`,
//! `file:///%73ecret` and `file://localhost/secret` all reach the same file. A rule for `file:///secret/*` must not
//! be walked around by another spelling, and the guard can't know how the server reads it. So a request is governed
//! by a rule only if every plausible reading of its URI is governed by that same rule; else it is unknown
//! (checklist A45). A configuration that treats all resources alike refuses nothing through this.

/// The longest URI that is looked at, in bytes; a longer one is governed by no rule.
const MAX_LENGTH: usize = 8 * 1024;

/// How often percent-encoding may be nested before a further layer is taken literally.
const DECODINGS: usize = 3;

/// Schemes whose authority is a host name and so has no case (RFC 3986 section 3.2.2). In others, such as
/// `note://MyNote`, it is just a name.
const HOSTED: [&str; 6] = ["file", "http", "https", "ws", "wss", "ftp"];

/// Every reading of `uri` that differs from its text; none for a plainly written one. `None` when it is too long to
/// be governed at all.
pub(crate) fn other_readings(uri: &str) -> Option<Vec<String>> {
    if uri.len() > MAX_LENGTH {
        return None;
    }
    let mut readings = Vec::new();
    let mut add = |reading: String| {
        if reading != uri && !readings.contains(&reading) {
            readings.push(reading);
        }
    };
    let mut layer = uri.to_owned();
    for _ in 0..=DECODINGS {
        add(normal(&layer, Suffix::Apart));
        // A server that knows no queries or fragments takes them for a part of the path.
        add(normal(&layer, Suffix::InPath));
        let decoded = decode(&layer);
        if decoded == layer {
            break;
        }
        layer = decoded;
        add(layer.clone());
    }
    Some(readings)
}

/// Whether a query or fragment is set apart before the path is resolved.
#[derive(Clone, Copy)]
enum Suffix {
    Apart,
    InPath,
}

/// The URI as a resolver would see it: no controls, one kind of slash, scheme and host without case, no dot segment.
fn normal(text: &str, suffix: Suffix) -> String {
    let text: String =
        text.trim().chars().filter(|c| !c.is_control()).map(|c| if c == '\\' { '/' } else { c }).collect();
    let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return resolve(&text, suffix);
    };
    let scheme = scheme.to_ascii_lowercase();
    let hosted = HOSTED.contains(&scheme.as_str());
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
            (Some(authority), path)
        }
        None => (None, rest),
    };
    let authority = match authority {
        Some(authority) if hosted => Some(authority.to_ascii_lowercase()),
        Some(authority) => Some(authority.to_owned()),
        // `file:/x` is `file:///x` (RFC 8089 appendix B).
        None if scheme == "file" => Some(String::new()),
        None => None,
    };
    let authority = authority.map(|a| if scheme == "file" && a == "localhost" { String::new() } else { a });
    let path = resolve(path, suffix);
    match authority {
        Some(authority) => format!("{scheme}://{authority}{path}"),
        None => format!("{scheme}:{path}"),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Resolves `.`, `..` and empty segments (RFC 3986 section 5.2.4, and what file systems do with `//`).
fn resolve(path: &str, suffix: Suffix) -> String {
    let end = match suffix {
        Suffix::Apart => path.find(['?', '#']).unwrap_or(path.len()),
        Suffix::InPath => path.len(),
    };
    let (path, rest) = path.split_at_checked(end).unwrap_or((path, ""));
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let mut out = String::with_capacity(path.len() + rest.len());
    if path.starts_with('/') {
        out.push('/');
    }
    out.push_str(&kept.join("/"));
    if path.ends_with('/') && !kept.is_empty() {
        out.push('/');
    }
    out.push_str(rest);
    out
}

/// Undoes one layer of percent-encoding. What does not decode to UTF-8 becomes the replacement character: such a
/// reading matches no rule but a broad one.
fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digits = (byte == b'%').then(|| (hex(ahead.next()), hex(ahead.next())));
        if let Some((Some(high), Some(low))) = digits {
            out.push(high << 4 | low);
            bytes = ahead;
        } else {
            out.push(byte);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(byte: Option<u8>) -> Option<u8> {
    let digit = char::from(byte?).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_as(uri: &str, other: &str) -> bool {
        other_readings(uri).expect("short").iter().any(|reading| reading == other)
    }

    #[test]
    fn a_plain_uri_has_one_reading() {
        for uri in [
            "file:///data/report.txt",
            "file:///data/",
            "demo://resource/static/document/architecture.md",
            "note://MyNote",
            "https://example.com/a?b=../c#d",
            "memo:today",
            "postgres://db/public/users/schema",
            "config",
            "test://static-text",
            "ui://widget.html",
        ] {
            let others = other_readings(uri).expect("short");
            // A query is read both ways; with no dots in it they agree.
            if !uri.contains("..") {
                assert!(others.is_empty(), "{uri} has {others:?}");
            }
        }
    }

    #[test]
    fn another_spelling_of_a_file_reads_as_the_file() {
        for uri in [
            "file:///public/../secret/x",
            "file:///./secret/x",
            "file:////secret/x",
            "file:///secret//x",
            "file:///public/%2e%2e/secret/x",
            "file:///public/..%2fsecret/x",
            "file:///public%2F..%2Fsecret/x",
            "file:///public/%252e%252e/secret/x",
            "file:///public\\..\\secret\\x",
            "file:///public/..%5csecret/x",
            "file:///%73ecret/x",
            "FILE:///secret/x",
            "file://localhost/secret/x",
            "file://LOCALHOST/secret/x",
            "file:/secret/x",
            " file:///secret/x",
            "file:///sec\tret/x",
            "file:///public/a?/../../secret/x",
            "file:///public/a#/../../secret/x",
            "file:///public/../../../secret/x",
        ] {
            assert!(reads_as(uri, "file:///secret/x"), "{uri}: {:?}", other_readings(uri));
        }
    }

    #[test]
    fn an_endless_uri_is_governed_by_nothing() {
        assert_eq!(other_readings(&"a".repeat(MAX_LENGTH + 1)), None);
    }

    #[test]
    fn broken_encoding_does_not_stop_the_reading() {
        assert!(reads_as("a:%zz%41", "a:%zzA"));
        assert!(reads_as("a:%ff", "a:\u{fffd}"));
        assert!(reads_as("a:x%4", "a:x%4") || other_readings("a:x%4").expect("short").is_empty());
    }
}
