//! What a predictor leaves over, in Rice codes (RFC 9639, 9.2.7).

use super::bits::BitWriter;

/// Residuals with the partition that codes them in the fewest bits.
pub(super) struct Rice {
    /// Residuals, folded so that small ones of either sign are small numbers.
    folded: Vec<u32>,
    /// Samples in front of the residuals that are stored as they are; the first partition is shorter by them.
    order: usize,
    /// Samples of the block.
    samples: usize,
    partition_order: u32,
    parameters: Vec<u32>,
    bits: u64,
}

/// Finest partition: 64 parts of 64 samples.
const MAX_PARTITION_ORDER: u32 = 6;

impl Rice {
    /// Chooses partition and parameters. `None` if there is a residual that the format cannot hold.
    pub(super) fn best(residuals: &[i64], order: usize) -> Option<Rice> {
        let samples = residuals.len() + order;
        let mut folded = Vec::with_capacity(residuals.len());
        for &residual in residuals {
            // The lowest 32-bit number is not allowed (RFC 9639, 9.2.7.3).
            let residual = i32::try_from(residual).ok().filter(|&r| r != i32::MIN)?;
            folded.push((residual << 1 ^ residual >> 31) as u32);
        }
        let finest = samples.trailing_zeros().min(MAX_PARTITION_ORDER);
        let finest = (0..=finest).rev().find(|&p| samples >> p > order)?;
        // The parameter that suits a part lies near the logarithm of its mean, that of parts put together in between.
        let near = parts(&folded, order, samples, finest).map(|part| {
            let sum: u64 = part.iter().map(|&u| u64::from(u)).sum();
            (sum / part.len() as u64).checked_ilog2().unwrap_or(0).min(30)
        });
        let (low, high) = near.fold((30, 0), |(low, high), near| (near.min(low), near.max(high)));
        let parameters = low.saturating_sub(1)..=(high + 1).min(30);
        // For each parameter and part, what it leaves to be coded in unary. From the finest partition up, neighbours
        // are added together.
        let mut unary: Vec<Vec<u64>> = parameters
            .clone()
            .map(|k| {
                let rest = |part: &[u32]| part.iter().map(|&u| u64::from(u >> k)).sum();
                parts(&folded, order, samples, finest).map(rest).collect()
            })
            .collect();
        let mut best: Option<(u64, u32, Vec<u32>)> = None;
        for partition_order in (0..=finest).rev() {
            let length = samples >> partition_order;
            let choose = |part: usize| {
                let count = (if part == 0 { length - order } else { length }) as u64;
                let costs = parameters.clone().zip(&unary).map(|(k, rest)| (count * u64::from(k + 1) + rest[part], k));
                costs.min().expect("there are parameters to choose from")
            };
            let (costs, chosen): (Vec<u64>, Vec<u32>) = (0..1 << partition_order).map(choose).unzip();
            let cost = 6 + costs.iter().sum::<u64>() + parameter_bits(&chosen) * chosen.len() as u64;
            if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                best = Some((cost, partition_order, chosen));
            }
            for rest in &mut unary {
                *rest = rest.chunks(2).map(|pair| pair.iter().sum()).collect();
            }
        }
        let (bits, partition_order, parameters) = best?;
        Some(Rice { folded, order, samples, partition_order, parameters, bits })
    }

    /// Exactly how many bits [`write`](Rice::write) appends.
    pub(super) fn bits(&self) -> u64 {
        self.bits
    }

    pub(super) fn write(&self, bits: &mut BitWriter) {
        let width = parameter_bits(&self.parameters) as u32;
        bits.put(width - 4, 2);
        bits.put(self.partition_order, 4);
        for (part, &parameter) in
            parts(&self.folded, self.order, self.samples, self.partition_order).zip(&self.parameters)
        {
            bits.put(parameter, width);
            for &u in part {
                bits.put_unary(u >> parameter);
                bits.put(u, parameter);
            }
        }
    }
}

/// The residuals of each part.
fn parts(folded: &[u32], order: usize, samples: usize, partition_order: u32) -> impl Iterator<Item = &[u32]> {
    let length = samples >> partition_order;
    (0..1usize << partition_order).map(move |part| {
        let start = (part * length).saturating_sub(order);
        &folded[start..(part + 1) * length - order]
    })
}

/// Width of a parameter: four bits hold up to 14, five up to 30; the highest number of each means something else.
fn parameter_bits(parameters: &[u32]) -> u64 {
    if parameters.iter().all(|&parameter| parameter < 15) { 4 } else { 5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_bits_are_those_written() {
        let mut state = 1u32;
        for (scale, order) in [(1i64, 0), (1_000, 3), (2_000_000_000, 12), (0, 1)] {
            let residuals: Vec<i64> = (0..4096 - order as i64)
                .map(|n| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    ((i64::from(state as i32) * scale) >> 31) / (1 + n / 1_000)
                })
                .collect();
            let rice = Rice::best(&residuals, order).unwrap();
            let mut bits = BitWriter::default();
            rice.write(&mut bits);
            bits.put(0, (8 - (rice.bits() % 8) as u32) % 8);
            assert_eq!(bits.bytes().len() as u64, rice.bits().div_ceil(8));
        }
    }

    #[test]
    fn residuals_beyond_the_format_are_refused() {
        assert!(Rice::best(&[0, i64::from(i32::MAX)], 0).is_some());
        assert!(Rice::best(&[0, i64::from(i32::MIN)], 0).is_none());
        assert!(Rice::best(&[0, 1 << 31], 0).is_none());
    }
}
