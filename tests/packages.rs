//! The packages as they come out of packaging/build.sh: what is in them, what Debian's and RPM's own checkers say, an rpm's whole
//! life, and that they can be built again to the byte. The deb's life in a booted systemd is another test's.
//!
//! `tests/run` builds them and names their folder in `CGWD_PACKAGES`; without that these tests say that they could not run.

#![allow(clippy::disallowed_methods, reason = "a test program lays out files")]

mod common;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What both packages hold, without the compression and the folders that differ, and with which mode.
const FILES: &[(&str, u32)] = &[
    ("/etc/cgwd/config.toml", 0o644),
    ("/usr/bin/cgwd", 0o755),
    ("/usr/lib/systemd/catalog/cgwd.catalog", 0o644),
    ("/usr/lib/systemd/catalog/cgwd.zh_CN.catalog", 0o644),
    ("/usr/lib/systemd/system-generators/cgwd-generator", 0o755),
    ("/usr/lib/systemd/system/cgwd-failed@.service", 0o644),
    ("/usr/lib/systemd/system/cgwd.service", 0o644),
    ("/usr/lib/sysusers.d/cgwd.conf", 0o644),
    ("/usr/lib/tmpfiles.d/cgwd.conf", 0o644),
    ("/usr/share/bash-completion/completions/cgwd", 0o644),
    ("/usr/share/doc/cgwd/CHANGELOG.md.gz", 0o644),
    ("/usr/share/doc/cgwd/NOTICES.gz", 0o644),
    ("/usr/share/doc/cgwd/ram/plan.json", 0o644),
    ("/usr/share/doc/cgwd/ram/register.json", 0o644),
    ("/usr/share/doc/cgwd/ram/replace.json", 0o644),
    ("/usr/share/fish/vendor_completions.d/cgwd.fish", 0o644),
    ("/usr/share/man/man5/cgwd.toml.5.gz", 0o644),
    ("/usr/share/man/man8/cgwd.8.gz", 0o644),
];

const DEB_ALONE: &[&str] = &[
    "/usr/share/doc/cgwd/changelog.gz",
    "/usr/share/doc/cgwd/copyright",
    "/usr/share/lintian/overrides/cgwd",
    "/usr/share/zsh/vendor-completions/_cgwd",
];

const RPM_ALONE: &[&str] = &["/usr/share/licenses/cgwd/LICENSE", "/usr/share/zsh/site-functions/_cgwd"];

#[test]
fn the_deb_holds_every_file_with_its_mode() {
    let Some(packages) = Packages::built() else { return };
    let listing = succeed(Command::new("dpkg-deb").arg("--contents").arg(packages.deb("amd64")));
    let files = tar_files(&listing);
    assert!(files.values().all(|file| ["root/root", "0/0"].contains(&file.owner.as_str())), "{files:?}");
    assert_holds(&files, DEB_ALONE);
    let conffiles = succeed(Command::new("dpkg-deb").arg("-I").arg(packages.deb("amd64")).arg("conffiles"));
    assert_eq!(conffiles.trim(), "/etc/cgwd/config.toml");
    let control = succeed(Command::new("dpkg-deb").arg("-f").arg(packages.deb("amd64")));
    let depends = if packages.is_static("amd64") { "Depends: systemd" } else { "Depends: libc6 (>= 2.17), systemd" };
    for line in ["Package: cgwd", &format!("Version: {VERSION}"), "Architecture: amd64", depends] {
        assert!(control.lines().any(|found| found.starts_with(line)), "no `{line}` in\n{control}");
    }
}

