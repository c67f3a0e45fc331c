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

# Memory, threads and wake-ups beside other daemons, cold starts, size, latency of an alert; about three minutes after the build.
bench *arguments:
    bench/run {{arguments}}

# Licences, bans and sources of the dependencies; needs `cargo install cargo-deny`.
deny:
    cargo deny --locked check bans licenses sources

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
