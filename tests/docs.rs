//! The reference pages are made from their one source, and this test fails where they are not current:
//! `CGWD_UPDATE_DOCS=1 cargo test --test docs` (`just docs`) writes them. What README.md promises is held against the code too.

#![allow(clippy::disallowed_methods, reason = "a test program reads and writes the tree as it is")]

mod reference;

use cgwd::cli::Exit;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn the_alerts_page_is_current() {
    is_current("docs/alerts.md", &reference::alerts());
}

#[test]
fn the_facts_page_is_current() {
    is_current("docs/facts.md", &reference::facts());
}

#[test]
fn the_configuration_page_is_current() {
    is_current("docs/configuration.md", &reference::configuration());
}

/// Fewer and a call is refused on a device; more and the key can do what cgwd never does.
#[test]
fn the_policy_in_the_readme_names_what_is_sent_and_nothing_else() {
    let readme = read("README.md");
    let named: BTreeSet<String> = quoted(&readme).into_iter().filter(|text| is_right(text)).collect();
    let mut sent: BTreeSet<String> = actions("src/cloud").into_iter().map(ram_name).collect();
    for (action, function) in PREPARED {
        assert!(sent.remove(&ram_name((*action).to_owned())), "{action} is not in src/cloud any more: take it off the list");
        let users: Vec<PathBuf> = rust_files("src")
            .into_iter()
            .filter(|path| !path.starts_with(root().join("src/cloud")) && read_at(path).contains(function))
            .collect();
        assert_eq!(users, Vec::<PathBuf>::new(), "{action} is sent now: take it off the list, and put it into the README's policy");
    }
    assert_eq!(named, sent, "left: README.md, right: src/cloud");
}

/// The files in the package are what the README shows; the one for a device that only looks reads all that the others read.
#[test]
fn the_policies_of_the_package_are_the_readme_s() {
    let readme = read("README.md");
    for file in ["packaging/ram/register.json", "packaging/ram/replace.json"] {
        assert!(readme.contains(&format!("```json\n{}```", read(file))), "{file} is not in the README as it is");
    }
    let rights = |text: &str| -> BTreeSet<String> { quoted(text).into_iter().filter(|right| is_right(right)).collect() };
    let reads: BTreeSet<String> = rights(&readme).into_iter().filter(|right| is_read(right)).collect();
    assert_eq!(rights(&read("packaging/ram/plan.json")), reads, "left: plan.json, right: the reads in the README");
}

fn is_right(text: &str) -> bool {
    ["vpc:", "cen:", "sts:"].iter().any(|product| text.starts_with(product)) && !text.contains('/')
}

fn is_read(right: &str) -> bool {
    let action = right.split(':').nth(1).unwrap_or_default();
    ["Describe", "List", "Diagnose", "Download", "AssumeRole"].iter().any(|verb| action.starts_with(verb))
}

/// Calls that the client knows and nothing asks for yet.
const PREPARED: &[(&str, &str)] =
    &[("ModifyCustomerGatewayAttribute", "modify_customer_gateway_attribute"), ("DeleteVcoRouteEntry", "delete_connection_route")];

/// Of these no right is needed: whoever holds the identity's token, or the key pair itself, is answered.
const WITHOUT_RIGHTS: &[&str] = &["AssumeRoleWithOIDC", "GenerateSessionAccessKey"];

#[test]
fn the_readme_explains_every_exit_code() {
    let readme = read("README.md");
    for exit in [Exit::Done, Exit::Failed, Exit::Usage, Exit::Unusable, Exit::ChangeNeeded, Exit::Refused, Exit::Interrupted] {
        let number = exit as u8;
        assert!(readme.contains(&format!("\n| {number} | ")), "exit code {number} is not in the README's table");
    }
}

#[test]
fn the_readme_s_message_ids_are_the_catalogue_s() {
    let readme = read("README.md");
    let mut found = 0;
    for (line, id) in readme.lines().filter_map(|line| Some((line, line.split_once("MESSAGE_ID=")?.1))) {
        let id: String = id.chars().take_while(char::is_ascii_hexdigit).collect();
        let event = cgwd::alert::catalogue::CATALOGUE.iter().find(|event| event.message_id == id);
        let event = event.unwrap_or_else(|| panic!("no alert has the id in `{line}`"));
        assert!(line.contains(event.code), "`{line}` does not name {}", event.code);
        found += 1;
    }
    assert!(found > 0, "the README shows no MESSAGE_ID");
}

/// A link to a file that is not there helps nobody.
#[test]
fn every_relative_link_leads_somewhere() {
    let pages = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "packaging/README.md", "docs/design/registration.md"];
    for page in pages {
        let folder = root().join(page).parent().unwrap_or(Path::new("")).to_owned();
        for link in read(page).split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let file = link.split('#').next().unwrap_or_default();
            assert!(file.starts_with("https://") || file.is_empty() || folder.join(file).exists(), "{page}: {link}");
        }
    }
}

#[test]
fn the_architecture_page_stays_short() {
    assert!(read("ARCHITECTURE.md").lines().count() <= 120);
}

fn is_current(page: &str, wanted: &str) {
    let path = root().join(page);
    if std::env::var_os("CGWD_UPDATE_DOCS").is_some() {
        return std::fs::write(&path, wanted).expect("the page can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = wanted.lines().zip(found.lines()).position(|(wanted, found)| wanted != found);
    let line = differs.unwrap_or_else(|| wanted.lines().count().min(found.lines().count())) + 1;
    assert!(found == wanted, "{page} is stale from line {line} on; `just docs` makes it anew");
}

/// What is sent, as the API calls it: where a call is made, its name stands in quotes after one of these.
fn actions(folder: &str) -> BTreeSet<String> {
    const BEFORE: &[&str] = &["WriteCall::vpc(\"", "WriteCall::cbn(\"", "creation(\"", "let action = \"", "List::vpc(\"", "List::cbn(\""];
    let mut found = BTreeSet::new();
    for file in rust_files(folder) {
        let text = read_at(&file);
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for before in BEFORE {
            found.extend(product.split(before).skip(1).filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()));
        }
    }
    found.retain(|action| !WITHOUT_RIGHTS.contains(&action.as_str()));
    assert!(found.len() > 5, "the calls were not found: {found:?}");
    found
}

/// CBN's actions are named `cen:` in policies (cloud/api.md 8).
fn ram_name(action: String) -> String {
    let product = match action.as_str() {
        action if action.contains("TransitRouter") => "cen",
        "AssumeRole" => "sts",
        _ => "vpc",
    };
    format!("{product}:{action}")
}

fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the source can be read") {
            let path = entry.expect("its entries too").path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "rs" => found.push(path),
                _ => {}
            }
        }
    }
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    read_at(&root().join(page))
}

fn read_at(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
