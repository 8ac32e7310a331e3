//! Files that the configuration names: found, readable, and read.

use std::path::{Path, PathBuf};

use super::decode::{Decoder, FromNode};
use super::shape::{Form, Shape};
use super::surroundings::Contents;
use super::yaml::{At, Node};

pub(super) const PATH: Form = Form { what: "the path of a file", example: "/etc/doorward/tls.crt", pattern: "^.+$" };
const FOLDER: Form = Form { what: "the path of a folder", example: "/var/lib/doorward", pattern: "^.+$" };

/// A path, relative ones from the folder of the configuration.
pub(super) fn path(node: &Node, form: &'static Form, d: &mut Decoder<'_>) -> Option<PathBuf> {
    let text = d.text(node, form)?;
    if text.is_empty() || text.contains('\0') {
        return d.malformed(node, text, form);
    }
    if text == "~" || text.starts_with("~/") {
        return d.refuse(
            node.at,
            "`~` is not filled in",
            "write the path out; a relative one starts at the folder of this file",
        );
    }
    Some(d.base.join(text))
}

/// Reads a named file, or says where it was named and why it can't be read.
pub(super) fn open(at: At, path: &Path, d: &mut Decoder<'_>) -> Option<Contents> {
    match d.around.read(path) {
        Ok(contents) => Some(contents),
        Err(why) => d.refuse(
            at,
            format!("the file `{}` can't be read: {why}", path.display()),
            "name a file that this user can read; a relative path starts at the folder of the configuration",
        ),
    }
}

/// Warns when other users of this machine may read a file that holds a secret.
pub(super) fn warn_if_open(at: At, path: &Path, contents: &Contents, d: &mut Decoder<'_>) {
    if contents.open_to_others {
        d.warn(
            at,
            format!("other users of this machine may read or write `{}`", path.display()),
            format!("run `chmod 600 {}`", path.display()),
        );
    }
}

/// A folder, not looked at: the state directory is made when it is first used.
#[derive(Clone, Debug)]
pub(super) struct Folder(pub(super) PathBuf);

impl FromNode for Folder {
    const SHAPE: Shape = Shape::Text(&FOLDER);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        path(node, &FOLDER, d).map(Self)
    }
}

/// A folder that is there.
#[derive(Clone, Debug)]
pub(super) struct ExistingFolder(pub(super) PathBuf);

impl FromNode for ExistingFolder {
    const SHAPE: Shape = Shape::Text(&FOLDER);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let path = path(node, &FOLDER, d)?;
        if !d.around.is_folder(&path) {
            return d.refuse(
                node.at,
                format!("there is no folder `{}`", path.display()),
                "create it, or name one that is there",
            );
        }
        Some(Self(path))
    }
}
