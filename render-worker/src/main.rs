//! The worker as a program of its own, for `--worker`: one that is built for another libc or kept apart from the command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tonemill_render_worker::run()
}
