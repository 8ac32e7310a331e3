//! YAML text as a small tree of nodes, each with its place.
//!
//! A configuration is data that people review, so what makes YAML hard to review is refused here: anchors and
//! aliases, merge keys, tags, doubled keys, several documents. Size, depth and number of nodes are bounded.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::mistake::Place;
use super::source::{Finding, lines, quoted};

/// The largest file that is read, in bytes.
pub(super) const MOST_BYTES: usize = 1024 * 1024;
/// How deep lists and mappings may nest.
const DEEPEST: usize = 32;
/// How many nodes a file may have.
const MOST_NODES: usize = 50_000;

/// A stretch of the text: `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) start: Place,
    pub(super) end: Place,
}

/// Where a node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    /// An option of the command line, such as `--listen`.
    Option(&'static str),
    /// The file as a whole.
    File,
    /// A stretch of the file.
    Text(Span),
}

/// One value of the file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) value: Value,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A scalar; `plain` when it stands without quotes, so that `true` may be a truth value.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Pair>),
    /// Something refused already: whoever reads it stays silent.
    Broken,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) key_at: At,
    pub(super) node: Node,
}

impl Node {
    /// Is there nothing: an empty value, `~` or `null`?
    pub(super) fn is_nothing(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What this is, for a sentence that says what was expected instead.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { .. } if self.is_nothing() => "nothing",
            Value::Scalar { plain: true, text } if is_truth(text) => "a truth value",
            Value::Scalar { plain: true, text } if is_number(text) => "a number",
            Value::Scalar { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Broken => "something unreadable",
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(pairs) => pairs.iter().find(|pair| pair.key == key).map(|pair| &pair.node),
            _ => None,
        }
    }
}

/// Would a reader of YAML 1.2 take this plain scalar for `true` or `false`?
pub(super) fn is_truth(text: &str) -> bool {
    matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
}

/// Would a reader of YAML take this plain scalar for a number?
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && (digits.parse::<f64>().is_ok() || digits.starts_with("0x") || digits.starts_with("0o"))
}

/// Reads the text. What is wrong goes into `findings`; `None` when nothing can be made of the rest.
pub(super) fn parse(text: &str, findings: &mut Vec<Finding>) -> Option<Node> {
    if text.len() > MOST_BYTES {
        findings.push(Finding::new(
            At::File,
            format!("the file is larger than {} KiB", MOST_BYTES / 1024),
            "move what is generated out of the configuration",
        ));
        return None;
    }
    Builder { findings, open: Vec::new(), root: None, nodes: 0, documents: 0 }.build(text)
}

struct Builder<'f> {
    findings: &'f mut Vec<Finding>,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
}

/// A list or mapping whose end has not come yet.
struct Open {
    span: Span,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map { pairs: Vec<Pair>, seen: HashMap<String, Place>, key: Option<Key> },
}

enum Key {
    Name(String, At),
    /// Refused; its value is read and dropped.
    Broken,
}

