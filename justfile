# The steps of the CI, one name each.

# Lists the steps.
default:
    @just --list

# Formats the source.
fmt:
    cargo fmt --all

# Formatting and clippy, warnings are errors.
lint:
    tests/run lint

# Everything: installs what the tests need, checks, builds, tests.
test:
    tests/run

# The search through faults of replacements: 2 million schedules, or --hours N with new seeds each time.
search *arguments:
    tests/long-search {{arguments}}

# Safety rules taken out, one by one and in pairs: the tests have to notice each. Some minutes for the build, seconds for each.
mutants *names:
    tests/mutants/run.py {{names}}

# Memory, wake-ups and latency beside other daemons, then the time that replacements take; about twelve minutes after the build.
bench *arguments:
    bench/run {{arguments}}

# The deb and the rpm, with their SBOM, in target/packages; installs the tools that it needs.
package *architecture:
    packaging/build.sh {{architecture}}

# Builds the packages a second time, elsewhere, and compares them to the byte.
reproduce *architecture:
    packaging/reproduce.sh {{architecture}}

# Licences, bans, sources and known vulnerabilities of the dependencies; installs cargo-deny.
deny:
    packaging/deny.sh

# Makes the reference pages in docs/ and config.example.toml anew from their sources.
docs:
    CGWD_UPDATE_DOCS=1 cargo test --locked --quiet --test docs
    cargo run --locked --quiet -- config example > target/config.example.toml
    mv target/config.example.toml config.example.toml

# The whole story on this machine against a simulated cloud: no account, no root.
demo *arguments:
    cargo run --locked --quiet --release -- demo {{arguments}}

# Spelling; needs `cargo install typos-cli` or `pip install typos`.
spell:
    typos