#[test]
fn the_rpm_holds_every_file_with_its_mode() {
    let Some(packages) = Packages::built() else { return };
    let format = "[%{FILEMODES:octal} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILEFLAGS:fflags}; %{FILENAMES}\n]";
    let listing = succeed(Command::new("rpm").args(["-qp", "--qf", format]).arg(packages.rpm("x86_64")));
    let (mut files, mut configuration) = (BTreeMap::new(), Vec::new());
    for line in listing.lines() {
        let (what, path) = line.split_once("; ").unwrap_or_else(|| panic!("{line}"));
        let words: Vec<&str> = what.split_whitespace().collect();
        let mode = u32::from_str_radix(words[0], 8).expect("an octal mode");
        // Directories are the package's own too, so that erasing it leaves none behind.
        if mode & 0o170_000 == 0o040_000 {
            assert!(path.ends_with("/cgwd") || path.ends_with("/ram"), "{path}");
            continue;
        }
        if words.get(2).is_some_and(|flags| flags.contains('c')) {
            configuration.push((path.to_owned(), words[2].to_owned()));
        }
        files.insert(path.to_owned(), File { mode: mode & 0o7777, owner: words[1].to_owned() });
    }
    assert!(files.values().all(|file| file.owner == "root/root"), "{files:?}");
    assert_holds(&files, RPM_ALONE);
    assert_eq!(configuration, [("/etc/cgwd/config.toml".to_owned(), "cn".to_owned())], "config(noreplace)");
}

#[test]
fn lintian_finds_nothing_that_is_not_explained() {
    let Some(packages) = Packages::built() else { return };
    for deb in packages.with_extension("deb") {
        let said = run(Command::new("lintian")
            .args(["--allow-root", "--display-info", "--fail-on", "error,warning", "--tag-display-limit", "0"])
            .arg(&deb));
        let words = text(&said);
        assert!(said.status.success(), "{}:\n{words}", deb.display());
        assert!(!words.contains("unused-override") || !packages.is_static("amd64"), "{}:\n{words}", deb.display());
    }
}

#[test]
fn rpmlint_finds_nothing_that_is_not_explained() {
    let Some(packages) = Packages::built() else { return };
    for rpm in packages.with_extension("rpm") {
        let said = run(Command::new("rpmlint").arg("--strict").arg("--config").arg(root().join("packaging/rpmlint.toml")).arg(&rpm));
        assert!(said.status.success(), "{}:\n{}", rpm.display(), text(&said));
    }
}

/// It runs wherever the kernel does: RHEL 8's and Debian 11's C libraries are older than the one it would ask for.
#[test]
fn the_program_asks_for_no_library() {
    let Some(packages) = Packages::built() else { return };
    for arch in packages.architectures() {
        let program = packages.program(arch);
        let headers = succeed(Command::new("readelf").args(["--wide", "--program-headers", "--dynamic"]).arg(&program));
        if packages.is_static(arch) {
            assert!(!headers.contains("INTERP") && !headers.contains("(NEEDED)"), "{arch}:\n{headers}");
        } else {
            asks_for_an_old_c_library_alone(&program);
        }
        assert!(headers.contains("DYN") || arch == "arm64", "{arch}: fixed addresses:\n{headers}");
    }
    let version = succeed(Command::new(packages.program("amd64")).arg("--version"));
    assert_eq!(version, format!("cgwd {VERSION}\n"));
}

/// The way that the build takes where Rust's standard library for static programs can't be had: not optimised, which is linked alike.
#[test]
fn the_program_that_is_not_static_asks_for_an_old_c_library() {
    let Some(_) = Packages::built() else { return };
    let said = succeed(
        Command::new(root().join("packaging/build.sh"))
            .arg("program")
            .envs([("CGWD_PACKAGING_LIBC", "glibc"), ("CGWD_PACKAGING_PROFILE", "dev")]),
    );
    let program = PathBuf::from(said.lines().last().expect("it tells where the program is"));
    asks_for_an_old_c_library_alone(&program);
    assert_eq!(succeed(Command::new(&program).arg("--version")), format!("cgwd {VERSION}\n"));
    let checked = succeed(Command::new(&program).arg("--config").arg(a_configuration("glibc")).args(["--json", "check"]));
    let document: Value = serde_json::from_str(&checked).expect("it is JSON");
    assert_eq!(document["address"]["value"], "8.8.8.8", "{document}");
}

