//! How a command ends: five codes that scripts rely on, and the one line that explains a failure.

use std::fmt;
use std::process::ExitCode;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked to.
    Done,
    /// It refused, or it found what it was looking for.
    Refused,
    /// The command line makes no sense.
    Usage,
    /// The configuration, a key or the state directory is wrong.
    Configuration,
    /// Something could not be reached, started, bound or written.
    Unreachable,
}

impl Exit {
    const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::Unreachable => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do what it was asked to, in one line for people: what happened, where, and the way out.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    /// The command line makes no sense.
    pub(crate) fn usage(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, text: text.to_string() }
    }

    /// What was asked for is refused, or not there.
    pub(crate) fn refused(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Refused, text: text.to_string() }
    }

    /// The configuration, a key or the state directory is wrong.
    pub(crate) fn configuration(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Configuration, text: text.to_string() }
    }

    /// Something could not be reached, started, bound or written.
    pub(crate) fn unreachable(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Unreachable, text: text.to_string() }
    }

    /// The code that the command ends with.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Standard output could not be written to.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            // Whoever read the output has seen enough.
            return Self { exit: Exit::Done, text: String::new() };
        }
        Self::unreachable(format_args!("cannot write to standard output: {error}"))
    }
}
