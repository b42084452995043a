//! A chain as strips of the graph, which lines up whatever meets in it.

use jobs::message::Phase;
use mix::{FeedPoint, Level, Source, Strip, StripId};
use presets::{DeviceSetup, Link};
use score::Curve;

use crate::build::{self, BuildError, Builder, refusal};
use crate::report::Reporter;

/// A chain cut where it forks and where it joins. The first part takes the signal, and the last gives what comes of it.
pub(super) struct Shape<'a> {
    pub(super) parts: Vec<Part<'a>>,
}

/// Devices in series.
#[derive(Default)]
pub(super) struct Part<'a> {
    devices: Vec<&'a DeviceSetup>,
    /// The parts before it that it sums, with a factor each; none of the first part.
    hears: Vec<(usize, f64)>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(chain: &'a [Link]) -> Shape<'a> {
        let mut shape = Shape { parts: vec![Part::default()] };
        shape.run(chain, 0);
        shape
    }

    /// Puts links behind a part that nothing follows yet. Gives the part in which they end.
    fn run(&mut self, chain: &'a [Link], mut at: usize) -> usize {
        for link in chain {
            match link {
                Link::Device(setup) => self.parts[at].devices.push(setup),
                Link::Parallel { parallel } => {
                    let mut hears = Vec::with_capacity(parallel.len());
                    for branch in parallel {
                        let end = match branch.chain.as_slice() {
                            [] => at,
                            chain => {
                                let head = self.part(vec![(at, 1.0)]);
                                self.run(chain, head)
                            }
                        };
                        hears.push((end, branch.gain));
                    }
                    at = self.part(hears);
                }
            }
        }
        at
    }

    fn part(&mut self, hears: Vec<(usize, f64)>) -> usize {
        self.parts.push(Part { devices: Vec::new(), hears });
        self.parts.len() - 1
    }

    /// The part of a device, by its number as [`presets::devices`] counts, and its place in that part.
    pub(super) fn device(&self, number: usize) -> Option<(usize, usize)> {
        let mut before = 0;
        for (index, part) in self.parts.iter().enumerate() {
            if number < before + part.devices.len() {
                return Some((index, number - before));
            }
            before += part.devices.len();
        }
        None
    }
}

/// Where strips come to stand, and what they are called.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    /// Place of the first in the graph.
    pub(super) head: usize,
    pub(super) name: &'a str,
}

/// Brings a chain to life as strips, in their order in the graph. `channels` come from the source, 0 of notes; the level
/// stands behind it all.
pub(super) fn strips(
    site: Site<'_>,
    chain: &[Link],
    source: Source,
    channels: usize,
    level: Level,
    builder: &mut Builder,
    reporter: &mut Reporter,
) -> Result<Vec<Strip>, BuildError> {
    let Site { head, name } = site;
    let shape = Shape::of(chain);
    if channels == 0 && shape.parts.len() > 1 && shape.parts[0].devices.is_empty() {
        let reason = format!("chains beside each other take no notes; put an instrument first in the chain of {name}");
        return Err(refusal(Phase::Configure, None, reason));
    }
    let mut strips: Vec<Strip> = Vec::with_capacity(shape.parts.len());
    let mut given: Vec<usize> = Vec::with_capacity(shape.parts.len());
    let (mut first, mut last) = (Some((source, channels)), Some(level));
    for (index, part) in shape.parts.iter().enumerate() {
        let sum = || part.hears.iter().map(|(from, _)| given[*from]).max().unwrap_or(channels);
        let (source, channels) = first.take().unwrap_or_else(|| (Source::Sum(sum()), sum()));
        let chain = build::chain(StripId(head + index), name, &part.devices, channels, builder, reporter)?;
        given.push(chain.out_channels(channels));
        let is_last = index + 1 == shape.parts.len();
        let level = last.take_if(|_| is_last).unwrap_or(Level::Direct);
        strips.push(Strip::new(name, source, chain, level));
    }
    // All that a part gives goes on within the chain, but for the last one.
    let mut feeds: Vec<Vec<(usize, f64)>> = strips.iter().map(|_| Vec::new()).collect();
    for (to, part) in shape.parts.iter().enumerate() {
        part.hears.iter().for_each(|(from, gain)| feeds[*from].push((to, *gain)));
    }
    let fed = |(strip, feeds): (Strip, Vec<(usize, f64)>)| {
        feeds.into_iter().fold(strip, |strip, (to, gain)| {
            strip.feeding(StripId(head + to), Curve::constant(gain), FeedPoint::PostFader)
        })
    };
    Ok(strips.into_iter().zip(feeds).map(fed).collect())
}

#[cfg(test)]
mod tests {
    use presets::Branch;

    use super::*;

    fn device(name: &str) -> Link {
        presets::spec::parse(&format!("builtin:{name}"), "".as_ref()).unwrap().into()
    }

    fn fork(branches: Vec<(f64, Vec<Link>)>) -> Link {
        let branch = |(gain, chain)| Branch { gain, chain };
        Link::Parallel { parallel: branches.into_iter().map(branch).collect() }
    }

    #[test]
    fn devices_are_numbered_alike_in_a_chain_and_in_its_parts() {
        let inner = fork(vec![(0.5, vec![]), (0.25, vec![device("delay"), device("eq")])]);
        let outer = fork(vec![(1.0, vec![device("drive"), inner]), (-1.0, vec![device("gate")]), (2.0, vec![])]);
        let chain = [device("gain"), outer, device("reverb"), fork(vec![(1.0, vec![device("pan")])])];
        let shape = Shape::of(&chain);
        let hears: Vec<Vec<(usize, f64)>> = shape.parts.iter().map(|part| part.hears.clone()).collect();
        let expected = [
            vec![],
            vec![(0, 1.0)],
            vec![(1, 1.0)],
            vec![(1, 0.5), (2, 0.25)],
            vec![(0, 1.0)],
            vec![(3, 1.0), (4, -1.0), (0, 2.0)],
            vec![(5, 1.0)],
            vec![(6, 1.0)],
        ];
        assert_eq!(hears, expected, "each part stands behind all that it hears");
        for (number, setup) in presets::devices(&chain).into_iter().enumerate() {
            let (part, slot) = shape.device(number).expect("every device stands in a part");
            assert_eq!(shape.parts[part].devices[slot], setup, "device {number}");
        }
        assert_eq!(shape.device(8), None);
        assert_eq!(presets::devices(&chain).len(), 8 - 1);
    }
}
