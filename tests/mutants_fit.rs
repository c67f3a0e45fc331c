//! The mutants of tests/mutants are changes of the source as it is: one that no longer fits proves nothing.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;

#[derive(Deserialize)]
struct Mutants {
    mutant: Vec<Mutant>,
}

#[derive(Deserialize)]
struct Mutant {
    name: String,
    rule: String,
    test: Option<String>,
    only: Option<String>,
    r#as: Option<String>,
    masked_by: Option<String>,
    #[serde(default)]
    change: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    file: String,
    from: String,
    to: String,
}

#[test]
fn each_changes_what_stands_once_in_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let all: Mutants = toml::from_str(&read("tests/mutants/mutants.toml")).unwrap_or_else(|error| panic!("{error}"));
    let switches: BTreeSet<&str> =
        all.mutant.iter().filter(|mutant| !mutant.change.is_empty()).map(|mutant| mutant.name.as_str()).collect();
    let mut wrong = Vec::new();
    for mutant in &all.mutant {
        let Mutant { name, rule, test, only, r#as, masked_by, change } = mutant;
        let (test, only) = (test.as_deref().unwrap_or("replacement_faults"), only.as_deref().unwrap_or("the_search"));
        assert!(!rule.is_empty() && r#as.is_some() == change.is_empty(), "{name} takes no rule away");
        assert!(r#as.iter().chain(masked_by).all(|other| switches.contains(other.as_str())), "{name} names a mutant that is none");
        assert!(read(&format!("tests/{test}.rs")).contains(&format!("fn {only}(")), "{name}: {test} has no {only}");
        let is_switched = |to: &str| to.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "ON");
        assert!(change.is_empty() || change.iter().any(|change| is_switched(&change.to)), "{name} is never off");
        for Change { file, from, .. } in change {
            let times = read(file).matches(from.as_str()).count();
            if times != 1 {
                wrong.push(format!("{name}: {file} has {times} times: {from}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let names: BTreeSet<&str> = all.mutant.iter().map(|mutant| mutant.name.as_str()).collect();
    assert_eq!(names.len(), all.mutant.len(), "two mutants have one name");
}
