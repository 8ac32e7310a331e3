//! One reading of one text: parsed, laid over with options, decoded, told.

use std::path::Path;

use super::decode::Decoder;
use super::mistake::{Mistake, Place, Remark, Warning};
use super::places::Places;
use super::root::{Config, Mount, ROOT, decode};
use super::secret::hide_secrets;
use super::source::{Finding, Source};
use super::surroundings::Surroundings;
use super::yaml::{self, At, Node};

/// Reads the text of a configuration, or says why there is none.
pub(super) fn load_text(path: &Path, around: &dyn Surroundings) -> Result<String, Vec<Mistake>> {
    let refuse = |place: Option<Place>, text: String, fix: &str| {
        let origin = path.to_string_lossy().into();
        vec![Mistake::new(Remark { origin, place, text, fix: fix.to_owned(), snippet: None })]
    };
    let contents = around
        .read(path)
        .map_err(|why| refuse(None, format!("the file can't be read: {why}"), "name a file that this user can read"))?;
    match std::str::from_utf8(&contents.bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()),
        Err(error) => {
            let before = contents.bytes.get(..error.valid_up_to()).unwrap_or_default();
            let before = String::from_utf8_lossy(before);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            Err(refuse(
                Some(Place { line: number(line), column: number(column) }),
                "the file is not UTF-8".to_owned(),
                "save it as UTF-8",
            ))
        }
    }
}

/// One reading of one text, from a file or with the options of a command laid over it.
pub(super) struct Reading<'a> {
    pub(super) text: &'a str,
    pub(super) file_name: &'a str,
    pub(super) base_dir: &'a Path,
    pub(super) around: &'a dyn Surroundings,
    pub(super) mount: Mount,
}

impl Reading<'_> {
    /// Reads the text; `overlay` may add to its root before it is decoded.
    pub(super) fn finish(
        self,
        overlay: impl FnOnce(Node, &mut Vec<Finding>) -> Node,
    ) -> Result<(Config, Vec<Warning>), Vec<Mistake>> {
        let mut source = Source::new(self.file_name, self.text);
        let mut d = Decoder::new(self.around, self.base_dir, &ROOT);
        let root = yaml::parse(self.text, &mut d.findings).map(|root| overlay(root, &mut d.findings));
        if let Some(root) = &root {
            hide_secrets(root, &mut d);
        } else {
            source.hide_assignments();
        }
        let places = root.as_ref().map(|root| Places::of(self.file_name, root)).unwrap_or_default();
        let config = root.and_then(|root| decode(&root, self.mount, places, &mut d));
        for span in std::mem::take(&mut d.hidden) {
            source.hide(span);
        }
        match config {
            Some(config) if d.findings.is_empty() => Ok((config, source.warnings(d.notes))),
            _ => {
                if d.findings.is_empty() {
                    // Every reader records why it gives up; should one forget, nothing is let through.
                    d.findings.push(Finding::new(At::File, "the file can't be used", "report this file as a defect"));
                }
                Err(source.mistakes(d.findings))
            }
        }
    }
}
