//! The configuration of a WaveNet, as files have it.

use std::borrow::Cow;

use super::super::fields::{Fields, items, number, text};
use super::super::json::Json;
use super::super::limits::{MOST_CHANNELS, MOST_DILATION, MOST_LAYERS, MOST_TAPS};
use super::super::{ModelError, activation};
use crate::activation::Activation;

/// The places at which a layer may be modulated, in the order of their weights.
pub(super) const FILMS: [&str; 8] = [
    "conv_pre_film",
    "conv_post_film",
    "input_mixin_pre_film",
    "input_mixin_post_film",
    "activation_pre_film",
    "activation_post_film",
    "layer1x1_post_film",
    "head1x1_post_film",
];

/// How the doubled channels of a layer become one set again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Gating {
    None,
    Gated,
    Blended,
}

/// Feature-wise linear modulation: the condition scales each channel, and shifts it where asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Film {
    pub shift: bool,
    pub groups: usize,
}

/// One layer's own settings.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub taps: usize,
    pub dilation: usize,
    pub activation: Activation,
    pub gating: Gating,
    pub secondary: Activation,
}

/// Layers of one width, and what leads from them to the output.
#[derive(Clone, Debug)]
pub(super) struct Array {
    pub inputs: usize,
    pub conditions: usize,
    pub channels: usize,
    pub bottleneck: usize,
    pub layers: Vec<Layer>,
    pub head_outputs: usize,
    pub head_taps: usize,
    pub head_dilation: usize,
    pub head_bias: bool,
    pub groups_input: usize,
    pub groups_mixin: usize,
    /// Groups of the convolution that leads to the next layer.
    pub layer1x1: Option<usize>,
    /// Outputs and groups of the convolution that leads to the head.
    pub head1x1: Option<(usize, usize)>,
    pub films: [Option<Film>; 8],
    /// The numbers of channels to which the array may be cut down, ascending.
    pub allowed: Option<Vec<usize>>,
}

/// Convolutions after all layers, an activation before each.
#[derive(Clone, Debug)]
pub(super) struct PostHead {
    pub channels: usize,
    pub outputs: usize,
    pub taps: Vec<usize>,
    pub activation: Activation,
}

/// A whole network, but for the one that makes its condition.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub arrays: Vec<Array>,
    pub head: Option<PostHead>,
}

impl Config {
    /// Reads the members of a configuration, all but `condition_dsp`.
    pub fn read(fields: &Fields) -> Result<Config, ModelError> {
        fields.one_input()?;
        // The last weight stands for it.
        fields.number_or("head_scale", 0.0)?;
        let layers = items(fields.required("layers")?, &fields.at("layers"))?;
        if layers.is_empty() {
            return Err(ModelError::Invalid { at: fields.at("layers"), reason: "there are no layers".to_owned() });
        }
        if layers.len() > MOST_LAYERS {
            let place = format!("the length of {}", fields.at("layers"));
            return Err(ModelError::Limit { at: place, value: layers.len().to_string(), limit: MOST_LAYERS });
        }
        let arrays = layers.iter().map(|(value, place)| Array::read(value, place)).collect::<Result<Vec<_>, _>>()?;
        let head = match fields.optional("head") {
            Some(value) => Some(PostHead::read(value, &fields.at("head"), arrays[arrays.len() - 1].head_outputs)?),
            None => None,
        };
        Ok(Config { arrays, head })
    }

    /// How many channels the network gives.
    pub fn outputs(&self) -> usize {
        match &self.head {
            Some(head) => head.outputs,
            None => self.arrays[self.arrays.len() - 1].head_outputs,
        }
    }
}

impl Array {
    fn read(value: &Json, place: &str) -> Result<Array, ModelError> {
        let fields = Fields::of(value, place)?;
        let channels = fields.size("channels", MOST_CHANNELS)?;
        let (head_outputs, head_taps, head_dilation, head_bias) = head(&fields)?;
        let mut films = [None; 8];
        for (film, name) in films.iter_mut().zip(FILMS) {
            *film = read_film(&fields, name)?;
        }
        let array = Array {
            inputs: fields.size("input_size", MOST_CHANNELS)?,
            conditions: fields.size("condition_size", MOST_CHANNELS)?,
            channels,
            bottleneck: fields.size_or("bottleneck", MOST_CHANNELS, channels)?,
            layers: read_layers(&fields)?,
            head_outputs,
            head_taps,
            head_dilation,
            head_bias,
            groups_input: fields.size_or("groups_input", MOST_CHANNELS, 1)?,
            groups_mixin: fields.size_or("groups_input_mixin", MOST_CHANNELS, 1)?,
            layer1x1: layer1x1(&fields)?,
            head1x1: head1x1(&fields)?,
            films,
            allowed: allowed(&fields, channels)?,
        };
        fields.finish()?;
        Ok(array)
    }

