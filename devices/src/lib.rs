//! Built-in instruments and effects behind the device traits.
