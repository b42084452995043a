//! A WaveNet at work.

use std::sync::Arc;

use super::config::Gating;
use super::modulate::{Add, Gate, Modulate};
use super::net::{Net, NetFilm, NetLayer};
use crate::Activations;
use crate::activation::{Activate, Activation};
use crate::conv::Pass;
use crate::nam::engine::{Engine, convolve};
use crate::rows::{Rows, View, ViewMut};
use crate::simd::Path;

/// Plays one clip through a [`Net`].
pub(super) struct Player {
    net: Arc<Net>,
    path: Path,
    /// The network that makes the condition, and what it last gave.
    condition: Option<(Box<dyn Engine>, Rows)>,
    arrays: Vec<ArrayState>,
    /// What goes into each convolution after all layers.
    post: Vec<(Activation, Rows)>,
    scratch: Scratch,
}

struct ArrayState {
    layers: Vec<LayerState>,
    /// What the last layer hands to the next array.
    last: Rows,
    /// The sum of what the layers hand to the head.
    head: Rows,
}

struct LayerState {
    input: Rows,
    /// The modulated input, where the convolution reads that instead.
    modulated: Option<Rows>,
    activation: Activation,
    secondary: Activation,
}

/// Rows for one layer's work, shared by all layers.
struct Scratch {
    /// Before and after the activation.
    z: Rows,
    condition: Rows,
    mixed: Rows,
    modulation: Rows,
    /// On its way to the next layer or to the head.
    out: Rows,
}

impl Player {
    pub fn new(
        net: Arc<Net>,
        condition: Option<(Box<dyn Engine>, usize)>,
        path: Path,
        activations: Activations,
    ) -> Player {
        let arrays: Vec<ArrayState> = net
            .arrays
            .iter()
            .map(|array| {
                let layer = |layer: &NetLayer| LayerState::new(layer, array.channels, activations);
                ArrayState {
                    layers: array.layers.iter().map(layer).collect(),
                    last: Rows::new(array.channels, 0),
                    head: Rows::new(array.head_inputs, array.head.history()),
                }
            })
            .collect();
        let post = net
            .post
            .iter()
            .map(|(activation, conv)| (activation.under(activations), Rows::new(conv.inputs(), conv.history())));
        let post = post.collect();
        let condition = condition.map(|(engine, outputs)| (engine, Rows::new(outputs, 0)));
        let scratch = Scratch::new(&net);
        Player { net, path, condition, arrays, post, scratch }
    }
}

impl LayerState {
    fn new(layer: &NetLayer, channels: usize, activations: Activations) -> LayerState {
        let (history, modulated) = match layer.films[0] {
            Some(_) => (0, Some(Rows::new(channels, layer.conv.history()))),
            None => (layer.conv.history(), None),
        };
        LayerState {
            input: Rows::new(channels, history),
            modulated,
            activation: layer.activation.under(activations),
            secondary: layer.secondary.under(activations),
        }
    }
}

impl Scratch {
    fn new(net: &Net) -> Scratch {
        let layers = || net.arrays.iter().flat_map(|array| array.layers.iter().map(move |layer| (array, layer)));
        let most = |f: &dyn Fn(&super::net::NetArray, &NetLayer) -> usize| {
            Rows::new(layers().map(|(array, layer)| f(array, layer)).max().unwrap_or(0), 0)
        };
        let films = |layer: &NetLayer| layer.films.iter().flatten().map(|film| film.conv.outputs()).max().unwrap_or(0);
        Scratch {
            z: most(&|_, layer| layer.gated),
            condition: most(&|array, layer| if layer.films[2].is_some() { array.conditions } else { 0 }),
            mixed: most(&|_, layer| if layer.mixin.is_some() { layer.gated } else { 0 }),
            modulation: most(&|_, layer| films(layer)),
            out: most(&|array, layer| if layer.is_plain() { 0 } else { array.channels.max(array.head_inputs) }),
        }
    }
}