/// RHEL 7's, and so everybody's since. Of libraries it asks for what is part of that one.
fn asks_for_an_old_c_library_alone(program: &Path) {
    let asked = succeed(Command::new("readelf").args(["--wide", "--dynamic", "--version-info"]).arg(program));
    let newest =
        asked.split("GLIBC_2.").skip(1).filter_map(|rest| rest.split(|digit: char| !digit.is_ascii_digit()).next()?.parse().ok()).max();
    assert!(newest.is_some_and(|newest: u32| newest <= 17), "{asked}");
    let libraries: Vec<&str> = asked.lines().filter_map(|line| line.split_once("Shared library: [")?.1.strip_suffix(']')).collect();
    let of_it = ["libc.so.6", "libpthread.so.0", "libdl.so.2", "libm.so.6", "ld-linux-x86-64.so.2"];
    assert!(libraries.contains(&"libc.so.6") && libraries.iter().all(|library| of_it.contains(library)), "{libraries:?}");
}

#[test]
fn no_path_of_the_building_machine_is_in_the_packages() {
    let Some(packages) = Packages::built() else { return };
    let home = std::env::var("HOME").unwrap_or_default();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    for arch in packages.architectures() {
        for file in files_below(&packages.unpacked(arch)) {
            let bytes = std::fs::read(&file).expect("a file of the package can be read");
            for path in [root().to_str().expect("it is UTF-8"), cargo.as_str()] {
                let found = bytes.windows(path.len()).any(|window| window == path.as_bytes());
                assert!(!found, "{path} is in {}", file.display());
            }
        }
    }
}

