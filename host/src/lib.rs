//! CLAP plugins behind the device traits.
