//! The binary, run to its end or in the background, with a state directory of its own.

use std::cell::OnceCell;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// Long enough for the slowest machine; reached only when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A place for one test: a home with nothing in it, and a state directory that is not there yet.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// What a command that ended said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs a command to its end.
    pub(crate) fn doorward(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Starts a node and waits until it is ready.
    pub(crate) fn node(&self, arguments: &[&str]) -> Node {
        Node::start(self.command(arguments))
    }

    /// Starts a demonstration that keeps its state where commands look for it.
    pub(crate) fn demo(&self, listen: &str) -> Node {
        self.node(&["demo", "--listen", listen, "--state", self.state().to_str().unwrap()])
    }

    #[expect(clippy::disallowed_methods, reason = "the binary under test is a process")]
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("HOME", self.folder.path()).env("DOORWARD_STATE", self.state());
        command.env("TMPDIR", self.folder.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }
}

/// A node in the background; it ends with the value.
pub(crate) struct Node {
    child: Child,
    heard: Receiver<String>,
    said: Vec<String>,
    out: Receiver<String>,
    printed: OnceCell<String>,
    /// The public URL.
    pub(crate) url: String,
}

/// The lines of a stream, as they come.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (lines, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // The stream is read to its end even when nobody listens: a full pipe would stop the node.
            let _ = lines.send(line);
        }
    });
    heard
}

impl Node {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let heard = lines(child.stderr.take().unwrap());
        let out = lines(child.stdout.take().unwrap());
        let mut node = Self { child, heard, said: Vec::new(), out, printed: OnceCell::new(), url: String::new() };
        node.url = node.line_after("ready ");
        node
    }

    /// What `demo` printed on standard output, down to its last line.
    pub(crate) fn out(&self) -> String {
        let all = || {
            let mut text = String::new();
            while !text.contains("Ctrl-C") {
                text.push_str(&self.out.recv_timeout(PATIENCE).unwrap());
                text.push('\n');
            }
            text
        };
        self.printed.get_or_init(all).clone()
    }

    /// Waits for a line that begins so, and gives the rest of it.
    fn line_after(&mut self, beginning: &str) -> String {
        loop {
            match self.heard.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.said.push(line);
                    if let Some(rest) = self.said.last().and_then(|line| line.strip_prefix(beginning)) {
                        return rest.to_owned();
                    }
                }
                Err(_) => panic!("no line begins with `{beginning}`: {:#?}", self.said),
            }
        }
    }

    /// Everything on standard error until the node was ready.
    pub(crate) fn said(&self) -> String {
        self.said.iter().map(|line| format!("{line}\n")).collect()
    }

    pub(crate) fn mcp(&self) -> String {
        format!("{}/mcp", self.url)
    }

    /// Tells the node to stop, as `kill` does, and waits for its end.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// It ended so, with one line on standard error and nothing else, and that line holds these words.
    #[track_caller]
    pub(crate) fn failed_in_one_line(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        assert!(self.err.starts_with("error: "), "{}", self.err);
        assert!(!self.err.contains("backtrace") && !self.err.contains("panicked"), "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in: {}", self.err);
        }
    }
}

/// A file's whole text.
pub(crate) fn read(path: &Path) -> String {
    let mut text = String::new();
    std::fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
    text
}
