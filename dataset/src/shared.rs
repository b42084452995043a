//! Equal values kept once.
//!
//! A data set of a million files has few tones, recordings and chains of settings; what its entries say of them they share.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Values of one type, each once.
pub(crate) struct Shared<T: ?Sized>(HashSet<Arc<T>>);

impl<T: ?Sized> Default for Shared<T> {
    fn default() -> Shared<T> {
        Shared(HashSet::new())
    }
}

impl<T: ?Sized + Eq + Hash> Shared<T> {
    /// The one of the kept values that equals this one, which is kept if there was none.
    pub fn keep(&mut self, value: impl Into<Arc<T>> + Borrow<T>) -> Arc<T> {
        if let Some(kept) = self.0.get(value.borrow()) {
            return kept.clone();
        }
        let kept: Arc<T> = value.into();
        self.0.insert(kept.clone());
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_and_others_are_not() {
        let mut texts: Shared<str> = Shared::default();
        let (one, again, other) = (texts.keep("a".to_owned()), texts.keep("a"), texts.keep("b"));
        assert!(Arc::ptr_eq(&one, &again) && !Arc::ptr_eq(&one, &other));
        assert_eq!((&*again, &*other), ("a", "b"));
    }
}