/// What is inside can be asked for years later: in the program itself, and in a list beside the packages.
#[test]
fn the_dependencies_are_listed_in_the_program_and_beside_it() {
    let Some(packages) = Packages::built() else { return };
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock can be read");
    for arch in packages.architectures() {
        let sections = succeed(Command::new("readelf").args(["--wide", "--sections"]).arg(packages.program(arch)));
        assert!(sections.contains(".dep-v0"), "{arch}: no cargo-auditable data:\n{sections}");
        let path = packages.folder.join(format!("cgwd_{VERSION}_{arch}.cdx.json"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let bill: Value = serde_json::from_str(&text).expect("the SBOM is JSON");
        assert_eq!(bill["bomFormat"], "CycloneDX");
        let components = bill["components"].as_array().expect("it has components");
        for needed in ["ring", "rustls", "rusqlite", "libsqlite3-sys", "tokio"] {
            let component = components.iter().find(|component| component["name"] == needed);
            let component = component.unwrap_or_else(|| panic!("{needed} is not in {}", path.display()));
            let (version, purl) = (component["version"].as_str().unwrap_or_default(), component["purl"].as_str().unwrap_or_default());
            assert!(lock.contains(&format!("name = \"{needed}\"\nversion = \"{version}\"")), "{component}");
            assert_eq!(purl, format!("pkg:cargo/{needed}@{version}"));
        }
        what_has_no_crate_is_listed(&packages, arch, &bill);
    }
}

/// A scanner that knows of a hole in one of them has to find it by name and version, which the program itself confirms.
fn what_has_no_crate_is_listed(packages: &Packages, arch: &str, bill: &Value) {
    let components = bill["components"].as_array().expect("it has components");
    let listed = |name: &str| components.iter().find(|component| component["name"] == name);
    let version =
        |name: &str| listed(name).and_then(|component| component["version"].as_str()).unwrap_or_else(|| panic!("{arch}: no {name}"));
    let uses = |user: &str, name: &str| {
        let user = [&bill["metadata"]["component"]].into_iter().chain(components).find(|component| component["name"] == user);
        let edges = bill["dependencies"].as_array().into_iter().flatten();
        let mut edges = edges.filter(|edge| user.is_some_and(|user| edge["ref"] == user["bom-ref"]));
        edges.any(|edge| edge["dependsOn"].as_array().is_some_and(|used| used.contains(&listed(name).expect("it is listed")["bom-ref"])))
    };
    let program = std::fs::read(packages.program(arch)).expect("the program can be read");
    let holds = |text: String| program.windows(text.len()).any(|window| window == text.as_bytes());

    assert_eq!(version("sqlite"), rusqlite::version());
    assert!(holds(format!("{}\0", version("sqlite"))) && uses("libsqlite3-sys", "sqlite"));
    assert!(holds(format!("rustc version {} (", version("rust-std"))) && uses("cgwd", "rust-std"));
    assert_eq!(listed("musl").is_some(), packages.is_static(arch), "{arch}");
    if packages.is_static(arch) {
        assert!(version("musl").starts_with("1.2.") && uses("rust-std", "musl") && uses("sqlite", "musl"), "{arch}: {}", version("musl"));
    }
}

/// By the schema's own authors' library: whoever looks for a vulnerable library in it has to find it by its package URL.
#[test]
fn the_list_of_dependencies_is_as_its_schema_says() {
    let Some(packages) = Packages::built() else { return };
    let Some(python) = common::python() else {
        return common::missing("the SBOM's schema", "there is no Python with the packages of tests/requirements.txt");
    };
    let check = |path: &Path| run(Command::new(&python).arg(root().join("tests/packages/sbom.py")).arg(path));
    for arch in packages.architectures() {
        let path = packages.folder.join(format!("cgwd_{VERSION}_{arch}.cdx.json"));
        let said = check(&path);
        assert!(said.status.success() && text(&said).ends_with(" packages\n"), "{}", text(&said));

        // The check sees what is wrong: a package URL of something else, and a field that the schema does not know.
        let bill = std::fs::read_to_string(&path).expect("the SBOM can be read");
        for (from, to) in [
            ("pkg:cargo/ring@", "pkg:cargo/rang@"),
            ("\"bomFormat\": \"CycloneDX\"", "\"bomFormat\": \"CycloneDX\", \"ours\": 1"),
            ("pkg:generic/sqlite@", "pkg:generic/sqlita@"),
        ] {
            assert!(bill.contains(from), "{from}");
            let spoilt = fresh_folder(&format!("sbom-{arch}")).join("spoilt.json");
            std::fs::write(&spoilt, bill.replacen(from, to, 1)).expect("a file can be written");
            assert!(!check(&spoilt).status.success(), "`{to}` was not noticed");
        }
    }
}

#[test]
fn the_configuration_that_comes_with_it_asks_for_what_a_person_must_decide() {
    let Some(packages) = Packages::built() else { return };
    let config = packages.unpacked("amd64").join("etc/cgwd/config.toml");
    let said = run(Command::new(packages.program("amd64")).arg("--config").arg(&config).args(["config", "check"]));
    let words = text(&said);
    assert_eq!(said.status.code(), Some(2), "{words}");
    for key in ["network", "sources", "region"] {
        assert!(words.contains(key), "nothing about `{key}`:\n{words}");
    }
    // The same lines, uncommented, are the example.
    let lines: Vec<String> = std::fs::read_to_string(&config).expect("it can be read").lines().map(str::to_owned).collect();
    for line in std::fs::read_to_string(root().join("config.example.toml")).expect("it can be read").lines() {
        assert!(lines.iter().any(|ours| ours == line || *ours == format!("#{line}")), "`{line}` is not in it");
    }
}

#[test]
fn the_manual_pages_and_completions_are_well_formed() {
    let Some(packages) = Packages::built() else { return };
    let share = packages.unpacked("amd64").join("usr/share");
    for page in ["man8/cgwd.8.gz", "man5/cgwd.toml.5.gz"] {
        let said = run(Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(share.join("man").join(page)));
        // A page without a date: its version says how old it is, and two builds give the same.
        let findings: Vec<String> = text(&said).lines().filter(|line| !line.contains(" date")).map(str::to_owned).collect();
        assert!(findings.is_empty(), "{page}:\n{}", findings.join("\n"));
    }
    let completion = share.join("bash-completion/completions/cgwd");
    let script =
        format!(". '{}'; COMP_WORDS=(cgwd reg); COMP_CWORD=1; _cgwd cgwd reg cgwd; echo \"${{COMPREPLY[*]}}\"", completion.display());
    assert_eq!(succeed(Command::new("bash").args(["-c", &script])).trim(), "register");
}

/// Installed, reinstalled and erased on this very system, laid under a throw-away layer.
#[test]
fn the_rpm_lives_and_leaves_what_is_the_operator_s() {
    let Some(packages) = Packages::built() else { return };
    let work = fresh_folder("rpm-life");
    let script = root().join("tests/packages/rpm-life.sh");
    let said = run(Command::new("unshare")
        .args(["--mount", "--fork", "--pid", "--kill-child"])
        .arg(script)
        .arg(packages.rpm("x86_64"))
        .arg(&work));
    match said.status.code() {
        Some(0) => assert!(text(&said).contains("rpm-life: all of it was done"), "{}", text(&said)),
        Some(77) => common::missing("the rpm's life", text(&said).trim()),
        _ => panic!("{}", text(&said)),
    }
}

/// Either arm64's packages are there and their program runs, or the build has said why not.
#[test]
fn arm64_runs_in_an_emulator() {
    let Some(packages) = Packages::built() else { return };
    if let Ok(reason) = std::fs::read_to_string(packages.folder.join("arm64-not-built.txt")) {
        return common::not_here("arm64's packages", reason.trim());
    }
    let emulated = |arguments: &[&str]| run(Command::new("qemu-aarch64-static").arg(packages.program("arm64")).args(arguments));
    assert_eq!(text(&emulated(&["--version"])), format!("cgwd {VERSION}\n"));
    let config = a_configuration("arm64");
    let checked = emulated(&["--config", config.to_str().expect("it is UTF-8"), "--json", "check"]);
    let document: Value = serde_json::from_slice(&checked.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&checked)));
    assert_eq!((document["ok"].as_bool(), document["address"]["value"].as_str()), (Some(true), Some("8.8.8.8")), "{document}");
    // What is not the program is the same on both.
    let (here, there) = (packages.unpacked("amd64"), packages.unpacked("arm64"));
    for file in files_below(&here).iter().filter(|file| !file.ends_with("usr/bin/cgwd") && !file.ends_with("NOTICES.gz")) {
        let other = there.join(file.strip_prefix(&here).expect("it was found there"));
        assert_eq!(std::fs::read(file).ok(), std::fs::read(&other).ok(), "{}", other.display());
    }
}

