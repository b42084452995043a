//! The offline graph: tracks, busses, sends, delay compensation.
