//! How messages travel: a length of four bytes, little endian, then that many bytes of JSON.
//!
//! A worker reads and writes blocking, with [`read_frame`] and [`write_frame`]. The farm must never wait for one worker
//! while others speak, so it collects bytes as they come in a [`FrameBuffer`]. What the other side sends may be anything
//! at all, since a plugin may have written into it: nothing here panics or trusts a length.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::message::MAX_FRAME;

/// Bytes in front of each frame that hold its length.
const HEADER: usize = 4;

/// Bytes of a frame for which room is made at once, whatever arrives.
const SHORT: usize = 64 << 10;

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection failed, or ended within a frame ([`io::ErrorKind::UnexpectedEof`]).
    #[error("the connection failed")]
    Connection(#[from] io::Error),
    /// The announced or needed length is beyond [`MAX_FRAME`].
    #[error("a frame of {0} bytes is longer than any message, at most {MAX_FRAME} bytes")]
    TooLong(u64),
    /// The frame is not JSON, or not of a known message.
    #[error("a frame of {length} bytes holds no known message")]
    Content {
        /// Its length in bytes.
        length: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The frame that carries `message`. Fails with [`FrameError::TooLong`] if it would be longer than [`MAX_FRAME`].
pub fn encode_frame<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; HEADER];
    serde_json::to_writer(&mut frame, message).map_err(|source| FrameError::Content { length: 0, source })?;
    let length = frame.len() - HEADER;
    match u32::try_from(length) {
        Ok(short) if short <= MAX_FRAME => frame[..HEADER].copy_from_slice(&short.to_le_bytes()),
        _ => return Err(FrameError::TooLong(length as u64)),
    }
    Ok(frame)
}

/// Writes `message` as one frame with one call, so that frames from several threads behind a lock never mix.
pub fn write_frame<T: Serialize>(to: &mut impl Write, message: &T) -> Result<(), FrameError> {
    to.write_all(&encode_frame(message)?)?;
    Ok(to.flush()?)
}

/// Reads the next frame; `None` if the connection ends in front of one. Blocks until a frame is complete.
pub fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut header = [0; HEADER];
    let mut filled = 0;
    while filled < HEADER {
        match from.read(&mut header[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let length = frame_length(header)?;
    // Most frames are read with one call; beyond that the buffer grows with what arrives: a wrong length costs no memory.
    let mut body = Vec::with_capacity(length.min(SHORT));
    from.by_ref().take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    decode_body(&body).map(Some)
}

/// Bytes that have arrived so far, and the frames in them.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    taken: usize,
}

impl FrameBuffer {
    /// Adds what has arrived.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next complete frame; `None` until more bytes arrive. After an error the rest cannot be understood any
    /// more, since it is unknown where the next frame begins.
    pub fn next_frame<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let waiting = &self.bytes[self.taken..];
        let Some((header, rest)) = waiting.split_first_chunk::<HEADER>() else { return Ok(None) };
        let length = frame_length(*header)?;
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = decode_body(body)?;
        self.taken += HEADER + length;
        Ok(Some(message))
    }

    /// Holds the beginning of a frame whose rest has not arrived.
    pub fn is_within_frame(&self) -> bool {
        self.taken < self.bytes.len()
    }
}

fn frame_length(header: [u8; HEADER]) -> Result<usize, FrameError> {
    let length = u32::from_le_bytes(header);
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length.into()));
    }
    Ok(usize::try_from(length).expect("a length within MAX_FRAME fits in memory's address range"))
}

fn decode_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(body).map_err(|source| FrameError::Content { length: body.len(), source })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::{FromWorker, ToWorker};

    fn messages() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(any::<String>(), 0..6)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(messages in messages()) {
            let mut wire = Vec::new();
            for message in &messages {
                write_frame(&mut wire, message).unwrap();
            }
            let mut from = wire.as_slice();
            for message in &messages {
                prop_assert_eq!(&read_frame::<String>(&mut from).unwrap().unwrap(), message);
            }
            prop_assert!(read_frame::<String>(&mut from).unwrap().is_none());
        }

        #[test]
        fn frames_may_arrive_in_pieces_of_any_size(messages in messages(), piece in 1_usize..9) {
            let wire: Vec<u8> = messages.iter().flat_map(|m| encode_frame(m).unwrap()).collect();
            let mut buffer = FrameBuffer::default();
            let mut arrived = Vec::new();
            for bytes in wire.chunks(piece) {
                buffer.extend(bytes);
                while let Some(message) = buffer.next_frame::<String>().unwrap() {
                    arrived.push(message);
                }
            }
            prop_assert_eq!(arrived, messages);
            prop_assert!(!buffer.is_within_frame());
        }

        #[test]
        fn any_bytes_at_all_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut from = bytes.as_slice();
            while let Ok(Some(_)) = read_frame::<FromWorker>(&mut from) {}
            let mut buffer = FrameBuffer::default();
            buffer.extend(&bytes);
            while let Ok(Some(_)) = buffer.next_frame::<FromWorker>() {}
        }

        #[test]
        fn garbage_behind_a_true_length_is_an_error(body in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assume!(serde_json::from_slice::<ToWorker>(&body).is_err());
            let mut wire = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
            wire.extend(&body);
            let blocking = read_frame::<ToWorker>(&mut wire.as_slice());
            assert!(matches!(blocking, Err(FrameError::Content { length, .. }) if length == body.len()));
            let mut buffer = FrameBuffer::default();
            buffer.extend(&wire);
            let collected = buffer.next_frame::<ToWorker>();
            assert!(matches!(collected, Err(FrameError::Content { .. })));
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_its_bytes_arrive() {
        for length in [MAX_FRAME + 1, u32::MAX] {
            let header = length.to_le_bytes();
            let blocking = read_frame::<String>(&mut header.as_slice());
            assert!(matches!(blocking, Err(FrameError::TooLong(l)) if l == u64::from(length)), "{blocking:?}");
            let mut buffer = FrameBuffer::default();
            buffer.extend(&header);
            assert!(matches!(buffer.next_frame::<String>(), Err(FrameError::TooLong(_))));
        }
    }

    #[test]
    fn the_longest_frame_passes_and_one_byte_more_does_not() {
        let most = MAX_FRAME as usize - 2; // Two bytes are the quotes around it.
        assert_eq!(encode_frame(&"x".repeat(most)).unwrap().len(), HEADER + MAX_FRAME as usize);
        assert!(matches!(encode_frame(&"x".repeat(most + 1)), Err(FrameError::TooLong(_))));
    }

    #[test]
    fn an_end_within_a_frame_is_an_error_at_every_byte() {
        let wire = encode_frame(&ToWorker::Exit).unwrap();
        for end in 1..wire.len() {
            let read = read_frame::<ToWorker>(&mut &wire[..end]);
            match read {
                Err(FrameError::Connection(error)) => assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof),
                other => panic!("{end} bytes: {other:?}"),
            }
            let mut buffer = FrameBuffer::default();
            buffer.extend(&wire[..end]);
            assert!(buffer.next_frame::<ToWorker>().unwrap().is_none());
            assert!(buffer.is_within_frame());
        }
    }
}