    /// How many rows each layer hands to the head.
    pub fn head_inputs(&self) -> usize {
        self.head1x1.map_or(self.bottleneck, |(outputs, _)| outputs)
    }
}

/// Outputs, taps, dilation and bias of an array's head: an object, or as older files have it.
fn head(fields: &Fields) -> Result<(usize, usize, usize, bool), ModelError> {
    let (size, bias) = (fields.optional("head_size").is_some(), fields.optional("head_bias").is_some());
    let Some(value) = fields.optional("head") else {
        return Ok((fields.size("head_size", MOST_CHANNELS)?, 1, 1, fields.flag("head_bias")?));
    };
    // The object counts where a file has both, so what the older members say must not be something else.
    let head = Fields::of(value, &fields.at("head"))?;
    let outputs = head.size("out_channels", MOST_CHANNELS)?;
    let taps = head.size("kernel_size", MOST_TAPS)?;
    let dilation = head.size_or("head_dilation", MOST_DILATION, 1)?;
    let head_bias = head.flag("bias")?;
    let contradiction =
        size && fields.size("head_size", MOST_CHANNELS)? != outputs || bias && fields.flag("head_bias")? != head_bias;
    if contradiction {
        let reason = "head_size or head_bias say something else than head".to_owned();
        return Err(ModelError::Invalid { at: fields.at("head"), reason });
    }
    head.finish()?;
    Ok((outputs, taps, dilation, head_bias))
}

fn read_layers(fields: &Fields) -> Result<Vec<Layer>, ModelError> {
    let dilations = fields.sizes("dilations", MOST_DILATION, MOST_LAYERS)?;
    let count = dilations.len();
    let taps = match (fields.optional("kernel_size"), fields.optional("kernel_sizes")) {
        (Some(_), None) => vec![fields.size("kernel_size", MOST_TAPS)?; count],
        (None, Some(_)) => {
            same(fields.sizes("kernel_sizes", MOST_TAPS, MOST_LAYERS)?, count, &fields.at("kernel_sizes"))?
        }
        (None, None) => return Err(ModelError::Missing { at: fields.at("kernel_size") }),
        (Some(_), Some(_)) => {
            let reason = "kernel_size stands beside it; only one of them may".to_owned();
            return Err(ModelError::Invalid { at: fields.at("kernel_sizes"), reason });
        }
    };
    let activations = per_layer(fields.required("activation")?, &fields.at("activation"), count)?;
    let activations =
        activations.iter().map(|(value, place)| activation::read(value, place)).collect::<Result<Vec<_>, _>>()?;
    let gatings = gatings(fields, count)?;
    let mut layers = Vec::with_capacity(count);
    for (((taps, dilation), activation), (gating, secondary)) in
        taps.into_iter().zip(dilations).zip(activations).zip(gatings)
    {
        layers.push(Layer { taps, dilation, activation, gating, secondary });
    }
    Ok(layers)
}

/// How each layer is gated, and by what.
fn gatings(fields: &Fields, count: usize) -> Result<Vec<(Gating, Activation)>, ModelError> {
    let secondary = fields.optional("secondary_activation");
    let gated = fields.optional("gated");
    let Some(mode) = fields.optional("gating_mode") else {
        // Older files know gates alone, and sigmoids alone in them.
        let gated = gated.is_some() && fields.flag("gated")?;
        return Ok(vec![(if gated { Gating::Gated } else { Gating::None }, Activation::Sigmoid); count]);
    };
    let modes = per_layer(mode, &fields.at("gating_mode"), count)?;
    let modes = modes.iter().map(|(value, place)| gating(text(value, place)?, place)).collect::<Result<Vec<_>, _>>()?;
    let place = fields.at("secondary_activation");
    // What stands there for layers without a gate is of no effect: null, an empty text.
    let secondaries = match secondary {
        Some(value) if modes.iter().any(|mode| *mode != Gating::None) => Some(per_layer(value, &place, count)?),
        _ => None,
    };
    let mut result = Vec::with_capacity(count);
    for (i, mode) in modes.into_iter().enumerate() {
        let secondary = match &secondaries {
            Some(values) if mode != Gating::None => activation::read(&values[i].0, &values[i].1)?,
            _ => Activation::Sigmoid,
        };
        result.push((mode, secondary));
    }
    Ok(result)
}

