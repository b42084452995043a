//! Music as data: MIDI files, tempo map, ticks to seconds to frames.