impl Engine for Player {
    fn play(&mut self, input: &Rows, output: &mut Rows, frames: usize) {
        if let Some((engine, rows)) = &mut self.condition {
            engine.play(input, rows, frames);
        }
        let condition = self.condition.as_ref().map_or(input, |(_, rows)| rows).view();
        let block = Block { path: self.path, condition, frames };
        for (i, net) in self.net.arrays.iter().enumerate() {
            let (before, rest) = self.arrays.split_at_mut(i);
            let array = &mut rest[0];
            let source = match before.last() {
                Some(before) => {
                    let head = &self.net.arrays[i - 1].head;
                    convolve(self.path, head, before.head.view(), array.head.view_mut(), frames);
                    &before.last
                }
                None => {
                    array.head.silence(frames);
                    input
                }
            };
            convolve(self.path, &net.rechannel, source.view(), array.layers[0].input.view_mut(), frames);
            for (k, layer) in net.layers.iter().enumerate() {
                let (state, next) = array.layers[k..].split_first_mut().expect("a state for each layer");
                let next = next.first_mut().map_or(&mut array.last, |next| &mut next.input);
                let last = i + 1 == self.net.arrays.len() && k + 1 == net.layers.len();
                if layer.is_plain() {
                    block.plain(layer, state, &mut self.scratch.z, &mut array.head, (!last).then_some(next));
                } else {
                    block.full(layer, state, &mut self.scratch, &mut array.head, (!last).then_some(next));
                }
            }
        }
        let last = self.arrays.len() - 1;
        let (head, conv) = (&self.arrays[last].head, &self.net.arrays[last].head);
        let target = self.post.first_mut().map_or(&mut *output, |(_, rows)| rows);
        convolve(self.path, conv, head.view(), target.view_mut(), frames);
        for (i, (_, conv)) in self.net.post.iter().enumerate() {
            let (state, next) = self.post[i..].split_first_mut().expect("a state for each convolution");
            let (activation, rows) = state;
            for row in 0..rows.count() {
                self.path.run(Activate(activation, row, &mut rows.row_mut(row)[..frames.next_multiple_of(64)]));
            }
            let target = next.first_mut().map_or(&mut *output, |(_, rows)| rows);
            convolve(self.path, conv, rows.view(), target.view_mut(), frames);
        }
        self.rows().for_each(|rows| rows.advance(frames));
    }

    fn clear(&mut self) {
        if let Some((engine, _)) = &mut self.condition {
            engine.clear();
        }
        self.rows().for_each(Rows::clear);
    }

    fn warm_up(&self) -> usize {
        self.condition.as_ref().map_or(1, |(engine, _)| engine.warm_up()) + self.net.lookback
    }
}

impl Player {
    /// All rows that remember something.
    fn rows(&mut self) -> impl Iterator<Item = &mut Rows> {
        let arrays = self.arrays.iter_mut().flat_map(|array| {
            let layers =
                array.layers.iter_mut().flat_map(|layer| std::iter::once(&mut layer.input).chain(&mut layer.modulated));
            layers.chain(std::iter::once(&mut array.head))
        });
        arrays.chain(self.post.iter_mut().map(|(_, rows)| rows))
    }
}

/// What all layers of one block share.
#[derive(Clone, Copy)]
struct Block<'a> {
    path: Path,
    condition: View<'a>,
    frames: usize,
}

