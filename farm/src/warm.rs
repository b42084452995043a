//! Which devices workers may use again.

use std::collections::HashSet;
use std::sync::Arc;

use jobs::message::ToWorker;
use jobs::probe::as_set;

/// The devices, as [`as_set`] tells them apart, that sound like fresh ones when they are reset and used again, as somebody
/// has found out. By default none is known.
#[derive(Clone, Debug, Default)]
pub struct Warm(Arc<HashSet<u128>>);

impl FromIterator<u128> for Warm {
    fn from_iter<I: IntoIterator<Item = u128>>(devices: I) -> Warm {
        Warm(Arc::new(devices.into_iter().collect()))
    }
}

impl Warm {
    /// Says in a request which devices of its task are among them. An attempt after the first is made with fresh ones.
    pub(crate) fn allow(&self, message: &mut ToWorker) {
        let ToWorker::Render { attempt: 1, warm, task, .. } = message else { return };
        if self.0.is_empty() {
            return;
        }
        let devices = task.render.devices();
        let allowed = devices.into_iter().zip(0..).filter(|(setup, _)| self.0.contains(&as_set(setup, task.audio)));
        *warm = allowed.map(|(_, number)| number).collect();
    }
}
