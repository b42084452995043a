//! What an active plugin's ports are connected to.
//!
//! A plugin works on buffers of the host's own, connected once: they are aligned for whatever instructions it uses, no
//! output lies where an input is, and nothing has to be connected again from block to block but a sequence that grew.

use std::ffi::c_void;

use super::atom;
use super::features::SEQUENCE_SIZE;
use super::instance::Instance;
use super::plugin::Description;
use super::port::{Direction, Kind};

/// Samples that begin at a multiple of 64 bytes, as wide as any instruction and any line of a cache.
pub(super) struct Samples {
    lines: Vec<Line>,
    length: usize,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

impl Samples {
    fn new(length: usize) -> Samples {
        Samples { lines: vec![Line([0.0; 16]); length.div_ceil(16).max(1)], length }
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        // SAFETY: sixteen samples a line lie in a row there, at least `length` in all.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: likewise, and nothing else refers to them meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

/// A port's buffer.
pub(super) enum Buffer {
    /// The port is connected to its place among the controls, or to nothing.
    None,
    Samples(Samples),
    Input(atom::Input),
    Output(atom::Output),
}

/// The buffers of all ports, by index.
pub(super) struct Buffers(pub(super) Vec<Buffer>);

impl Buffers {
    /// For blocks of at most `frames` frames. `is_used` says which ports something goes through.
    pub(super) fn new(plugin: &Description, frames: usize, is_used: impl Fn(u32) -> bool) -> Buffers {
        let buffer = |port: &super::port::Port| match (port.kind, port.direction) {
            _ if port.optional && !is_used(port.index) => Buffer::None,
            (Kind::Audio | Kind::Cv, _) => Buffer::Samples(Samples::new(frames)),
            (Kind::Atom, Direction::Input) => Buffer::Input(atom::Input::new(SEQUENCE_SIZE.max(port.minimum_size))),
            (Kind::Atom, Direction::Output) => Buffer::Output(atom::Output::new(SEQUENCE_SIZE.max(port.minimum_size))),
            (Kind::Control | Kind::Unknown, _) => Buffer::None,
        };
        Buffers(plugin.ports.iter().map(buffer).collect())
    }

    /// Where each port is to be connected to.
    fn place(&mut self, index: usize) -> *mut c_void {
        match &mut self.0[index] {
            Buffer::None => std::ptr::null_mut(),
            Buffer::Samples(samples) => samples.as_mut_slice().as_mut_ptr().cast(),
            Buffer::Input(input) => input.as_mut_ptr().cast(),
            Buffer::Output(output) => output.as_mut_ptr().cast(),
        }
    }

    /// Connects all ports. Both the buffers and the controls must stay until the ports are connected to something else.
    pub(super) fn connect(&mut self, instance: &mut Instance, plugin: &Description, controls: &mut [f32]) {
        for port in &plugin.ports {
            let index = port.index as usize;
            let place = match port.kind {
                Kind::Control => std::ptr::from_mut(&mut controls[index]).cast(),
                _ => self.place(index),
            };
            // SAFETY: a control has room for one number, and other buffers were made for the port's type and for the
            // longest block; null is left to ports that allow it, which was checked when the plugin was loaded. Their
            // owner keeps all of them as long as the instance is active.
            unsafe { instance.connect(port.index, place) };
        }
    }

    /// Connects the sequences that go in; they may lie elsewhere than before.
    pub(super) fn connect_inputs(&mut self, instance: &mut Instance) {
        for index in 0..self.0.len() {
            if matches!(self.0[index], Buffer::Input(_)) {
                let place = self.place(index);
                // SAFETY: as in `connect`.
                unsafe { instance.connect(index as u32, place) };
            }
        }
    }

    pub(super) fn samples(&mut self, port: u32) -> Option<&mut Samples> {
        match self.0.get_mut(port as usize) {
            Some(Buffer::Samples(samples)) => Some(samples),
            _ => None,
        }
    }

    pub(super) fn input(&mut self, port: u32) -> Option<&mut atom::Input> {
        match self.0.get_mut(port as usize) {
            Some(Buffer::Input(input)) => Some(input),
            _ => None,
        }
    }
}
