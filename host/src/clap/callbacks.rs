//! The host as the plugin sees it: what it may call, and what is remembered of it.
//!
//! A call from the plugin only notes something down; it is acted on between blocks, when the device is pumped. clack turns a
//! panic in any of these into a failed call, so none crosses into C.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::ThreadId;

use clack_extensions::audio_ports::{AudioPortRescanFlags, HostAudioPorts, HostAudioPortsImpl};
use clack_extensions::audio_ports_config::{HostAudioPortsConfig, HostAudioPortsConfigImpl};
use clack_extensions::latency::{HostLatency, HostLatencyImpl};
use clack_extensions::log::{HostLog, HostLogImpl, LogSeverity};
use clack_extensions::note_name::{HostNoteName, HostNoteNameImpl};
use clack_extensions::note_ports::{HostNotePorts, HostNotePortsImpl, NoteDialects, NotePortRescanFlags};
use clack_extensions::params::{
    HostParams, HostParamsImplMainThread, HostParamsImplShared, ParamClearFlags, ParamRescanFlags,
};
use clack_extensions::preset_discovery::preset_data::Location;
use clack_extensions::preset_discovery::{HostPresetLoad, HostPresetLoadImpl};
use clack_extensions::state::{HostState, HostStateImpl};
use clack_extensions::tail::{HostTail, HostTailImpl};
use clack_extensions::thread_check::{HostThreadCheck, HostThreadCheckImpl};
use clack_extensions::thread_pool::{HostThreadPool, HostThreadPoolImpl, PluginThreadPool};
use clack_extensions::timer::{HostTimer, HostTimerImpl, TimerId};
use clack_extensions::voice_info::{HostVoiceInfo, HostVoiceInfoImpl};
use clack_host::host::{
    AudioProcessorHandler, HostError, HostExtensions, HostHandlers, MainThreadHandler, SharedHandler,
};
use clack_host::plugin::InitializedPluginHandle;
use clack_host::utils::ClapId;

use super::extension;
use crate::pump::{Clock, Descriptor, Timers};
use crate::role;

/// Ties the three parts together for clack.
pub(super) struct Host;

/// What any thread may touch.
pub(super) struct Shared<'a> {
    name: String,
    main_thread: ThreadId,
    plugin: OnceLock<InitializedPluginHandle<'a>>,
    /// Activation is complete: from here on a new latency needs a restart.
    pub(super) active: AtomicBool,
    pub(super) restart: AtomicBool,
    pub(super) callback: AtomicBool,
    pub(super) flush: AtomicBool,
    /// Frames processed since the instance was made.
    pub(super) frames: AtomicU64,
}

impl Shared<'_> {
    /// For a plugin called `name` whose main thread is the calling one.
    pub(super) fn new(name: String) -> Self {
        Shared {
            name,
            main_thread: std::thread::current().id(),
            plugin: OnceLock::new(),
            active: AtomicBool::new(false),
            restart: AtomicBool::new(false),
            callback: AtomicBool::new(false),
            flush: AtomicBool::new(false),
            frames: AtomicU64::new(0),
        }
    }

    /// Writes a line about the plugin where its own messages go.
    pub(super) fn note(&self, severity: &str, message: &str) {
        crate::note::note(&self.name, severity, message);
    }
}

/// What only the main thread touches.
pub(super) struct MainThread<'a> {
    shared: &'a Shared<'a>,
    pub(super) clock: RefCell<Clock>,
    pub(super) timers: RefCell<Timers>,
    pub(super) descriptors: RefCell<Vec<Descriptor>>,
    /// Parameter information, and with it cookies, is out of date.
    pub(super) stale_parameters: Cell<bool>,
    /// Values or texts changed from within.
    pub(super) changed_values: Cell<bool>,
    /// Audio or note ports are out of date.
    pub(super) stale_ports: Cell<bool>,
    /// Why a preset could not be loaded, in the plugin's words.
    pub(super) preset_error: RefCell<Option<String>>,
}

impl<'a> MainThread<'a> {
    pub(super) fn new(shared: &'a Shared<'a>) -> Self {
        MainThread {
            shared,
            clock: RefCell::default(),
            timers: RefCell::default(),
            descriptors: RefCell::default(),
            stale_parameters: Cell::new(false),
            changed_values: Cell::new(false),
            stale_ports: Cell::new(false),
            preset_error: RefCell::default(),
        }
    }
}

