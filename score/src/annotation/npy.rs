//! Beats in NumPy's array files, format versions 1 to 3 of numpy.lib.format.
//!
//! Written here since only one or two columns of floats are ever read, and written back as version 1.

use super::{AnnotationProblem, Carried, TimeChange};

/// An array of one or two columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    /// 4 or 8 bytes a number.
    width: usize,
    /// One or two numbers a row.
    columns: usize,
    /// Whether the shape names its columns.
    flat: bool,
    /// Row by row.
    pub values: Vec<f64>,
}

/// Makes the array of a take.
pub(super) fn carry(bytes: &[u8], change: &TimeChange) -> Result<Carried, AnnotationProblem> {
    let mut array = Array::of(bytes)?;
    let stretches = array.stretches()?;
    if !change.is_cut() {
        return Ok(Carried::Copied);
    }
    let mut values = Vec::with_capacity(array.values.len());
    for row in array.rows() {
        match *row {
            [start, end] if stretches => {
                values.extend(change.stretch(start, end).map(<[f64; 2]>::from).iter().flatten())
            }
            [start, ref rest @ ..] => {
                if let Some(at) = change.instant(start) {
                    values.push(at);
                    values.extend_from_slice(rest);
                }
            }
            [] => {}
        }
    }
    array.values = values;
    Ok(Carried::Rewritten(array.bytes()))
}

impl Array {
    /// Reads a file. Its times are finite.
    pub fn of(bytes: &[u8]) -> Result<Array, AnnotationProblem> {
        let wrong = |what: &str| AnnotationProblem::Npy(what.to_owned());
        if !bytes.starts_with(b"\x93NUMPY") {
            return Err(wrong("it does not start with NumPy's mark"));
        }
        let short = || wrong("it ends within its header");
        let (length, at) = match *bytes.get(6).ok_or_else(short)? {
            1 => {
                let length = bytes.get(8..10).ok_or_else(short)?;
                (usize::from(u16::from_le_bytes([length[0], length[1]])), 10)
            }
            2 | 3 => {
                let length = bytes.get(8..12).ok_or_else(short)?;
                (u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize, 12)
            }
            version => {
                return Err(AnnotationProblem::Npy(format!("its format has version {version}, known are 1 to 3")));
            }
        };
        let header = bytes.get(at..).and_then(|rest| rest.get(..length)).ok_or_else(short)?;
        let data = &bytes[at + length..];
        let header = std::str::from_utf8(header).map_err(|_| wrong("its header is not text"))?;

        let kind = quoted(value(header, "descr").ok_or_else(|| wrong("its header names no type"))?);
        let (little, width) = match kind.unwrap_or_default() {
            "<f8" | "=f8" | "float64" => (true, 8),
            "<f4" | "=f4" | "float32" => (true, 4),
            ">f8" => (false, 8),
            ">f4" => (false, 4),
            other => return Err(AnnotationProblem::Npy(format!("its numbers are of type {other:?}"))),
        };
        let by_columns = match value(header, "fortran_order") {
            Some(value) if value.starts_with("True") => true,
            Some(value) if value.starts_with("False") => false,
            _ => return Err(wrong("its header does not say in which order its numbers stand")),
        };
        let shape = value(header, "shape").and_then(sizes).ok_or_else(|| wrong("its header states no shape"))?;
        let (rows, columns) = match shape[..] {
            [rows] => (rows, 1),
            [rows, columns @ (1 | 2)] => (rows, columns),
            _ => return Err(AnnotationProblem::Npy(format!("its shape is {shape:?}"))),
        };
        let count = rows.checked_mul(columns).filter(|count| count.checked_mul(width) == Some(data.len()));
        let count = count.ok_or_else(|| {
            AnnotationProblem::Npy(format!("its shape is {shape:?}, and {} bytes of numbers are there", data.len()))
        })?;
        let number = |bytes: &[u8]| match (<[u8; 8]>::try_from(bytes), <[u8; 4]>::try_from(bytes)) {
            (Ok(eight), _) => {
                if little {
                    f64::from_le_bytes(eight)
                } else {
                    f64::from_be_bytes(eight)
                }
            }
            (_, Ok(four)) => f64::from(if little { f32::from_le_bytes(four) } else { f32::from_be_bytes(four) }),
            _ => unreachable!("numbers have 4 or 8 bytes"),
        };
        let mut values = vec![0.0; count];
        for (index, bytes) in data.chunks_exact(width).enumerate() {
            let to = if by_columns { index % rows * columns + index / rows } else { index };
            values[to] = number(bytes);
        }
        if let Some(row) = values.chunks_exact(columns).position(|row| !row[0].is_finite()) {
            return Err(AnnotationProblem::Npy(format!("the time of row {row} is not finite")));
        }
        Ok(Array { width, columns, flat: shape.len() == 1, values })
    }