impl Builder<'_> {
    fn build(mut self, text: &str) -> Option<Node> {
        let mut parser = Parser::new_from_str(text);
        while let Some(next) = parser.next_event() {
            match next {
                Ok((event, span)) => self.event(event, convert(span))?,
                Err(error) => {
                    let start = place(error.marker());
                    let at = At::Text(Span { start, end: start });
                    self.findings.push(Finding::new(
                        at,
                        format!("this is not YAML: {}", error.info()),
                        hint(text, start, error.info()),
                    ));
                    return None;
                }
            }
        }
        if self.root.is_none() {
            self.findings.push(Finding::new(
                At::File,
                "the file says nothing",
                "write at least `servers:` with one server; `doorward.schema.json` lists every key",
            ));
        }
        self.root
    }

    /// `None` ends the reading: what follows is not worth looking at.
    fn event(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.refuse(span, "a second document starts here", "keep one document per file: remove the `---`");
                    return None;
                }
            }
            Event::Alias(_) => {
                self.refuse(
                    span,
                    "aliases such as `*name` are not read",
                    "write the value out, or put it in quotes when a `*` is meant",
                );
                self.add(Node { at: At::Text(span), value: Value::Broken })?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let broken = self.refuse_extras(span, anchor, tag.is_some());
                let plain = matches!(style, ScalarStyle::Plain);
                let value = if broken { Value::Broken } else { Value::Scalar { text: text.into_owned(), plain } };
                self.add(Node { at: At::Text(span), value })?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(span, anchor, tag.is_some());
                self.open(span, Kind::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(span, anchor, tag.is_some());
                self.open(span, Kind::Map { pairs: Vec::new(), seen: HashMap::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { span: start, kind }) = self.open.pop() {
                    let at = At::Text(Span { start: start.start, end: span.end.max(start.end) });
                    let value = match kind {
                        Kind::List(items) => Value::List(items),
                        Kind::Map { pairs, .. } => Value::Map(pairs),
                    };
                    self.add(Node { at, value })?;
                }
            }
        }
        Some(())
    }

    fn refuse(&mut self, span: Span, text: impl Into<String>, fix: impl Into<String>) {
        self.findings.push(Finding::new(At::Text(span), text, fix));
    }

    fn refuse_extras(&mut self, span: Span, anchor: usize, tag: bool) -> bool {
        if anchor > 0 {
            self.refuse(
                span,
                "anchors such as `&name` are not read",
                "remove the anchor, or put the value in quotes when an `&` is meant",
            );
        }
        if tag {
            self.refuse(span, "tags such as `!name` are not read", "remove the tag, or put the value in quotes");
        }
        anchor > 0 || tag
    }

    fn open(&mut self, span: Span, kind: Kind) -> Option<()> {
        if self.open.len() >= DEEPEST {
            self.refuse(span, format!("nested more than {DEEPEST} levels deep"), "flatten this part of the file");
            return None;
        }
        self.open.push(Open { span, kind });
        Some(())
    }

    fn add(&mut self, node: Node) -> Option<()> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            self.findings.push(Finding::new(
                node.at,
                format!("the file has more than {MOST_NODES} values"),
                "split it: one gateway guards fewer servers than this",
            ));
            return None;
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(Kind::List(items)) => items.push(node),
            Some(Kind::Map { pairs, seen, key }) => match key.take() {
                None => *key = Some(read_key(node, seen, self.findings)),
                Some(Key::Name(key, key_at)) => pairs.push(Pair { key, key_at, node }),
                Some(Key::Broken) => {}
            },
        }
        Some(())
    }
}

fn read_key(node: Node, seen: &mut HashMap<String, Place>, findings: &mut Vec<Finding>) -> Key {
    let Value::Scalar { text, plain } = node.value else {
        if !matches!(node.value, Value::Broken) {
            findings.push(Finding::new(
                node.at,
                "a key must be text",
                "write `key: value`; put a key with `{`, `[` or `*` in quotes",
            ));
        }
        return Key::Broken;
    };
    if text == "<<" && plain {
        findings.push(Finding::new(node.at, "merge keys (`<<`) are not read", "write the keys out"));
        return Key::Broken;
    }
    let At::Text(span) = node.at else {
        return Key::Name(text, node.at);
    };
    if let Some(first) = seen.get(&text) {
        findings.push(Finding::new(
            node.at,
            format!("the key {} stands here a second time", quoted(&text)),
            format!("keep one of the two; the first is at line {}", first.line),
        ));
        return Key::Broken;
    }
    seen.insert(text.clone(), span.start);
    Key::Name(text, node.at)
}

fn convert(span: saphyr_parser::Span) -> Span {
    Span { start: place(&span.start), end: place(&span.end) }
}

