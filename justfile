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

# Licences, bans and sources of the dependencies; needs `cargo install cargo-deny`.
deny:
    cargo deny --locked check bans licenses sources

# The whole story on this machine against a simulated cloud: no account, no root.
demo:
    cargo run --locked --quiet -- demo