    /// Its rows, of one or two numbers.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.columns)
    }

    /// Whether each row is a start and an end. Otherwise its second number is that of a beat in its bar, if it has one.
    pub fn stretches(&self) -> Result<bool, AnnotationProblem> {
        let fraction = self.rows().filter_map(|row| row.get(1)).any(|second| second.fract() != 0.0);
        let rising = self.rows().all(|row| row.get(1).is_some_and(|end| *end >= row[0]));
        match (fraction, rising) {
            (true, false) => Err(AnnotationProblem::Npy(
                "its second column holds neither the numbers of beats nor the ends of what begins in the first"
                    .to_owned(),
            )),
            (fraction, _) => Ok(fraction),
        }
    }

    /// The file.
    fn bytes(&self) -> Vec<u8> {
        let rows = self.values.len() / self.columns;
        let shape = if self.flat { format!("({rows},)") } else { format!("({rows}, {})", self.columns) };
        let mut header = format!("{{'descr': '<f{}', 'fortran_order': False, 'shape': {shape}, }}", self.width);
        // The numbers begin at a multiple of 64 bytes, and the header ends with a line end.
        let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
        header.extend(std::iter::repeat_n(' ', padded - 1 - header.len()));
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        for value in &self.values {
            match self.width {
                4 => bytes.extend_from_slice(&(*value as f32).to_le_bytes()),
                _ => bytes.extend_from_slice(&value.to_le_bytes()),
            }
        }
        bytes
    }
}

/// What stands behind a key of the header, which is a dictionary as Python writes it.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let at = [format!("'{key}'"), format!("\"{key}\"")].iter().find_map(|key| Some(header.find(key)? + key.len()))?;
    Some(header[at..].trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(value: &str) -> Option<&str> {
    let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    value[1..].split_once(quote).map(|(inside, _)| inside)
}

/// The sizes of a shape: `(8,)` or `(8, 2)`.
fn sizes(value: &str) -> Option<Vec<usize>> {
    let (inside, _) = value.strip_prefix('(')?.split_once(')')?;
    let parts = inside.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: &str, shape: &str, by_columns: bool, data: &[u8]) -> Vec<u8> {
        let order = if by_columns { "True" } else { "False" };
        let header = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    #[test]
    fn every_byte_order_width_and_layout_gives_the_same_rows() {
        let numbers = [0.5, 1.0, 1.25, 2.0];
        let little: Vec<u8> = numbers.iter().flat_map(|n: &f64| n.to_le_bytes()).collect();
        let big: Vec<u8> = numbers.iter().flat_map(|n| (*n as f32).to_be_bytes()).collect();
        let columns: Vec<u8> = [0.5, 1.25, 1.0, 2.0].iter().flat_map(|n: &f64| n.to_le_bytes()).collect();
        for bytes in [
            file("<f8", "(2, 2)", false, &little),
            file(">f4", "(2, 2)", false, &big),
            file("<f8", "(2, 2)", true, &columns),
        ] {
            let array = Array::of(&bytes).unwrap();
            assert_eq!(array.values, numbers);
            assert_eq!(Array::of(&array.bytes()).unwrap(), array, "what is written is read again");
            assert_eq!((array.bytes().len() - array.values.len() * array.width) % 64, 0);
        }
    }

    #[test]
    fn what_is_no_array_of_times_is_refused_with_its_reason() {
        let refused = |bytes: &[u8]| Array::of(bytes).unwrap_err().to_string();
        assert!(refused(b"abc").contains("does not start with NumPy's mark"));
        assert!(refused(b"\x93NUMPY\x01\x00\xff\xff{").contains("ends within its header"));
        assert!(refused(&file("<i8", "(1,)", false, &[0; 8])).contains("are of type \"<i8\""));
        assert!(refused(&file("<f8", "(3,)", false, &[0; 8])).contains("shape is [3], and 8 bytes"));
        assert!(refused(&file("<f8", "(1, 1, 1)", false, &[0; 8])).contains("shape is [1, 1, 1]"));
        assert!(refused(&file("<f8", "(99999999999999, 2)", false, &[0; 8])).contains("8 bytes"));
        assert!(refused(&file("<f8", "(1,)", false, &f64::NAN.to_le_bytes())).contains("row 0 is not finite"));
        assert_eq!(Array::of(&file("<f8", "(0, 2)", true, &[])).unwrap().values, [0.0; 0]);
    }
}
