//! The farm with real processes. This one program is the test, the misbehaving worker (`be-a-worker`) and, where a
//! farm itself is signalled or killed, the farm (`be-a-farm`).

// Called as everywhere else in the house.
extern crate tonemill_farm as farm;

mod aftermath;
mod client;
mod listing;
mod runs;
mod signals;
mod stage;
mod worker;

use libtest_mimic::{Arguments, Trial};

/// Names each test by its function.
#[macro_export]
macro_rules! trials {
    ($($name:ident),* $(,)?) => {
        vec![$(libtest_mimic::Trial::test(stringify!($name), || { $name(); Ok(()) })),*]
    };
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("be-a-worker") => worker::serve(),
        Some("be-a-farm") => stage::be_a_farm(&args[1..]),
        _ => {
            let trials = [runs::trials(), aftermath::trials(), signals::trials(), client::trials(), listing::trials()];
            let trials: Vec<Trial> = trials.into_iter().flatten().collect();
            libtest_mimic::run(&Arguments::from_args(), trials).exit();
        }
    }
}