fn place(marker: &saphyr_parser::Marker) -> Place {
    let number = |from: usize| u32::try_from(from).unwrap_or(u32::MAX);
    Place { line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
}

/// What most likely went wrong, from the parser's words and the line.
fn hint(text: &str, at: Place, info: &str) -> String {
    let number = usize::try_from(at.line).unwrap_or(usize::MAX);
    let line = lines(text).nth(number.saturating_sub(1)).unwrap_or_default();
    let fix = if info.contains("anchor") || info.contains("alias") {
        "put a value that starts with `*` or `&` in quotes: `\"*\"`"
    } else if line.contains("[:") {
        "put an IPv6 address in quotes: `\"[::]:8443\"`"
    } else if info.contains("tab") || line.trim_start_matches(' ').starts_with('\t') {
        "indent with spaces, never with tabs"
    } else if info.contains("tag") || info.contains("TAG") || info.contains("handle") {
        "put a value that starts with `!` or `%` in quotes"
    } else if info.contains("mapping values are not allowed") || info.contains("illegal placement of ':'") {
        "put a value that holds `: ` in quotes, and give keys of one level the same indentation"
    } else if info.contains("quoted scalar") || info.contains("eof") || info.contains("end of stream") {
        "close the quotes and brackets that are open here"
    } else if info.contains("flow") || info.contains("bracket") {
        "close every `{` and `[`, and put a comma between the entries"
    } else if info.contains("unexpected character") {
        "put a value that starts with `@` or a backtick in quotes"
    } else if info.contains("recursion") {
        "flatten this part of the file"
    } else if info.contains("unprintable") {
        "remove the control character"
    } else {
        "look at the indentation and the quotes of this line and the one before"
    };
    fix.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        parse(text, &mut findings);
        findings
            .into_iter()
            .map(|finding| match finding.at {
                At::Text(span) => {
                    format!("{}:{} {}", span.start.line, span.start.column, finding.text)
                }
                _ => finding.text,
            })
            .collect()
    }

    fn span_of(text: &str, path: &[&str]) -> String {
        let node = parse(text, &mut Vec::new()).unwrap();
        let node = path.iter().fold(&node, |node, key| node.get(key).unwrap());
        let At::Text(span) = node.at else { panic!("no span") };
        assert_eq!(span.start.line, span.end.line, "one line in this test");
        let line = text.lines().nth(span.start.line as usize - 1).unwrap();
        let (from, to) = (span.start.column as usize - 1, span.end.column as usize - 1);
        line.chars().skip(from).take(to - from).collect()
    }

    #[test]
    fn every_scalar_knows_its_place() {
        let text = "a:\n  b: plain text  # note\n  'c': \"quoted\"\n  d: [x, y]\n  e: { f: g }\n";
        assert_eq!(span_of(text, &["a", "b"]), "plain text");
        assert_eq!(span_of(text, &["a", "c"]), "\"quoted\"");
        assert_eq!(span_of(text, &["a", "d"]), "[x, y]");
        assert_eq!(span_of(text, &["a", "e", "f"]), "g");
    }

    #[test]
    fn what_makes_yaml_hard_to_review_is_refused_all_at_once() {
        let text = "a: &x 1\nb: *x\nc: !!str 3\nd:\n  <<: { e: 1 }\na: 2\n[k]: v\n";
        assert_eq!(
            findings(text),
            [
                "1:4 anchors such as `&name` are not read",
                "2:4 aliases such as `*name` are not read",
                "3:4 tags such as `!name` are not read",
                "5:3 merge keys (`<<`) are not read",
                "6:1 the key `a` stands here a second time",
                "7:1 a key must be text",
            ]
        );
    }

    #[test]
    fn a_second_document_is_refused() {
        assert_eq!(findings("a: 1\n---\nb: 2\n"), ["2:1 a second document starts here"]);
    }

    #[test]
    fn depth_size_and_number_are_bounded() {
        assert_eq!(findings(&"[".repeat(100)), ["1:33 nested more than 32 levels deep"]);
        assert_eq!(findings(&"[".repeat(100_000)), ["1:256 this is not YAML: recursion limit exceeded"]);
        assert_eq!(findings(&"a".repeat(MOST_BYTES + 1)), ["the file is larger than 1024 KiB"]);
        let many = findings(&format!("a: [{}]", "1,".repeat(MOST_NODES + 1)));
        assert!(many.concat().contains("more than 50000 values"), "{many:?}");
    }

    #[test]
    fn a_text_without_values_says_so() {
        assert_eq!(findings(""), ["the file says nothing"]);
        assert_eq!(findings("# only a note\n"), ["the file says nothing"]);
    }

    #[test]
    fn a_bare_star_is_explained() {
        let mut found = Vec::new();
        assert!(parse("tool: *\n", &mut found).is_none());
        assert!(found.iter().any(|finding| finding.fix.contains("`\"*\"`")), "{found:?}");
    }
}