/// What only the audio thread touches.
pub(super) struct AudioThread<'a> {
    plugin: Option<&'a InitializedPluginHandle<'a>>,
    pool: Option<PluginThreadPool>,
}

impl<'a> AudioThread<'a> {
    pub(super) fn new(shared: &'a Shared<'a>) -> Self {
        let plugin = shared.plugin.get();
        AudioThread { plugin, pool: plugin.and_then(|plugin| extension::find(plugin.as_raw_ptr())) }
    }
}

impl HostHandlers for Host {
    type Shared<'a> = Shared<'a>;
    type MainThread<'a> = MainThread<'a>;
    type AudioProcessor<'a> = AudioThread<'a>;

    fn declare_extensions(builder: &mut HostExtensions<Self>, _: &Shared<'_>) {
        builder
            .register::<HostLog>()
            .register::<HostThreadCheck>()
            .register::<HostThreadPool>()
            .register::<HostParams>()
            .register::<HostState>()
            .register::<HostLatency>()
            .register::<HostTail>()
            .register::<HostAudioPorts>()
            .register::<HostAudioPortsConfig>()
            .register::<HostNotePorts>()
            .register::<HostNoteName>()
            .register::<HostVoiceInfo>()
            .register::<HostPresetLoad>()
            .register::<HostTimer>();
        #[cfg(unix)]
        builder.register::<clack_extensions::posix_fd::HostPosixFd>();
    }
}

impl<'a> SharedHandler<'a> for Shared<'a> {
    fn request_restart(&self) {
        self.restart.store(true, Ordering::Release);
    }

    /// Nothing to do: every block is processed, a plugin never sleeps here.
    fn request_process(&self) {}

    fn request_callback(&self) {
        self.callback.store(true, Ordering::Release);
    }
}

impl<'a> MainThreadHandler<'a> for MainThread<'a> {
    fn initialized(&self, instance: InitializedPluginHandle<'a>) {
        assert!(self.shared.plugin.set(instance).is_ok(), "a plugin is initialised once");
    }
}

impl<'a> AudioProcessorHandler<'a> for AudioThread<'a> {}

impl HostLogImpl for Shared<'_> {
    fn log(&self, severity: LogSeverity, message: &str) {
        let severity = match severity {
            LogSeverity::Debug => "debug",
            LogSeverity::Info => "info",
            LogSeverity::Warning => "warning",
            LogSeverity::Error => "error",
            LogSeverity::Fatal => "fatal",
            LogSeverity::HostMisbehaving => "reports a mistake of the host",
            LogSeverity::PluginMisbehaving => "made a mistake",
        };
        self.note(severity, message);
    }
}

impl HostThreadCheckImpl for Shared<'_> {
    fn is_main_thread(&self) -> bool {
        std::thread::current().id() == self.main_thread && !role::is_audio()
    }

    fn is_audio_thread(&self) -> bool {
        role::is_audio()
    }
}

impl HostThreadPoolImpl for AudioThread<'_> {
    /// Runs the tasks one after the other in the order of their indices, so that sums come out the same every time.
    fn request_exec(&mut self, task_count: u32) -> Result<(), HostError> {
        if !role::is_audio() {
            return Err(HostError::Message("request_exec was called outside of process()"));
        }
        let missing = HostError::Message("request_exec was called by a plugin without clap.thread-pool");
        let (Some(plugin), Some(pool)) = (self.plugin, self.pool) else { return Err(missing) };
        // Nothing is accessed if the plugin is being destroyed, which cannot be while it processes.
        plugin.access(|plugin| (0..task_count).for_each(|task| pool.exec(&plugin, task))).ok_or(missing)
    }
}

impl HostParamsImplShared for Shared<'_> {
    fn request_flush(&self) {
        self.flush.store(true, Ordering::Release);
    }
}

impl HostParamsImplMainThread for MainThread<'_> {
    fn rescan(&self, flags: ParamRescanFlags) {
        if flags.intersects(ParamRescanFlags::INFO | ParamRescanFlags::ALL) {
            self.stale_parameters.set(true);
        }
        self.changed_values.set(true);
    }

    /// No automation or modulation is kept here that would have to be forgotten.
    fn clear(&self, _: ClapId, _: ParamClearFlags) {}
}

impl HostStateImpl for MainThread<'_> {
    /// Nobody is asked to save anything.
    fn mark_dirty(&self) {}
}