#[test]
fn a_second_build_elsewhere_gives_the_same_bytes() {
    let Some(_) = Packages::built() else { return };
    let began = std::time::Instant::now();
    let said = run(&mut Command::new(root().join("packaging/reproduce.sh")));
    common::measured("a second build of the packages", began.elapsed());
    let words = text(&said);
    assert!(said.status.success() && words.contains(&format!("the same: cgwd_{VERSION}_amd64.deb")), "{words}");
    assert!(words.contains(&format!("the same: cgwd-{VERSION}-1.x86_64.rpm")), "{words}");
}

#[test]
fn the_changelog_of_the_packages_begins_with_this_version() {
    let changelog = std::fs::read_to_string(root().join("packaging/changelog")).expect("it can be read");
    assert!(changelog.starts_with(&format!("cgwd ({VERSION}) ")), "{changelog}");
}

struct Packages {
    folder: PathBuf,
}

impl Packages {
    fn built() -> Option<Packages> {
        let folder = std::env::var_os("CGWD_PACKAGES").map(PathBuf::from);
        if folder.is_none() {
            common::missing("the packages", "CGWD_PACKAGES does not name the folder that packaging/build.sh filled");
        }
        folder.map(|folder| Packages { folder: root().join(folder) })
    }

    fn architectures(&self) -> Vec<&'static str> {
        ["amd64", "arm64"].into_iter().filter(|arch| *arch == "amd64" || self.deb(arch).exists()).collect()
    }

    /// Not where Rust's standard library for it could not be had, and the build has said so.
    fn is_static(&self, arch: &str) -> bool {
        !self.folder.join(format!("{arch}-not-static.txt")).exists()
    }

    fn deb(&self, arch: &str) -> PathBuf {
        self.folder.join(format!("cgwd_{VERSION}_{arch}.deb"))
    }

    fn rpm(&self, arch: &str) -> PathBuf {
        self.folder.join(format!("cgwd-{VERSION}-1.{arch}.rpm"))
    }

    fn with_extension(&self, extension: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.folder).expect("the folder of the packages can be read");
        let paths = entries.map(|entry| entry.expect("an entry can be read").path());
        let found: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
        assert_eq!(found.len(), self.architectures().len(), "{found:?}");
        found
    }

    fn program(&self, arch: &str) -> PathBuf {
        self.unpacked(arch).join("usr/bin/cgwd")
    }

    /// The deb's files in a folder of this test's own.
    fn unpacked(&self, arch: &str) -> PathBuf {
        let folder = fresh_folder(&format!("deb-{arch}"));
        succeed(Command::new("dpkg-deb").arg("-x").arg(self.deb(arch)).arg(&folder));
        folder
    }
}

