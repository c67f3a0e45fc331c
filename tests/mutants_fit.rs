//! The mutants of tests/mutants are changes of the source as it is: one that no longer fits proves nothing.

use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Mutants {
    mutant: Vec<Mutant>,
}

#[derive(Deserialize)]
struct Mutant {
    name: String,
    rule: String,
    test: String,
    only: String,
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
    let mut wrong = Vec::new();
    for mutant in &all.mutant {
        assert!(!mutant.rule.is_empty() && !mutant.change.is_empty(), "{} takes no rule away", mutant.name);
        assert!(root.join(format!("tests/{}.rs", mutant.test)).is_file(), "{}: no program {}", mutant.name, mutant.test);
        assert!(read(&format!("tests/{}.rs", mutant.test)).contains(&format!("fn {}", mutant.only)), "{}: no {}", mutant.name, mutant.only);
        for Change { file, from, to } in &mutant.change {
            let times = read(file).matches(from.as_str()).count();
            if times != 1 || from == to {
                wrong.push(format!("{}: {file} has {times} times: {from}", mutant.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let safety = all.mutant.iter().filter(|mutant| mutant.test == "replacement_faults").count();
    assert!(safety >= 20, "{safety} mutants of the replacement");
}