impl HostLatencyImpl for MainThread<'_> {
    fn changed(&self) {
        // While it is being activated, the latency is read afterwards anyway.
        if self.shared.active.load(Ordering::Acquire) {
            self.shared.restart.store(true, Ordering::Release);
        }
    }
}

impl HostTailImpl for AudioThread<'_> {
    /// The tail is asked for whenever it is needed.
    fn changed(&mut self) {}
}

impl HostAudioPortsImpl for MainThread<'_> {
    fn is_rescan_flag_supported(&self, _: AudioPortRescanFlags) -> bool {
        true
    }

    fn rescan(&self, flags: AudioPortRescanFlags) {
        self.stale_ports.set(true);
        if flags.requires_deactivate() && self.shared.active.load(Ordering::Acquire) {
            self.shared.restart.store(true, Ordering::Release);
        }
    }
}

impl HostAudioPortsConfigImpl for MainThread<'_> {
    fn rescan(&self) {
        self.stale_ports.set(true);
    }
}

impl HostNotePortsImpl for MainThread<'_> {
    fn supported_dialects(&self) -> NoteDialects {
        NoteDialects::CLAP | NoteDialects::MIDI
    }

    fn rescan(&self, _: NotePortRescanFlags) {
        self.stale_ports.set(true);
    }
}

impl HostNoteNameImpl for MainThread<'_> {
    /// Names of notes are not shown anywhere.
    fn changed(&self) {}
}

impl HostVoiceInfoImpl for MainThread<'_> {
    /// Voices are not counted.
    fn changed(&self) {}
}

impl HostPresetLoadImpl for MainThread<'_> {
    fn on_error(&self, _: Location, _: Option<&CStr>, os_error: i32, message: Option<&CStr>) {
        let mut words = message.map_or_else(String::new, |message| message.to_string_lossy().into_owned());
        if os_error != 0 {
            let system = std::io::Error::from_raw_os_error(os_error);
            words = if words.is_empty() { system.to_string() } else { format!("{words} ({system})") };
        }
        self.preset_error.replace(Some(words));
    }

    fn loaded(&self, _: Location, _: Option<&CStr>) {
        self.changed_values.set(true);
    }
}

impl HostTimerImpl for MainThread<'_> {
    fn register_timer(&self, period_ms: u32) -> Result<TimerId, HostError> {
        Ok(TimerId(self.timers.borrow_mut().add(period_ms)))
    }

    fn unregister_timer(&self, id: TimerId) -> Result<(), HostError> {
        if self.timers.borrow_mut().remove(id.0) {
            Ok(())
        } else {
            Err(HostError::Message("there is no timer of that id"))
        }
    }
}

#[cfg(unix)]
impl clack_extensions::posix_fd::HostPosixFdImpl for MainThread<'_> {
    fn register_fd(&self, fd: std::os::fd::RawFd, flags: clack_extensions::posix_fd::FdFlags) -> Result<(), HostError> {
        let mut descriptors = self.descriptors.borrow_mut();
        if descriptors.iter().any(|known| known.fd == fd) {
            return Err(HostError::Message("the file descriptor is registered already"));
        }
        descriptors.push(descriptor(fd, flags));
        Ok(())
    }

    fn modify_fd(&self, fd: std::os::fd::RawFd, flags: clack_extensions::posix_fd::FdFlags) -> Result<(), HostError> {
        let mut descriptors = self.descriptors.borrow_mut();
        let known = descriptors.iter_mut().find(|known| known.fd == fd);
        *known.ok_or(HostError::Message("the file descriptor is not registered"))? = descriptor(fd, flags);
        Ok(())
    }

    fn unregister_fd(&self, fd: std::os::fd::RawFd) -> Result<(), HostError> {
        let mut descriptors = self.descriptors.borrow_mut();
        let before = descriptors.len();
        descriptors.retain(|known| known.fd != fd);
        if descriptors.len() < before {
            Ok(())
        } else {
            Err(HostError::Message("the file descriptor is not registered"))
        }
    }
}

#[cfg(unix)]
fn descriptor(fd: std::os::fd::RawFd, flags: clack_extensions::posix_fd::FdFlags) -> Descriptor {
    use clack_extensions::posix_fd::FdFlags;

    let is = |flag| flags.contains(flag);
    Descriptor { fd, read: is(FdFlags::READ), write: is(FdFlags::WRITE), error: is(FdFlags::ERROR) }
}