#[derive(Debug)]
struct File {
    mode: u32,
    owner: String,
}

fn assert_holds(files: &BTreeMap<String, File>, alone: &[&str]) {
    let drop_ins = std::fs::read_dir(root().join("systemd/cgwd.service.d")).expect("the drop-ins are there");
    let drop_ins = drop_ins.map(|entry| entry.expect("an entry can be read").file_name().into_string().expect("a plain name"));
    let mut expected: BTreeMap<String, u32> = drop_ins.map(|name| (format!("/usr/share/doc/cgwd/{name}"), 0o644)).collect();
    expected.extend(FILES.iter().map(|(path, mode)| ((*path).to_owned(), *mode)));
    expected.extend(alone.iter().map(|path| ((*path).to_owned(), 0o644)));
    let found: BTreeMap<String, u32> = files.iter().map(|(path, file)| (path.clone(), file.mode)).collect();
    assert_eq!(found, expected);
}

/// The regular files of `dpkg-deb --contents`.
fn tar_files(listing: &str) -> BTreeMap<String, File> {
    let mut files = BTreeMap::new();
    for line in listing.lines().filter(|line| !line.starts_with('d')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let bits = words[0][1..].chars().fold(0, |mode, flag| mode << 1 | u32::from(flag != '-'));
        files.insert(words[5].trim_start_matches('.').to_owned(), File { mode: bits, owner: words[1].to_owned() });
    }
    files
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder can be read") {
        let entry = entry.expect("an entry can be read");
        match entry.file_type().expect("its type is known").is_dir() {
            true => files.extend(files_below(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// Of a device that needs nothing of the machine that it runs on.
fn a_configuration(name: &str) -> PathBuf {
    let config = fresh_folder(name).join("config.toml");
    let settings =
        "[address]\nnetwork = \"public\"\nsources = [\"static:8.8.8.8\"]\n[bgp]\nasn = 65001\n[cloud]\nregion = \"cn-hangzhou\"\n";
    std::fs::write(&config, settings).expect("a file can be written");
    config
}

/// Each test has its own: they run at the same time.
fn fresh_folder(name: &str) -> PathBuf {
    let thread = std::thread::current().name().unwrap_or("main").replace("::", "-");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("packages").join(thread).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the last run's folder can be removed");
    }
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}:\n{}", text(&output));
    String::from_utf8(output.stdout).expect("it is UTF-8")
}

/// Both streams, for a person who reads why a test failed.
fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
