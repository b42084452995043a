//! The names under which presets know the built-in devices.
//!
//! The devices themselves live in a crate above this one; here stands what reading a preset takes: which names there
//! are, which files they work with, and what a value behind the bare name means.

/// What reading a preset takes to know of a built-in device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// Its name in presets.
    pub name: &'static str,
    /// What `{ NAME: value }` sets.
    pub main: Main,
    /// Roles of the files that it works with.
    pub assets: &'static [&'static str],
}

/// What the value in `{ NAME: value }` sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Main {
    /// This parameter.
    Parameter(&'static str),
    /// The file in this role.
    Asset(&'static str),
    /// Nothing: the value must be a map of parameters.
    Nothing,
}

/// The role of the file that a neural device plays.
pub(crate) const MODEL: &str = "model";

/// Every built-in device.
pub const BUILTINS: &[Builtin] = &[
    Builtin { name: "gain", main: Main::Parameter("Gain"), assets: &[] },
    Builtin { name: "pan", main: Main::Parameter("Pan"), assets: &[] },
    Builtin { name: "soundfont", main: Main::Asset("soundfont"), assets: &["soundfont"] },
    Builtin { name: "cabinet", main: Main::Asset("ir"), assets: &["ir"] },
    Builtin { name: "eq", main: Main::Nothing, assets: &[] },
    Builtin { name: "compressor", main: Main::Nothing, assets: &[] },
    Builtin { name: "gate", main: Main::Nothing, assets: &[] },
    Builtin { name: "delay", main: Main::Nothing, assets: &[] },
    Builtin { name: "drive", main: Main::Nothing, assets: &[] },
    Builtin { name: "reverb", main: Main::Nothing, assets: &[] },
    Builtin { name: "nam", main: Main::Asset(MODEL), assets: &[MODEL] },
    Builtin { name: "rnn", main: Main::Asset(MODEL), assets: &[MODEL] },
    Builtin { name: "limiter", main: Main::Parameter("Ceiling"), assets: &[] },
];

/// The built-in of that name.
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|b| b.name == name)
}

/// The names of all built-ins.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    BUILTINS.iter().map(|b| b.name)
}
