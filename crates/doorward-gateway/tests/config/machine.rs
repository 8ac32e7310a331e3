//! The real machine: files that are there, are not, or are something else.

use std::path::Path;

use doorward_gateway::config::{Config, Machine, Surroundings};

use crate::support::told;

#[test]
fn files_are_read_with_who_else_may_read_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.secret");
    std::fs::write(&file, "value").unwrap();
    for (mode, open) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
        set_mode(&file, mode);
        let contents = Machine.read(&file).unwrap();
        assert_eq!((contents.bytes.as_slice(), contents.open_to_others), (b"value".as_slice(), open), "{mode:o}");
    }
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_no_readable_file_of_a_sensible_size_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let read = |path: &Path| Machine.read(path).unwrap_err();
    assert_eq!(read(&folder.path().join("none")), "there is no such file");
    assert_eq!(read(folder.path()), "it is a folder");
    assert_eq!(read(Path::new("/dev/zero")), "it is not a regular file");
    let large = folder.path().join("large");
    std::fs::write(&large, vec![b' '; 1024 * 1024 + 1]).unwrap();
    assert_eq!(read(&large), "it is larger than 1024 KiB");
}

#[test]
fn programs_are_found_along_path_and_by_path() {
    assert!(Machine.has_program(Path::new("sh")));
    assert!(Machine.has_program(Path::new("/bin/sh")));
    assert!(!Machine.has_program(Path::new("doorward-surely-not-a-program")));
    assert!(!Machine.has_program(Path::new("/etc/passwd")), "a file that nobody may run");
}

#[test]
fn a_configuration_is_loaded_with_paths_from_its_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.yaml");
    let secret = folder.path().join("upstream.secret");
    std::fs::write(&secret, "value\n").unwrap();
    set_mode(&secret, 0o600);
    std::fs::write(
        &file,
        "\u{feff}servers: { a: { upstream: { url: https://a.internal, credential: { file: upstream.secret } }, \
         rules: [{ discovery: true, allow: anonymous }] } }",
    )
    .unwrap();
    let (config, warnings) = Config::load(&file).unwrap_or_else(|mistakes| panic!("{}", told(&mistakes)));
    assert_eq!((config.servers.len(), told(&warnings).as_str()), (1, ""));
}

#[test]
fn a_configuration_that_is_not_there_or_not_text_is_one_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let missing = told(&Config::load(&folder.path().join("none.yaml")).unwrap_err());
    assert!(missing.contains("none.yaml: the file can't be read: there is no such file"), "{missing}");
    let binary = folder.path().join("binary.yaml");
    std::fs::write(&binary, b"a: 1\nb: \xff\n").unwrap();
    let told = told(&Config::load(&binary).unwrap_err());
    assert!(told.contains("binary.yaml:2:4: the file is not UTF-8"), "{told}");
}
