//! The conformance upstream is itself complete: what is lost behind Doorward is
//! lost by Doorward.
//!
//! Needs Node, so it is part of the full run (`DOORWARD_TESTS=all`) alone.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../peers")
}

/// The upstream, and the address that it printed.
async fn upstream(arguments: &[&str]) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_conformance-upstream"))
        .args(["--http", "127.0.0.1:0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    (child, line.strip_prefix("listening on ").unwrap().to_owned())
}

/// The last line that the suite's script prints.
async fn run(url: &str, revision: &str) -> String {
    let out = tempfile::tempdir().unwrap();
    let mut script = Command::new(scripts().join("conformance.sh"));
    let output = script.arg(url).arg(revision).arg(out.path()).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().last().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_upstream_passes_every_check_of_both_revisions() {
    if std::env::var("DOORWARD_TESTS").as_deref() != Ok("all") {
        eprintln!("skipped: the conformance suite runs with DOORWARD_TESTS=all");
        return;
    }
    assert!(Command::new(scripts().join("install.sh")).status().await.unwrap().success());
    let (_plain, url) = upstream(&[]).await;
    assert_eq!(run(&url, "2025-11-25").await, "passed 83 failed 0");
    assert_eq!(run(&url, "2026-07-28").await, "passed 197 failed 0");
    let (_cutting, url) = upstream(&["--cut-streams"]).await;
    assert_eq!(run(&url, "2025-11-25").await, "passed 84 failed 0");
}
