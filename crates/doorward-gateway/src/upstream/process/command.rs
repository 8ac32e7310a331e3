//! The one place where a process is started.
//!
//! What is started comes from the operator's configuration alone: an argument vector, never a shell, and an
//! environment from an explicit list. No request reaches this module (incidents of the kind "configuration = code").

use std::{
    io,
    os::unix::{ffi::OsStrExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};

use super::environment::{self, Variable};

/// What to start.
#[derive(Clone, Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<Variable>,
    directory: Option<PathBuf>,
}

impl Launch {
    /// A program, by path or by a name that is looked for along `PATH`, with its arguments.
    ///
    /// # Errors
    ///
    /// When the program is empty, or a part holds a NUL.
    pub fn new(program: impl Into<PathBuf>, arguments: Vec<String>) -> Result<Self, BadLaunch> {
        let program = program.into();
        if program.as_os_str().is_empty() {
            return Err(BadLaunch::Empty);
        }
        if program.as_os_str().as_bytes().contains(&0) || arguments.iter().any(|part| part.contains('\0')) {
            return Err(BadLaunch::Nul);
        }
        Ok(Self { program, arguments, environment: Vec::new(), directory: None })
    }

    /// What the process gets beside what every process gets.
    #[must_use]
    pub fn environment(mut self, variables: Vec<Variable>) -> Self {
        self.environment = variables;
        self
    }

    /// Where the process starts; else where this one did.
    #[must_use]
    pub fn directory(mut self, directory: PathBuf) -> Self {
        self.directory = Some(directory);
        self
    }

    /// The program's name, for messages.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Starts it: at the head of a process group of its own, so that what it starts can be ended with it.
    pub(super) fn spawn(&self) -> io::Result<Spawned> {
        #[expect(clippy::disallowed_methods, reason = "the one place where a process is started")]
        let mut command = std::process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(environment::choose(std::env::vars_os(), &self.environment))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
        match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok(Spawned { child, stdin, stdout, stderr }),
            _ => Err(io::Error::other("the process has no pipes")),
        }
    }
}

/// A process and its pipes.
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// What can't be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLaunch {
    /// No program.
    #[error("the command is empty; name a program and its arguments")]
    Empty,
    /// A NUL, which no operating system passes on.
    #[error("the command holds a NUL character")]
    Nul,
}

/// What to say when a program did not start.
pub(super) fn why_not_started(program: &Path, error: &io::Error) -> String {
    let program = program.display().to_string();
    let program = program.escape_debug();
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("the command `{program}` was not found; is it installed, and in `PATH`?")
        }
        io::ErrorKind::PermissionDenied => format!("the command `{program}` may not be executed"),
        _ => format!("the command `{program}` did not start: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_needed_and_stays_one() {
        let launch = |program: &str, arguments: &[&str]| {
            Launch::new(program, arguments.iter().map(|&part| part.to_owned()).collect())
        };
        assert_eq!(launch("", &[]).unwrap_err(), BadLaunch::Empty);
        assert_eq!(launch("a", &["b\0c"]).unwrap_err(), BadLaunch::Nul);
        assert_eq!(launch("a\0b", &[]).unwrap_err(), BadLaunch::Nul);
        assert_eq!(launch("a b; rm", &[]).unwrap().program(), Path::new("a b; rm"));
    }

    #[tokio::test]
    async fn a_missing_command_is_named_and_no_shell_is_asked() {
        let launch = Launch::new("true; echo no-such-program", Vec::new()).unwrap();
        let error = launch.spawn().map(|_| ()).unwrap_err();
        let said = why_not_started(launch.program(), &error);
        assert_eq!(said, "the command `true; echo no-such-program` was not found; is it installed, and in `PATH`?");
    }
}
