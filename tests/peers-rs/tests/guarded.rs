//! Behind Doorward nothing is lost: no check of the conformance suite, and no real server or client.
//!
//! Needs Node and Python, so it is part of the full run (`DOORWARD_TESTS=all`) alone. The binary under test is built by
//! the same run (`cargo test --workspace`).

use std::path::{Path, PathBuf};

use tokio::process::Command;

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../peers")
}

/// The folder of the binaries of this build.
fn binaries() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_echo-upstream")).parent().unwrap().to_owned();
    assert!(folder.join("doorward").exists(), "build the workspace, so that there is a `doorward` to test");
    folder
}

fn is_full_run() -> bool {
    let full = std::env::var("DOORWARD_TESTS").as_deref() == Ok("all");
    if !full {
        eprintln!("skipped: foreign servers and clients run with DOORWARD_TESTS=all");
    }
    full
}

async fn run(command: &mut Command) -> (bool, String) {
    assert!(Command::new(scripts().join("install.sh")).status().await.unwrap().success());
    let output = command.kill_on_drop(true).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[tokio::test]
async fn no_check_of_the_conformance_suite_is_lost_behind_doorward() {
    if !is_full_run() {
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let mut script = Command::new(scripts().join("conformance-guarded.sh"));
    let (passed, text) = run(script.arg(binaries()).arg(out.path())).await;
    assert!(passed, "{text}");
    for line in ["2025-11-25 guarded: passed 83 failed 0", "2026-07-28 guarded: passed 197 failed 0"] {
        assert!(text.contains(line), "{text}");
    }
}

#[tokio::test]
async fn every_real_server_is_guarded_listed_called_and_refused_by_every_official_client() {
    if !is_full_run() {
        return;
    }
    let mut script = Command::new(scripts().join("run"));
    let doorward = binaries().join("doorward");
    let matrix = script.arg("python3").arg(scripts().join("matrix.py")).arg("--doorward").arg(doorward);
    let (passed, text) = run(matrix).await;
    assert!(passed && text.contains("passed 40 failed 0"), "{text}");
}
