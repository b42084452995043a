//! What comes with the program, so that a fresh machine without any file has sound.

/// Names of all that is embedded.
pub const NAMES: &[&str] = &["cabinet-4x12", "cabinet-4x12-stereo", "tonemill", "chump"];

/// The bytes of an embedded asset, by its name in [`NAMES`].
pub fn get(name: &str) -> Option<&'static [u8]> {
    match name {
        "cabinet-4x12" => Some(include_bytes!("../assets/cabinet-4x12.wav")),
        "cabinet-4x12-stereo" => Some(include_bytes!("../assets/cabinet-4x12-stereo.wav")),
        "tonemill" => Some(include_bytes!("../assets/tonemill.sf2")),
        "chump" => Some(include_bytes!("../assets/chump.nam")),
        _ => None,
    }
}
