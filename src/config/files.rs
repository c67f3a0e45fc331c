//! Reading the configuration's files: bounded, and every way to fail has its own words.

use super::problem::{Origin, Problem};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A hundred times what a full configuration needs: what is larger is not a configuration.
const LARGEST: u64 = 256 * 1024;
const MOST_DROP_INS: usize = 64;
const DROP_IN_DIRECTORY: &str = "config.d";
/// What editors and package tools leave beside a file; ignored without a word.
const LEFTOVERS: &[&str] = &["~", ".bak", ".orig", ".swp", ".dpkg-old", ".dpkg-new", ".dpkg-dist", ".rpmsave", ".rpmnew", ".rpmorig"];

pub(super) struct Text {
    pub path: PathBuf,
    pub text: String,
}

/// The main file and its drop-ins in name order, as far as they could be read.
pub(super) fn read(path: &Path, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Vec<Text> {
    let mut paths = vec![path.to_owned()];
    match drop_ins(path, warnings) {
        Ok(found) => paths.extend(found),
        Err(problem) => problems.push(problem),
    }
    let mut texts = Vec::new();
    for path in paths {
        match read_one(&path, texts.is_empty()) {
            Ok(text) => texts.push(Text { path, text }),
            Err(problem) => problems.push(problem),
        }
    }
    texts
}

fn drop_ins(main: &Path, warnings: &mut Vec<Problem>) -> Result<Vec<PathBuf>, Problem> {
    let directory = main.parent().unwrap_or(Path::new("")).join(DROP_IN_DIRECTORY);
    let failed = |error: io::Error| {
        let origin = Origin::File(directory.clone());
        Problem::of_file(origin, format!("the drop-in directory can't be read: {error}"), "correct its owner and mode, or remove it")
    };
    let entries = match fs::read_dir(&directory) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if is_drop_in(&path) {
            found.push(path);
        } else if !is_leftover(&path) {
            warnings.push(Problem::of_file(
                Origin::File(path),
                "this file is ignored: its name does not end in .toml",
                "rename or remove it",
            ));
        }
    }
    found.sort();
    if found.len() > MOST_DROP_INS {
        let message = format!("there are {} drop-ins, and at most {MOST_DROP_INS} are read", found.len());
        return Err(Problem::of_file(Origin::File(directory), message, "merge some of them"));
    }
    Ok(found)
}

fn is_drop_in(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("toml")) && !is_leftover(path)
}

fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || LEFTOVERS.iter().any(|end| name.ends_with(end))
}

fn read_one(path: &Path, is_main: bool) -> Result<String, Problem> {
    let whole = || Origin::File(path.to_owned());
    let bytes = read_bounded(path).map_err(|error| unreadable(path, is_main, &error))?;
    if bytes.len() as u64 > LARGEST {
        let message = format!("the file is larger than {} KiB", LARGEST / 1024);
        return Err(Problem::of_file(whole(), message, "this is hardly a configuration of cgwd: name the right file"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..valid];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let origin = Origin::Line { file: path.to_owned(), line, column: 1 };
        Problem::of_file(origin, format!("line {line} is not UTF-8 text"), "save the file as UTF-8")
    })
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    // A named pipe would block for ever, and a device may never end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, is_main: bool, error: &io::Error) -> Problem {
    let origin = Origin::File(path.to_owned());
    match error.kind() {
        ErrorKind::NotFound if is_main => {
            let remedy =
                format!("make one with `cgwd config example > {}` and edit it, or name another file with --config", path.display());
            Problem::of_file(origin, "there is no configuration file", remedy)
        }
        ErrorKind::NotFound => Problem::of_file(origin, "the drop-in is a link to a file that is not there", "correct or remove the link"),
        ErrorKind::PermissionDenied => Problem::of_file(
            origin,
            "the file may not be read by this user",
            "correct its owner and mode, or run as a user who may read it",
        ),
        _ => Problem::of_file(origin, format!("the file can't be read: {error}"), "name a readable, regular file"),
    }
}
