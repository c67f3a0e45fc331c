//! Changes of watched files (inotify). The directories are watched, not the files, so that a file replaced by a rename
//! is noticed as well as one that does not exist yet. A symbolic link's target elsewhere is left to polling.

use super::feed::{Announcements, Drained};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// So that files that change without end still let us look.
const AT_ONCE: usize = 4096;

pub struct Files {
    /// The names of interest in each directory.
    directories: BTreeMap<PathBuf, BTreeSet<OsString>>,
    /// The same by inotify's number of the directory, of the descriptor that is open now.
    numbered: BTreeMap<i32, BTreeSet<OsString>>,
}

impl Files {
    /// `None` where there is no file to watch.
    pub fn new(paths: Vec<PathBuf>) -> Option<Files> {
        let mut directories: BTreeMap<PathBuf, BTreeSet<OsString>> = BTreeMap::new();
        for path in &paths {
            let Some(name) = path.file_name() else { continue };
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            directories.entry(parent.to_owned()).or_default().insert(name.to_owned());
        }
        if directories.is_empty() { None } else { Some(Files { directories, numbered: BTreeMap::new() }) }
    }
}

impl Announcements for Files {
    const NAME: &'static str = "changes of files";

    fn open(&mut self) -> io::Result<OwnedFd> {
        let descriptor = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        self.numbered.clear();
        for (directory, names) in &self.directories {
            let number = inotify::add_watch(&descriptor, directory, flags)
                .map_err(|errno| io::Error::other(format!("{}: {}", directory.display(), io::Error::from(errno))))?;
            // Two spellings of one directory have one number.
            self.numbered.entry(number).or_default().extend(names.iter().cloned());
        }
        Ok(descriptor)
    }

    fn drain(&mut self, descriptor: &OwnedFd) -> io::Result<Drained> {
        let mut drained = Drained::default();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(descriptor, &mut buffer);
        for _ in 0..AT_ONCE {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(drained),
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                drained.overrun = true;
            } else if event.events().intersects(ReadFlags::IGNORED | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT) {
                return Err(io::Error::other("a watched directory was removed or renamed"));
            } else if let Some(name) = event.file_name() {
                let names = self.numbered.get(&event.wd());
                drained.relevant |= names.is_some_and(|names| names.contains(OsStr::from_bytes(name.to_bytes())));
            }
        }
        drained.more = true;
        Ok(drained)
    }
}
