//! The processes of a measurement: the upstream, the floor, and the gateway.
#![expect(clippy::disallowed_methods, reason = "what is measured runs in processes of its own")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::Failed;

/// One way to the upstream.
pub struct Path {
    pub name: &'static str,
    pub address: SocketAddr,
    pub token: Option<String>,
    process: Option<u32>,
}

/// All ways, and the processes behind them.
pub struct Paths {
    pub all: Vec<Path>,
    _processes: Vec<Process>,
    _state: tempdir::Scratch,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Path {
    /// The CPU time that the process behind this way has used.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat").unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }

    /// The peak resident memory of that process in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = self.proc("status").unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    fn proc(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.process?)).ok()
    }
}

/// Starts everything and waits until it answers.
pub async fn start() -> Result<Paths, Failed> {
    let state = tempdir::Scratch::new()?;
    let (up, floor, gate, admin) = (free_port()?, free_port()?, free_port()?, free_port()?);
    let me = std::env::current_exe()?;
    let doorward = doorward(&me)?;
    let config = state.path().join("doorward.yaml");
    std::fs::write(&config, configuration(up, gate, admin))?;
    let node = state.path().join("node");
    let upstream = spawn(Command::new(&me).args(["upstream", &up.to_string()]))?;
    let hop = spawn(Command::new(&me).args(["floor", &floor.to_string(), &format!("127.0.0.1:{up}")]))?;
    let mut serve = Command::new(&doorward);
    let gateway = spawn(serve.args(["serve", "--log", "warn", "--config"]).arg(&config).arg("--state").arg(&node))?;
    for port in [up, floor, gate] {
        reachable(port).await?;
    }
    let issued = Command::new(&doorward)
        .args([
            "token", "issue", "--user", "bench", "--role", "User", "--scope", "bench", "--server", "bench", "--ttl",
            "2h",
        ])
        .arg("--state")
        .arg(&node)
        .output()?;
    if !issued.status.success() {
        return Err(format!("no token: {}", String::from_utf8_lossy(&issued.stderr)).into());
    }
    let token = String::from_utf8(issued.stdout)?.trim().to_owned();
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let all = vec![
        Path { name: "direct", address: at(up), token: None, process: None },
        Path { name: "floor", address: at(floor), token: None, process: Some(hop.0.id()) },
        Path { name: "doorward", address: at(gate), token: Some(token), process: Some(gateway.0.id()) },
    ];
    Ok(Paths { all, _processes: vec![upstream, hop, gateway], _state: state })
}

fn spawn(command: &mut Command) -> Result<Process, Failed> {
    Ok(Process(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?))
}

/// The binary that `DOORWARD_BINARY` names, else `doorward` of the same profile, built if need be.
fn doorward(me: &std::path::Path) -> Result<PathBuf, Failed> {
    if let Some(built) = std::env::var_os("DOORWARD_BINARY") {
        return Ok(built.into());
    }
    let mut build = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    build.args(["build", "--quiet", "-p", "doorward-cli"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    if !build.status()?.success() {
        return Err("the `doorward` binary does not build".into());
    }
    Ok(me.with_file_name("doorward"))
}

fn free_port() -> Result<u16, Failed> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

async fn reachable(port: u16) -> Result<(), Failed> {
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("nothing listens on port {port}").into())
}

/// Twenty rules, of which the last matches; a limit that is never met; the ledger as it is by default.
fn configuration(upstream: u16, gateway: u16, admin: u16) -> String {
    let rules: String = (0..18)
        .map(|number| format!("      - {{ tool: \"admin{number:02}*\", policy: CanUseAdminTools }}\n"))
        .collect();
    format!(
        "public_url: http://127.0.0.1:{gateway}\n\
         listen: 127.0.0.1:{gateway}\n\
         admin: {{ listen: \"127.0.0.1:{admin}\" }}\n\
         limits: {{ per_address: 1000000/s, per_caller: 1000000/s, per_client: 1000000/s }}\n\
         policies:\n\
         \x20 CanUseBasicTools: {{ require: {{ all: [authenticated, {{ role: User }}, {{ scope: bench }}] }} }}\n\
         \x20 CanUseAdminTools: {{ require: {{ role: Admin }} }}\n\
         servers:\n\
         \x20 bench:\n\
         \x20   upstream: {{ url: \"http://127.0.0.1:{upstream}/mcp/bench\" }}\n\
         \x20   rules:\n\
         \x20     - {{ discovery: true, allow: anonymous }}\n\
         {rules}\
         \x20     - {{ tool: \"*\", policy: CanUseBasicTools, limit: 1000000/s, log: shape }}\n"
    )
}

mod tempdir {
    //! A directory that goes away with its value.

    use std::path::{Path, PathBuf};

    pub struct Scratch(PathBuf);

    impl Scratch {
        pub fn new() -> std::io::Result<Self> {
            let path = std::env::temp_dir().join(format!("doorward-bench-{}", std::process::id()));
            std::fs::create_dir_all(&path)?;
            Ok(Self(path))
        }

        pub fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
