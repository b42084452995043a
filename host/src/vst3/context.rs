//! The host as plugins see it when they begin: its name, its objects, its run loop.

use std::ffi::c_void;
use std::sync::Arc;

use vst3::Steinberg::Linux::IRunLoop;
use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;
use vst3::{Class, ComPtr, ComWrapper, Interface};

use super::message::{Attributes, Message, host_name};
use super::run_loop::{RunLoop, offers_run_loop};

/// What `initialize` and `setHostContext` are given.
struct Context {
    run_loop: Arc<RunLoop>,
}

impl Class for Context {
    type Interfaces = (IHostApplication, IPlugInterfaceSupport, IRunLoop);
}

/// A context whose run loop is `run_loop`.
pub(super) fn context(run_loop: Arc<RunLoop>) -> ComPtr<IHostApplication> {
    ComWrapper::new(Context { run_loop }).to_com_ptr().expect("a context has its interface")
}

impl IHostApplicationTrait for Context {
    unsafe fn getName(&self, name: *mut String128) -> tresult {
        if name.is_null() {
            return kInvalidArgument;
        }
        // SAFETY: the plugin passes a place for one name, and it is not null.
        host_name(unsafe { &mut *name });
        kResultOk
    }

    unsafe fn createInstance(&self, class: *mut TUID, interface: *mut TUID, object: *mut *mut c_void) -> tresult {
        if class.is_null() || interface.is_null() || object.is_null() {
            return kInvalidArgument;
        }
        // SAFETY: none of the three is null, and each leads to what its type says for the time of the call.
        let (class, interface) = unsafe {
            *object = std::ptr::null_mut();
            (*class, *interface)
        };
        let is = |iid: &[u8; 16], id: &TUID| iid.iter().zip(id).all(|(a, b)| *a == *b as u8);
        let made: *mut c_void = if is(&IMessage::IID, &class) && is(&IMessage::IID, &interface) {
            ComWrapper::new(Message::new())
                .to_com_ptr::<IMessage>()
                .expect("a message has its interface")
                .into_raw()
                .cast()
        } else if is(&IAttributeList::IID, &class) && is(&IAttributeList::IID, &interface) {
            let list = ComWrapper::new(Attributes::default()).to_com_ptr::<IAttributeList>();
            list.expect("a list has its interface").into_raw().cast()
        } else {
            return kNoInterface;
        };
        // SAFETY: as above. The reference that comes with the object is the plugin's.
        unsafe { *object = made };
        kResultOk
    }
}

impl IPlugInterfaceSupportTrait for Context {
    unsafe fn isPlugInterfaceSupported(&self, interface: *const TUID) -> tresult {
        const SUPPORTED: &[&[u8; 16]] = &[
            &IComponent::IID,
            &IAudioProcessor::IID,
            &IEditController::IID,
            &IConnectionPoint::IID,
            &IMidiMapping::IID,
            &IUnitInfo::IID,
            &INoteExpressionController::IID,
            &IProcessContextRequirements::IID,
        ];
        if interface.is_null() {
            return kInvalidArgument;
        }
        // SAFETY: the plugin passes the id of one interface, and it is not null.
        let wanted = unsafe { &*interface };
        let is = |iid: &&&[u8; 16]| iid.iter().zip(wanted).all(|(a, b)| *a == *b as u8);
        if SUPPORTED.iter().any(|iid| is(&iid)) { kResultTrue } else { kResultFalse }
    }
}

offers_run_loop!(Context);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_makes_messages_and_lists_and_nothing_else() {
        let context = context(Arc::default());
        let mut object = std::ptr::null_mut();
        let id = |iid: &[u8; 16]| -> TUID { iid.map(|byte| byte as _) };
        // SAFETY: all pointers lead to variables; what is made is taken over as what was asked for.
        unsafe {
            let (mut class, mut wanted) = (id(&IMessage::IID), id(&IMessage::IID));
            assert_eq!(context.createInstance(&mut class, &mut wanted, &mut object), kResultOk);
            let message = ComPtr::<IMessage>::from_raw(object.cast()).unwrap();
            assert!(!message.getAttributes().is_null());
            let mut wanted = id(&IAttributeList::IID);
            assert_eq!(context.createInstance(&mut class, &mut wanted, &mut object), kNoInterface);
            assert!(object.is_null());
            let mut class = id(&IAttributeList::IID);
            assert_eq!(context.createInstance(&mut class, &mut wanted, &mut object), kResultOk);
            assert!(ComPtr::<IAttributeList>::from_raw(object.cast()).is_some());
            let support = context.cast::<IPlugInterfaceSupport>().unwrap();
            assert_eq!(support.isPlugInterfaceSupported(&id(&IMidiMapping::IID)), kResultTrue);
            assert_eq!(support.isPlugInterfaceSupported(&id(&IPlugView::IID)), kResultFalse);
            assert!(context.cast::<IRunLoop>().is_some());
        }
    }
}
