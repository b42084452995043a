//! Mistakes of one kind: a few are told, then how many more there are.

use presets::document::{Collector, Place};

/// Mistakes of one kind that are told one by one.
const MOST_TOLD: usize = 5;

/// Tells a few mistakes of one kind, then how many more there are.
pub(super) struct Limited {
    what: &'static str,
    count: usize,
}

impl Limited {
    pub fn new(what: &'static str) -> Limited {
        Limited { what, count: 0 }
    }

    /// Tells a mistake, unless enough of its kind are told; `words` gives the message and what to do.
    pub fn tell(&mut self, place: &Place, words: impl FnOnce() -> (String, String), collector: &Collector) {
        self.count += 1;
        if self.count <= MOST_TOLD {
            let (message, help) = words();
            collector.mistake_with(place, message, help);
        }
    }

    /// Tells what stands in a collector of its own, as one mistake of the kind; nothing where that is empty.
    pub fn take(&mut self, own: Collector, collector: &Collector) {
        if own.is_empty() {
            return;
        }
        self.count += 1;
        if self.count <= MOST_TOLD {
            collector.extend(own.into_mistakes());
        }
    }

    /// Says how many were not told.
    pub fn close(self, place: &Place, collector: &Collector) {
        if self.count > MOST_TOLD {
            collector.mistake(place, format!("{} more {}", self.count - MOST_TOLD, self.what));
        }
    }
}