fn gating(name: &str, place: &str) -> Result<Gating, ModelError> {
    match name {
        "none" => Ok(Gating::None),
        "gated" => Ok(Gating::Gated),
        "blended" => Ok(Gating::Blended),
        other => Err(ModelError::Unsupported { at: place.to_owned(), what: "gating mode", name: other.to_owned() }),
    }
}

/// The values of an array with one for each layer, or one value for all of them.
fn per_layer<'a>(value: &'a Json, place: &str, count: usize) -> Result<Vec<(Cow<'a, Json>, String)>, ModelError> {
    match value {
        Json::Array(_) | Json::Numbers(_) => same(items(value, place)?, count, place),
        single => Ok(vec![(Cow::Borrowed(single), place.to_owned()); count]),
    }
}

fn same<T>(values: Vec<T>, count: usize, place: &str) -> Result<Vec<T>, ModelError> {
    if values.len() == count {
        return Ok(values);
    }
    let reason = format!("it has {} values for {count} layers", values.len());
    Err(ModelError::Invalid { at: place.to_owned(), reason })
}

fn layer1x1(fields: &Fields) -> Result<Option<usize>, ModelError> {
    let Some(value) = fields.optional("layer1x1") else { return Ok(Some(1)) };
    let layer = Fields::of(value, &fields.at("layer1x1"))?;
    let (active, groups) = (layer.flag("active")?, layer.size_or("groups", MOST_CHANNELS, 1)?);
    layer.finish()?;
    Ok(active.then_some(groups))
}

fn head1x1(fields: &Fields) -> Result<Option<(usize, usize)>, ModelError> {
    let Some(value) = fields.optional("head1x1") else { return Ok(None) };
    let head = Fields::of(value, &fields.at("head1x1"))?;
    let active = head.flag("active")?;
    let outputs = head.size("out_channels", MOST_CHANNELS)?;
    let groups = head.size_or("groups", MOST_CHANNELS, 1)?;
    head.finish()?;
    Ok(active.then_some((outputs, groups)))
}

fn read_film(fields: &Fields, name: &str) -> Result<Option<Film>, ModelError> {
    let value = match fields.optional(name) {
        None | Some(Json::Bool(false)) => return Ok(None),
        Some(value) => value,
    };
    let film = Fields::of(value, &fields.at(name))?;
    let active = film.flag_or("active", true)?;
    let (shift, groups) = (film.flag_or("shift", true)?, film.size_or("groups", MOST_CHANNELS, 1)?);
    film.finish()?;
    Ok(active.then_some(Film { shift, groups }))
}

/// The numbers of channels to which an array may be cut down.
fn allowed(fields: &Fields, channels: usize) -> Result<Option<Vec<usize>>, ModelError> {
    let Some(value) = fields.optional("slimmable") else { return Ok(None) };
    let slimmable = Fields::of(value, &fields.at("slimmable"))?;
    let method = slimmable.text("method")?;
    if method != "slice_channels_uniform" {
        let (at, name) = (slimmable.at("method"), method.to_owned());
        return Err(ModelError::Unsupported { at, what: "method", name });
    }
    let mut allowed: Vec<usize> = (1..=channels).collect();
    if let Some(value) = slimmable.optional("kwargs") {
        let kwargs = Fields::of(value, &slimmable.at("kwargs"))?;
        if kwargs.optional("allowed_channels").is_some() {
            allowed = kwargs.sizes("allowed_channels", channels, MOST_CHANNELS)?;
            let place = kwargs.at("allowed_channels");
            if !allowed.is_sorted_by(|a, b| a < b) || allowed.last() != Some(&channels) {
                let reason = format!("it does not ascend to the {channels} channels of the array");
                return Err(ModelError::Invalid { at: place, reason });
            }
        }
        kwargs.finish()?;
    }
    slimmable.finish()?;
    Ok(Some(allowed))
}

impl PostHead {
    fn read(value: &Json, place: &str, inputs: usize) -> Result<PostHead, ModelError> {
        let fields = Fields::of(value, place)?;
        let stated =
            fields.optional("in_channels").map(|value| number(value, &fields.at("in_channels"))).transpose()?;
        if let Some(stated) = stated.filter(|stated| *stated != inputs as f64) {
            let reason = format!("{stated} inputs do not fit the {inputs} outputs of the last layers");
            return Err(ModelError::Invalid { at: fields.at("in_channels"), reason });
        }
        let head = PostHead {
            channels: fields.size("channels", MOST_CHANNELS)?,
            outputs: fields.size("out_channels", MOST_CHANNELS)?,
            taps: fields.sizes("kernel_sizes", MOST_TAPS, MOST_LAYERS)?,
            activation: activation::read(fields.required("activation")?, &fields.at("activation"))?,
        };
        fields.finish()?;
        Ok(head)
    }
}
