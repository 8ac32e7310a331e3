//! The log: one line per event on standard error, for people on a terminal and as JSON elsewhere.
//!
//! Only Doorward's own modules can be made to say more than warnings. Libraries below them print what crosses the wire
//! at their most talkative levels, headers with credentials included, and nothing of that may stand in a log.

use std::fmt::{self, Write as _};
use std::io::{IsTerminal as _, Write as _};
use std::str::FromStr;

use doorward::audit::Moment;
use doorward::{Surroundings as _, System};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::output::{Paint, paint};
use crate::text::plain;

/// What all targets of our crates begin with.
const OURS: &str = "doorward";

/// How much is logged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verbosity {
    level: LevelFilter,
    modules: Vec<(String, LevelFilter)>,
}

impl Verbosity {
    /// Warnings and errors alone: for commands whose output is data.
    pub(crate) const QUIET: Self = Self { level: LevelFilter::WARN, modules: Vec::new() };
    /// What an operator wants to know of a node.
    pub(crate) const NORMAL: Self = Self { level: LevelFilter::INFO, modules: Vec::new() };

    fn targets(&self) -> Targets {
        let others = self.level.min(LevelFilter::WARN);
        Targets::new().with_default(others).with_target(OURS, self.level).with_targets(self.modules.iter().cloned())
    }
}

/// Not a verbosity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write `error`, `warn`, `info`, `debug`, `trace` or `off`, or a module of Doorward's own with its level, such as `info,doorward_gateway=debug`"
)]
pub(crate) struct BadVerbosity;

impl FromStr for Verbosity {
    type Err = BadVerbosity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut verbosity = Self::NORMAL;
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                Some((module, level)) if is_ours(module) => verbosity.modules.push((module.to_owned(), filter(level)?)),
                Some(_) => return Err(BadVerbosity),
                None => verbosity.level = filter(part)?,
            }
        }
        Ok(verbosity)
    }
}

fn filter(text: &str) -> Result<LevelFilter, BadVerbosity> {
    // The library's own reading takes numbers, and an empty text for `error`.
    match text {
        "error" | "warn" | "info" | "debug" | "trace" | "off" => text.parse().map_err(|_| BadVerbosity),
        _ => Err(BadVerbosity),
    }
}

fn is_ours(module: &str) -> bool {
    module.starts_with(OURS) && module.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// Starts the log of this process.
///
/// # Errors
///
/// When it was started before.
pub(crate) fn start(verbosity: &Verbosity, form: Form) -> Result<(), TryInitError> {
    let terminal = std::io::stderr().is_terminal();
    let json = match form {
        Form::Auto => !terminal,
        Form::Human => false,
        Form::Json => true,
    };
    // A log that nobody can write to must not end the process: its own complaints would go to the same place.
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let layer = if json {
        layer.json().flatten_event(true).with_span_list(false).boxed()
    } else {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        layer.with_ansi(colour).event_format(Human { colour }).boxed()
    };
    tracing_subscriber::registry().with(layer.with_filter(verbosity.targets())).try_init()
}

/// What is said of a panic.
const FAULT: &str = "a fault in Doorward itself: please report it";

/// Lets a panic say where it happened, and nothing of what it held: its message may quote a request.
pub(crate) fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        if tracing::dispatcher::has_been_set() {
            tracing::error!(place, "{FAULT}");
        } else {
            let _ = writeln!(std::io::stderr(), "error: {FAULT} ({place})");
        }
    }));
}

/// `2026-07-28T09:30:00.125Z  INFO what happened key=value`
struct Human {
    colour: bool,
}

impl<S, N> FormatEvent<S, N> for Human
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        let label = format!("{:>5}", level.as_str());
        let label = match level {
            Level::ERROR => paint(self.colour, Paint::Red, &label),
            Level::WARN => paint(self.colour, Paint::Yellow, &label),
            _ => paint(self.colour, Paint::Dim, &label),
        };
        write!(writer, "{} {label} {}{}", Moment(System.now()), plain(&fields.message), plain(&fields.others))?;
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<N>>()
                && !fields.is_empty()
            {
                write!(writer, " {}", plain(fields))?;
            }
        }
        writeln!(writer)
    }
}

/// The fields of an event, the message apart from the others.
#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        let bare = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"');
        if field.name() == "message" {
            self.message.push_str(value);
        } else if bare {
            let _ = write!(self.others, " {}={value}", field.name());
        } else {
            let _ = write!(self.others, " {}={value:?}", field.name());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            let _ = write!(self.others, " {}={value:?}", field.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(verbosity: &str, log: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let layer = layer.with_ansi(false).event_format(Human { colour: false });
        let targets = verbosity.parse::<Verbosity>().unwrap().targets();
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(targets));
        tracing::subscriber::with_default(subscriber, log);
        let bytes = captured.0.lock().unwrap().clone();
        // The time is the only thing that differs between runs.
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| format!("{}\n", line.split_once("Z ").unwrap().1)).collect()
    }

    #[test]
    fn an_event_is_one_line_whatever_it_quotes() {
        let text = logged("info", || {
            let name = "a\nb\u{1b}[2J";
            tracing::info!(target: "doorward_cli", name, %name, count = 2, "it said {name}");
        });
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with(r" INFO it said a\nb\u{1b}[2J"), "{text}");
        assert!(!text.trim_end().contains(char::is_control), "{text}");
        assert!(text.contains("count=2"), "{text}");
    }

    #[test]
    fn a_span_lends_its_fields_to_its_events() {
        let text = logged("info", || {
            tracing::info_span!(target: "doorward_cli", "call", decision = "0197").in_scope(|| {
                tracing::warn!(target: "doorward_cli", server = "crm", "refused");
            });
        });
        assert_eq!(text, " WARN refused server=crm decision=\"0197\"\n");
    }

    #[test]
    fn libraries_never_say_more_than_warnings() {
        let text = logged("trace", || {
            tracing::trace!(target: "hyper::proto", "authorization: Bearer canary");
            tracing::warn!(target: "hyper::proto", "a warning");
            tracing::trace!(target: "doorward_gateway::listen", "ours");
        });
        assert_eq!(text, " WARN a warning\nTRACE ours\n");
        assert_eq!("hyper=trace".parse::<Verbosity>(), Err(BadVerbosity));
        assert_eq!("info,h2=trace".parse::<Verbosity>(), Err(BadVerbosity));
    }

    #[test]
    fn a_module_of_ours_may_have_its_own_level() {
        let text = logged("warn,doorward_wire=debug", || {
            tracing::debug!(target: "doorward_wire::head", "shown");
            tracing::info!(target: "doorward_gateway", "hidden");
        });
        assert_eq!(text, "DEBUG shown\n");
        for bad in ["", "loud", "INFO", "1", "doorward=", "=debug", "doorward wire=debug"] {
            assert_eq!(bad.parse::<Verbosity>(), Err(BadVerbosity), "{bad}");
        }
        assert_eq!("info".parse(), Ok(Verbosity::NORMAL));
    }
}