impl Block<'_> {
    /// A layer that is its convolution, its activation, and the way to the next layer.
    fn plain(self, layer: &NetLayer, state: &mut LayerState, z: &mut Rows, head: &mut Rows, next: Option<&mut Rows>) {
        self.path.run(Pass {
            conv: &layer.conv,
            source: state.input.view(),
            mixed: Some(self.condition),
            residual: None,
            target: z.view_mut(),
            activation: &state.activation,
            sum: Some(head.view_mut()),
            frames: self.frames,
        });
        self.onward(layer, state, z, next);
    }

    /// The way to the next layer: the input, and the convolution of what the activation gave.
    fn onward(self, layer: &NetLayer, state: &LayerState, z: &Rows, next: Option<&mut Rows>) {
        let Some(next) = next else { return };
        let Some(conv) = &layer.to_next else { return copy(&state.input, next, self.frames) };
        self.path.run(Pass {
            conv,
            source: z.view(),
            mixed: None,
            residual: Some(state.input.view()),
            target: next.view_mut(),
            activation: &Activation::Identity,
            sum: None,
            frames: self.frames,
        });
    }

    /// A layer with any of what layers may have.
    fn full(
        self,
        layer: &NetLayer,
        state: &mut LayerState,
        scratch: &mut Scratch,
        head: &mut Rows,
        next: Option<&mut Rows>,
    ) {
        let Scratch { z, condition, mixed, modulation, out } = scratch;
        let frames = self.frames;
        if let (Some(film), Some(modulated)) = (&layer.films[0], &mut state.modulated) {
            copy(&state.input, modulated, frames);
            self.modulate(film, modulated, modulation);
        }
        self.path.run(Pass {
            conv: &layer.conv,
            source: state.modulated.as_ref().unwrap_or(&state.input).view(),
            mixed: layer.mixin.is_none().then_some(self.condition),
            residual: None,
            target: z.view_mut(),
            activation: &Activation::Identity,
            sum: None,
            frames,
        });
        self.modulate_if(&layer.films[1], z, modulation);
        if let Some(mixin) = &layer.mixin {
            let mut source = self.condition;
            if let Some(film) = &layer.films[2] {
                for row in 0..film.rows {
                    condition.row_mut(row)[..frames].copy_from_slice(source.tile(row, 0, 0, frames));
                }
                self.modulate(film, condition, modulation);
                source = condition.view();
            }
            convolve(self.path, mixin, source, mixed.view_mut(), frames);
            self.modulate_if(&layer.films[3], mixed, modulation);
            self.path.run(Add { rows: layer.gated, target: z.view_mut(), source: mixed.view(), frames });
        }
        self.modulate_if(&layer.films[4], z, modulation);
        let (activation, secondary) = (&state.activation, &state.secondary);
        let (rows, gating) = (layer.bottleneck, layer.gating);
        self.path.run(Gate { rows, target: z.view_mut(), gating, activation, secondary, frames });
        self.modulate_if(&layer.films[5], z, modulation);
        match &layer.to_head {
            Some(conv) => {
                convolve(self.path, conv, z.view(), out.view_mut(), frames);
                self.modulate_if(&layer.films[7], out, modulation);
                self.add(conv.outputs(), head.view_mut(), out);
            }
            None => self.add(layer.bottleneck, head.view_mut(), z),
        }
        // The reference reads the weights of this modulation for every layer and applies them to blended ones alone.
        let film = layer.films[6].as_ref().filter(|_| layer.gating == Gating::Blended);
        match (film, &layer.to_next, next) {
            (Some(film), Some(conv), Some(next)) => {
                convolve(self.path, conv, z.view(), out.view_mut(), frames);
                self.modulate(film, out, modulation);
                copy(&state.input, next, frames);
                self.add(conv.outputs(), next.view_mut(), out);
            }
            (_, _, next) => self.onward(layer, state, z, next),
        }
    }

    fn add(self, rows: usize, target: ViewMut, source: &Rows) {
        self.path.run(Add { rows, target, source: source.view(), frames: self.frames });
    }

    fn modulate_if(self, film: &Option<NetFilm>, target: &mut Rows, modulation: &mut Rows) {
        if let Some(film) = film {
            self.modulate(film, target, modulation);
        }
    }

    fn modulate(self, film: &NetFilm, target: &mut Rows, modulation: &mut Rows) {
        convolve(self.path, &film.conv, self.condition, modulation.view_mut(), self.frames);
        let (rows, shift, frames) = (film.rows, film.shift, self.frames);
        self.path.run(Modulate { rows, target: target.view_mut(), modulation: modulation.view(), shift, frames });
    }
}

/// Copies the present block of all rows.
fn copy(from: &Rows, to: &mut Rows, frames: usize) {
    for row in 0..from.count() {
        to.row_mut(row)[..frames].copy_from_slice(&from.row(row)[..frames]);
    }
}
