//! The wire between a plugin's two halves.
//!
//! Each half is connected to a proxy rather than to the other, so that nothing passes while blocks are processed: a
//! message that is sent then, or by another thread, waits for the next pump.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;
use vst3::{Class, ComPtr, ComWrapper};

use super::com::owned;
use crate::role;

/// Most messages that wait at once. A plugin that sends a thousand in a block has lost count.
const MOST_WAITING: usize = 4096;

/// Both directions of the wire.
pub(super) struct Connection {
    /// What the component is connected to; leads to the controller.
    to_controller: Proxy,
    /// What the controller is connected to; leads to the component.
    to_component: Proxy,
}

struct Proxy {
    object: ComPtr<IConnectionPoint>,
    wire: Arc<Wire>,
    /// The half that sends.
    sender: ComPtr<IConnectionPoint>,
}

/// One direction.
struct Wire {
    main_thread: ThreadId,
    receiver: Mutex<Option<ComPtr<IConnectionPoint>>>,
    waiting: Mutex<VecDeque<ComPtr<IMessage>>>,
}

// SAFETY: receivers are called by the main thread only, and messages that come from elsewhere are no more than kept,
// which counts references; VST3 has reference counts be thread-safe.
unsafe impl Send for Wire {}
// SAFETY: as above; everything within is behind a lock.
unsafe impl Sync for Wire {}

/// The proxy as the plugin sees it.
struct Face(Arc<Wire>);

impl Class for Face {
    type Interfaces = (IConnectionPoint,);
}

impl Connection {
    /// Connects the two halves, if both want to be.
    pub(super) fn new(component: &ComPtr<IComponent>, controller: &ComPtr<IEditController>) -> Option<Connection> {
        let component = component.cast::<IConnectionPoint>()?;
        let controller = controller.cast::<IConnectionPoint>()?;
        let to_controller = Proxy::new(component.clone(), controller.clone());
        let to_component = Proxy::new(controller, component);
        to_controller.connect();
        to_component.connect();
        Some(Connection { to_controller, to_component })
    }

    /// Delivers what waits. Gives whether there was anything.
    pub(super) fn pump(&self) -> bool {
        let forth = self.to_controller.wire.deliver();
        self.to_component.wire.deliver() || forth
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.to_controller.disconnect();
        self.to_component.disconnect();
    }
}

impl Proxy {
    fn new(sender: ComPtr<IConnectionPoint>, receiver: ComPtr<IConnectionPoint>) -> Proxy {
        let wire = Arc::new(Wire {
            main_thread: std::thread::current().id(),
            receiver: Mutex::new(Some(receiver)),
            waiting: Mutex::default(),
        });
        let object = ComWrapper::new(Face(wire.clone())).to_com_ptr().expect("a proxy has its interface");
        Proxy { object, wire, sender }
    }

    fn connect(&self) {
        // SAFETY: both are valid objects, and this is the main thread. What the half answers changes nothing: one that
        // cannot be connected sends nothing.
        unsafe { self.sender.connect(self.object.as_ptr()) };
    }

    fn disconnect(&self) {
        // SAFETY: as in `connect`.
        unsafe { self.sender.disconnect(self.object.as_ptr()) };
        self.wire.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.wire.waiting().clear();
    }
}

impl Wire {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<ComPtr<IMessage>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers as many as wait now, in their order. Those that come meanwhile from another thread wait for the next time.
    fn deliver(&self) -> bool {
        let count = self.waiting().len();
        for _ in 0..count {
            let next = self.waiting().pop_front();
            next.into_iter().for_each(|message| _ = self.notify(message.as_ptr()));
        }
        count > 0
    }

    fn notify(&self, message: *mut IMessage) -> tresult {
        #[cfg(all(test, target_os = "linux"))]
        super::hostchecker::listen(message);
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // SAFETY: the receiver is the plugin's own object, held by a reference, and the message is valid for the time
        // of the call; this is the main thread, between blocks.
        receiver.map_or(kResultFalse, |receiver| unsafe { receiver.notify(message) })
    }
}

impl IConnectionPointTrait for Face {
    unsafe fn connect(&self, _: *mut IConnectionPoint) -> tresult {
        // The host alone connects.
        kResultFalse
    }

    unsafe fn disconnect(&self, _: *mut IConnectionPoint) -> tresult {
        kResultFalse
    }

    unsafe fn notify(&self, message: *mut IMessage) -> tresult {
        if message.is_null() {
            return kInvalidArgument;
        }
        if std::thread::current().id() == self.0.main_thread && !role::is_audio() {
            // Those that were sent before arrive before.
            self.0.deliver();
            return self.0.notify(message);
        }
        let Some(message) = owned(message) else { return kInvalidArgument };
        let mut waiting = self.0.waiting();
        if waiting.len() >= MOST_WAITING {
            return kOutOfMemory;
        }
        waiting.push_back(message);
        kResultOk
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::AudioRole;
    use crate::vst3::message::Message;

    /// Remembers the messages that it is given.
    #[derive(Default)]
    struct Half(Mutex<Vec<usize>>);

    impl Class for Half {
        type Interfaces = (IConnectionPoint,);
    }

    impl IConnectionPointTrait for Half {
        unsafe fn connect(&self, _: *mut IConnectionPoint) -> tresult {
            kResultOk
        }

        unsafe fn disconnect(&self, _: *mut IConnectionPoint) -> tresult {
            kResultOk
        }

        unsafe fn notify(&self, message: *mut IMessage) -> tresult {
            self.0.lock().unwrap().push(message.addr());
            kResultOk
        }
    }

    #[test]
    fn a_message_does_not_overtake_one_that_waits() {
        let (sender, receiver) = (ComWrapper::new(Half::default()), ComWrapper::new(Half::default()));
        let [from, to] = [&sender, &receiver].map(|half| half.to_com_ptr::<IConnectionPoint>().unwrap());
        let proxy = Proxy::new(from, to);
        let messages = [0; 3].map(|_| ComWrapper::new(Message::new()).to_com_ptr::<IMessage>().unwrap());
        // SAFETY: the proxy and the messages live to the end of the test.
        let send = |message: &ComPtr<IMessage>| unsafe { proxy.object.notify(message.as_ptr()) };
        let heard = || receiver.0.lock().unwrap().len();
        {
            let _role = AudioRole::take();
            assert_eq!((send(&messages[0]), send(&messages[1]), heard()), (kResultOk, kResultOk, 0));
        }
        assert_eq!((send(&messages[2]), heard()), (kResultOk, 3));
        assert_eq!(*receiver.0.lock().unwrap(), messages.map(|message| message.as_ptr().addr()));
        assert!(!proxy.wire.deliver(), "nothing waits any more");
    }
}
