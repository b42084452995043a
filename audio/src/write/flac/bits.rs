//! Bytes bit by bit, the highest first.

#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits that do not fill a byte yet, in the lowest places.
    held: u64,
    count: u32,
}

impl BitWriter {
    /// Appends the lowest `count` bits of `value`, at most 32.
    pub(super) fn put(&mut self, value: u32, count: u32) {
        debug_assert!(count <= 32);
        let mask = (1u64 << count) - 1;
        self.held = self.held << count | u64::from(value) & mask;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.held >> self.count) as u8);
        }
    }

    /// Likewise, of a signed number that fits.
    pub(super) fn put_signed(&mut self, value: i32, count: u32) {
        self.put(value as u32, count);
    }

    /// Appends `zeros` zeros and a one.
    pub(super) fn put_unary(&mut self, mut zeros: u32) {
        while zeros >= 32 {
            self.put(0, 32);
            zeros -= 32;
        }
        self.put(1, zeros + 1);
    }

    /// Fills the last byte with zeros.
    pub(super) fn align(&mut self) {
        self.put(0, (8 - self.count) % 8);
    }

    /// What was written. Whole bytes only.
    pub(super) fn bytes(&self) -> &[u8] {
        debug_assert_eq!(self.count, 0);
        &self.bytes
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        debug_assert_eq!(self.count, 0);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_stand_in_order_across_bytes() {
        let mut bits = BitWriter::default();
        bits.put(0b101, 3);
        bits.put_signed(-1, 2);
        bits.put_unary(4);
        bits.put(0xdead_beef, 32);
        bits.put_unary(40);
        bits.align();
        assert_eq!(
            bits.bytes(),
            [0b1011_1000, 0b0111_0111, 0b1010_1011, 0b0110_1111, 0b1011_1011, 0b1100_0000, 0, 0, 0, 0, 0b0010_0000]
        );
    }
}
