//! cgwd: see the library.

fn main() -> std::process::ExitCode {
    cgwd::cli::main()
}
