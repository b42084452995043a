//! A plugin's objects, from the first call to the last in the order that VST3 has.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use vst3::ComPtr;
use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;

use super::connection::Connection;
use super::context::context;
use super::controller::Controller;
use super::handler::{self, Notices};
use super::module::{Module, Offer};
use super::run_loop::RunLoop;
use super::stream::{Stream, face};
use crate::chance;

/// A component and its controller, initialised and connected.
pub(super) struct Instance {
    /// Goes before the component: DPF's plugins keep for ever what is still in use when their component is released.
    pub(super) processor: ComPtr<IAudioProcessor>,
    pub(super) component: ComPtr<IComponent>,
    pub(super) controller: Option<Controller>,
    /// The controller is an object of its own rather than another face of the component.
    separate: bool,
    pub(super) connection: Option<Connection>,
    pub(super) notices: Arc<Notices>,
    pub(super) run_loop: Arc<RunLoop>,
    pub(super) module: Arc<Module>,
    _handler: ComPtr<IComponentHandler>,
    _context: ComPtr<IHostApplication>,
}

impl Instance {
    /// Makes and initialises a plugin. Fails with what went wrong and what to do.
    pub(super) fn new(module: &Arc<Module>, offer: &Offer) -> Result<Instance, String> {
        chance::begin_anew();
        let component: ComPtr<IComponent> = module
            .create(&offer.class)
            .ok_or("its library lists the plugin but does not make one. It may need a licence or a display")?;
        let run_loop = Arc::<RunLoop>::default();
        let context = context(run_loop.clone());
        let face = context.clone().upcast::<FUnknown>();
        // SAFETY: the component was made just now, and the context outlives it.
        if unsafe { component.initialize(face.as_ptr()) } != kResultOk {
            return Err("the plugin failed to initialise. What it printed may say why".into());
        }
        let mut initialised = Initialised(Some(component.clone()));
        let processor =
            component.cast::<IAudioProcessor>().ok_or("it processes no audio: it has no IAudioProcessor")?;
        let (controller, separate) = controller(module, &component, &face)?;
        let notices = Arc::<Notices>::default();
        let handler = handler::handler(notices.clone(), run_loop.clone());
        if let Some(controller) = &controller {
            // SAFETY: the controller is initialised; the handler outlives it. One that takes none reports nothing.
            unsafe { controller.setComponentHandler(handler.as_ptr()) };
        }
        let connection = controller.as_ref().filter(|_| separate).and_then(|c| Connection::new(&component, c));
        let controller = controller.map(Controller::new);
        // From here on the instance terminates it.
        initialised.0 = None;
        let instance = Instance {
            component,
            processor,
            controller,
            separate,
            connection,
            notices,
            run_loop,
            module: module.clone(),
            _handler: handler,
            _context: context,
        };
        if let (Some(controller), Some(state)) = (&instance.controller, instance.component_state()) {
            controller.show_component_state(&state);
        }
        Ok(instance)
    }

    /// The component's state; `None` if it has none.
    pub(super) fn component_state(&self) -> Option<Vec<u8>> {
        let stream = Stream::of(&[]);
        // SAFETY: the component is initialised; the stream outlives the call.
        let saved = unsafe { self.component.getState(face(&stream).as_ptr()) };
        (saved == kResultOk).then(|| stream.bytes())
    }

    /// Gives the component a state. `false` if it refuses.
    pub(super) fn load_component_state(&self, bytes: &[u8]) -> bool {
        let stream = Stream::of(bytes);
        // SAFETY: as in `component_state`.
        unsafe { self.component.setState(face(&stream).as_ptr()) == kResultOk }
    }
}

/// An initialised component that is terminated unless it is taken out.
struct Initialised(Option<ComPtr<IComponent>>);

impl Drop for Initialised {
    fn drop(&mut self) {
        if let Some(component) = self.0.take() {
            // SAFETY: the component is initialised and is not used any more.
            unsafe { component.terminate() };
        }
    }
}

type Found = (Option<ComPtr<IEditController>>, bool);

/// The component's controller, initialised, and whether it is an object of its own.
fn controller(module: &Module, component: &ComPtr<IComponent>, context: &ComPtr<FUnknown>) -> Result<Found, String> {
    if let Some(controller) = component.cast::<IEditController>() {
        return Ok((Some(controller), false));
    }
    let mut class: TUID = [0; 16];
    // SAFETY: the component is initialised; the pointer leads to a place for one id.
    let told = unsafe { component.getControllerClassId(&mut class) };
    if told != kResultOk || class == [0; 16] {
        // A plugin without parameters.
        return Ok((None, false));
    }
    let controller: ComPtr<IEditController> = module.create(&class).ok_or_else(|| {
        format!("it names a controller, {}, that its library does not make", super::text::class_id(&class))
    })?;
    // SAFETY: the controller was made just now, and the context outlives it.
    if unsafe { controller.initialize(context.as_ptr()) } != kResultOk {
        return Err("its controller failed to initialise. What the plugin printed may say why".into());
    }
    Ok((Some(controller), true))
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: all objects are initialised and used no more after this; the order is VST3's.
        unsafe {
            if self.notices.active.swap(false, Ordering::AcqRel) {
                self.processor.setProcessing(0);
                self.component.setActive(0);
            }
            self.connection = None;
            if let Some(controller) = self.controller.take() {
                controller.edit().setComponentHandler(std::ptr::null_mut());
                if self.separate {
                    controller.edit().terminate();
                }
            }
            self.component.terminate();
        }
        self.run_loop.clear();
    }
}
